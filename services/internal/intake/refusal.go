package intake

import (
	"errors"
	"strings"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// What is said about rows: all that 10,000 rows give rise to fits into one answer.
const (
	maxViolations = 3 // of a row
	maxDetailed   = 4 << 20
	maxCurt       = 200 // of a message, once the answer has that many bytes
)

// Status returns why a row was refused, in the first few of its fields.
func Status(err error) *statuspb.Status {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > maxViolations {
		err = fault.Invalid(e.Fields[:maxViolations]...)
	}
	return status.Convert(err).Proto()
}

// Told is how much an answer says about rows, in bytes.
type Told int

// Add adds what is said about a row. Once that is much, its error, which may be nil,
// loses its details.
func (t *Told) Add(row proto.Message, e *statuspb.Status) {
	if e != nil && int(*t)+proto.Size(row) > maxDetailed {
		e.Message, e.Details = cut(e.GetMessage(), maxCurt), nil
	}
	*t += Told(proto.Size(row))
}

// cut shortens text to at most n bytes of whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const ellipsis = "…"
	return strings.ToValidUTF8(text[:n-len(ellipsis)], "") + ellipsis
}
