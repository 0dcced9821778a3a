// Package page makes and reads page tokens. A token carries the place where the
// next page begins and is bound to the request that it continues (AIP-158): with
// other arguments it is refused rather than misread.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// The page sizes of every List method.
const (
	defaultSize = 50
	maxSize     = 200
	maxBytes    = 4 << 20 // half of what an answer can carry
)

// A Request is a List request.
type Request interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// Size returns how many rows a page of req holds: 50 if it does not say, never
// more than 200.
func Size(req Request) int {
	if req.GetPageSize() <= 0 {
		return defaultSize
	}
	return min(int(req.GetPageSize()), maxSize)
}

// Fit returns how many of messages, from the first on, make a page of req: as many as
// it asks for, but no more than fit into an answer, and one at least if there is one.
func Fit[M proto.Message](req Request, messages []M) int {
	total, most := 0, min(len(messages), Size(req))
	for i, m := range messages[:most] {
		if total += proto.Size(m); total > maxBytes {
			return max(i, 1)
		}
	}
	return most
}

// Encode returns the token for the page of req that begins at cursor, which must
// marshal to JSON.
func Encode(req Request, cursor any) (string, error) {
	body, err := json.Marshal(cursor)
	if err != nil {
		return "", err
	}
	sum, err := digest(req, body)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(sum, body...)), nil
}

// Decode reads the token of req into cursor and leaves cursor alone for the first
// page. A token that is no token, or belongs to other arguments, is a fault on
// page_token.
func Decode(req Request, cursor any) error {
	token := req.GetPageToken()
	if token == "" {
		return nil
	}
	refuse := fault.Invalid(fault.Field{
		Path: "page_token", Reason: "PAGE_TOKEN",
		Description: "must be a next_page_token of a call with the same arguments",
	})
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sumSize {
		return refuse
	}
	sum, err := digest(req, raw[sumSize:])
	if err != nil {
		return err
	}
	if string(sum) != string(raw[:sumSize]) || holdsNUL(raw[sumSize:]) || json.Unmarshal(raw[sumSize:], cursor) != nil {
		return refuse
	}
	return nil
}

// holdsNUL reports whether a string in the JSON body has the character U+0000, which no
// row holds and PostgreSQL does not take.
func holdsNUL(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok && strings.ContainsRune(s, 0) {
			return true
		}
	}
}

const sumSize = 12

// digest covers the cursor and everything of req but where the page is.
func digest(req Request, cursor []byte) ([]byte, error) {
	m := proto.Clone(req).ProtoReflect()
	for _, f := range []protoreflect.Name{"page_token", "page_size"} {
		if fd := m.Descriptor().Fields().ByName(f); fd != nil {
			m.Clear(fd)
		}
	}
	m.SetUnknown(nil)
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write([]byte(m.Descriptor().FullName()))
	h.Write([]byte{0})
	h.Write(cursor)
	h.Write([]byte{0})
	h.Write(body)
	return h.Sum(nil)[:sumSize], nil
}
