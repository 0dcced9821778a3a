package front

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A problem is the body of every error on HTTP (RFC 9457). It says what the status of
// gRPC says and no more.
type problem struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail,omitempty"`
	Code       string            `json:"code"`                 // of gRPC, such as NOT_FOUND
	Reason     string            `json:"reason,omitempty"`     // the same for as long as the API lives
	Metadata   map[string]string `json:"metadata,omitempty"`   // the dynamic parts of detail
	Errors     []violation       `json:"errors,omitempty"`     // what is wrong with the request, field by field
	RetryDelay string            `json:"retryDelay,omitempty"` // such as 0.1s
	Details    []json.RawMessage `json:"details,omitempty"`    // whatever else the status carries
}

// A violation is what is wrong with one field.
type violation struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Reason string `json:"reason,omitempty"`
}

// problemType is the content type of problems.
const problemType = "application/problem+json"

// problemOf renders a status, for an answer with an HTTP status of its own if httpCode is
// not 0. The second result is when to try again, or 0.
func problemOf(st *status.Status, httpCode int) (problem, time.Duration) {
	p := problem{Type: "about:blank", Status: httpCode, Detail: st.Message(), Code: code.Code(st.Code()).String()}
	if httpCode == 0 {
		p.Status = runtime.HTTPStatusFromCode(st.Code())
	}
	p.Title = http.StatusText(p.Status)
	var retry time.Duration
	for _, packed := range st.Proto().GetDetails() {
		detail, err := packed.UnmarshalNew()
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			p.Type = "https://" + d.GetDomain() + "/problems/" + strings.ToLower(strings.ReplaceAll(d.GetReason(), "_", "-"))
			p.Title, p.Reason, p.Metadata = title(d.GetReason()), d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			for _, f := range d.GetFieldViolations() {
				p.Errors = append(p.Errors, violation{Field: f.GetField(), Detail: f.GetDescription(), Reason: f.GetReason()})
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration()
			p.RetryDelay = strconv.FormatFloat(retry.Seconds(), 'f', -1, 64) + "s"
		default:
			p.other(packed, err)
		}
	}
	return p, retry
}

// other keeps a detail that has no place of its own. One that nobody can read is left out.
func (p *problem) other(detail *anypb.Any, err error) {
	if err != nil {
		return
	}
	if text, err := protojson.Marshal(detail); err == nil {
		p.Details = append(p.Details, text)
	}
}

// title returns a reason as people write it: STALE_PAGE is "Stale page".
func title(reason string) string {
	if reason == "" {
		return ""
	}
	return reason[:1] + strings.ToLower(strings.ReplaceAll(reason[1:], "_", " "))
}

// refuse answers with a problem of the server's own.
func refuse(w http.ResponseWriter, httpCode int, c codes.Code, reason, message string) {
	writeProblem(w, status.Convert(&fault.Error{Code: c, Reason: reason, Message: message}), httpCode)
}

// writeProblem answers with a problem, and says when to try again.
func writeProblem(w http.ResponseWriter, st *status.Status, httpCode int) {
	p, retry := problemOf(st, httpCode)
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"INTERNAL"}`)
	}
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	h.Del("Trailer")
	h.Del("Transfer-Encoding")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if retry > 0 {
		h.Set("Retry-After", seconds(retry))
	}
	w.WriteHeader(p.Status)
	w.Write(body) //nolint:errcheck // the client went away
}

// seconds returns d in whole seconds, at least one: sooner is no use to a client that
// counts in seconds.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
