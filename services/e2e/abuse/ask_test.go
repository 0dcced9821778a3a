package abuse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A surface is one of the two ways into the suite.
type surface int

const (
	onGRPC surface = iota
	onREST
)

func (s surface) String() string { return [...]string{"gRPC", "REST"}[s] }

// An ask is a request and what it must be answered.
type ask struct {
	req    proto.Message
	key    string                                  // credential; none if empty
	header map[string]string                       // metadata on gRPC
	code   codes.Code                              // wanted
	http   int                                     // wanted; that of code if 0
	field  string                                  // the first that must be named, if any
	reason string                                  // wanted, if any
	check  func(*testing.T, *suite, proto.Message) // of the answer
}

// An answer is what came back, whichever way.
type answer struct {
	status *status.Status
	http   int
	msg    proto.Message
}

// on makes the test of a on one surface. A refused request must leave nothing.
func (a ask) on(way surface) test {
	return func(t *testing.T, s *suite) {
		t.Helper()
		var before map[string]int64
		if a.code != codes.OK && s.dbs != nil {
			before = s.settled(t)
		}
		got := s.send(t, way, a)
		a.want(t, way, got)
		if before != nil {
			s.unchanged(t, before)
		}
		if a.check != nil && got.status.Code() == codes.OK {
			a.check(t, s, got.msg)
		}
	}
}

// want compares an answer with what a is to be answered.
func (a ask) want(t *testing.T, way surface, got answer) {
	t.Helper()
	http := a.http
	if http == 0 {
		http = runtime.HTTPStatusFromCode(a.code)
	}
	if way == onREST && got.http != http {
		t.Errorf("HTTP status = %d (%v), want %d", got.http, got.status, http)
	}
	if got.status.Code() != a.code && (way == onGRPC || a.http == 0) {
		t.Errorf("code = %v (%s), want %v", got.status.Code(), got.status.Message(), a.code)
	}
	if a.field != "" {
		bad := detail[*errdetails.BadRequest](got.status).GetFieldViolations()
		if len(bad) == 0 || bad[0].GetField() != a.field || bad[0].GetDescription() == "" {
			t.Errorf("fields = %v, want %s first", bad, a.field)
		}
	}
	if reason := detail[*errdetails.ErrorInfo](got.status).GetReason(); a.reason != "" && reason != a.reason {
		t.Errorf("reason = %s, want %s", reason, a.reason)
	}
}

// detail returns the first detail of type D, or nil.
func detail[D proto.Message](s *status.Status) D {
	var none D
	for _, d := range s.Details() {
		if d, ok := d.(D); ok {
			return d
		}
	}
	return none
}

// send sends the request of a.
func (s *suite) send(t *testing.T, way surface, a ask) answer {
	t.Helper()
	m := methodOf(a.req)
	if way == onGRPC {
		ctx := t.Context()
		for k, v := range a.header {
			ctx = metadata.AppendToOutgoingContext(ctx, k, v)
		}
		if a.key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+a.key)
		}
		got := newMessage(m.Output())
		return answer{status: status.Convert(s.call(ctx, m, a.req, got)), msg: got}
	}
	w := webCall(t, m, a.req)
	w.header = a.header
	if a.key != "" {
		w.header = map[string]string{"Authorization": "Bearer " + a.key}
		for k, v := range a.header {
			w.header[k] = v
		}
	}
	ctx := t.Context()
	if m.IsStreamingServer() { // which ends when it is refused, and else not
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	code, body := s.fetch(t, ctx, w)
	return parse(t, code, body, newMessage(m.Output()))
}

// call makes a call on gRPC. Of a stream it sends one message and reads one.
func (s *suite) call(ctx context.Context, m protoreflect.MethodDescriptor, req, got proto.Message) error {
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if !m.IsStreamingClient() && !m.IsStreamingServer() {
		return s.conn.Invoke(ctx, method, req, got)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	desc := &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}
	stream, err := s.conn.NewStream(ctx, desc, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // of EOF RecvMsg says more
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(got)
}

// must sends the request and returns the answer, which must be good.
func must[M proto.Message](t *testing.T, s *suite, req proto.Message) M {
	t.Helper()
	got := s.send(t, onGRPC, ask{req: req, key: s.key})
	if got.status.Code() != codes.OK {
		t.Fatalf("%T: %v", req, got.status)
	}
	return got.msg.(M)
}

// parse reads an answer of REST.
func parse(t *testing.T, httpCode int, body []byte, msg proto.Message) answer {
	t.Helper()
	if httpCode == http.StatusOK {
		if err := protojson.Unmarshal(body, msg); err != nil {
			t.Errorf("the answer is no %T: %v", msg, err)
		}
		return answer{status: status.New(codes.OK, ""), http: httpCode, msg: msg}
	}
	line := struct{ Error json.RawMessage }{}
	if json.Unmarshal(body, &line) == nil && line.Error != nil {
		body = line.Error // of a watch
	}
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Status != httpCode && line.Error == nil {
		t.Errorf("the answer %d %s is no problem: %v", httpCode, body, err)
	}
	return answer{status: p.grpc(t), http: httpCode}
}

// A problem is the body of an error on REST.
type problem struct {
	Status                     int
	Detail, Code, Reason, Type string
	Metadata                   map[string]string
	Errors                     []struct{ Field, Detail, Reason string }
	RetryDelay                 string
}

// grpc returns the status that the problem renders.
func (p problem) grpc(t *testing.T) *status.Status {
	t.Helper()
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: p.Reason, Metadata: p.Metadata}}
	bad := &errdetails.BadRequest{}
	for _, e := range p.Errors {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: e.Field, Description: e.Detail, Reason: e.Reason})
	}
	if len(p.Errors) > 0 {
		details = append(details, bad)
	}
	if p.RetryDelay != "" {
		delay, err := time.ParseDuration(p.RetryDelay)
		if err != nil {
			t.Error(err)
		}
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	st, err := status.New(codes.Code(code.Code_value[p.Code]), p.Detail).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A webRequest is a call of REST.
type webRequest struct {
	method, path, body string
	header             map[string]string // Content-Type is JSON unless it says something else
}

// fetch makes the call and returns the status and the body.
func (s *suite) fetch(t *testing.T, ctx context.Context, w webRequest) (int, []byte) {
	t.Helper()
	code, body, err := s.tryFetch(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	return code, body
}

func (s *suite) tryFetch(ctx context.Context, w webRequest) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, w.method, "http://"+s.addr+w.path, strings.NewReader(w.body))
	if err != nil {
		return 0, nil, err
	}
	if w.method == http.MethodPost || w.method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range w.header {
		if k == "Host" {
			req.Host = v
			continue
		}
		req.Header[http.CanonicalHeaderKey(k)] = strings.Split(v, "\n") // several values, one a line
	}
	res, err := s.web.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// methodOf finds the method that takes req. Each has a request type of its own.
func methodOf(req proto.Message) protoreflect.MethodDescriptor {
	want := req.ProtoReflect().Descriptor().FullName()
	var found protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(want.Parent(), func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if methods.Get(j).Input().FullName() == want {
					found = methods.Get(j)
				}
			}
		}
		return found == nil
	})
	return found
}

func newMessage(md protoreflect.MessageDescriptor) proto.Message {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
	if err != nil {
		panic(err) // the type is compiled in
	}
	return mt.New().Interface()
}

var variable = regexp.MustCompile(`\{([\w.]+)=[^}]*\}`)

// webCall returns what the contract makes of req on REST. What a query cannot express goes
// the other way that the contract offers.
func webCall(t *testing.T, m protoreflect.MethodDescriptor, req proto.Message) webRequest {
	t.Helper()
	rule := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	if more := rule.GetAdditionalBindings(); rule.GetGet() != "" && len(more) == 1 && nested(fields) {
		rule = more[0]
	}
	w := webRequest{}
	w.method, w.path = route(rule)
	w.path = variable.ReplaceAllStringFunc(w.path, func(v string) string {
		value := take(fields, strings.Split(variable.FindStringSubmatch(v)[1], "."))
		segments := strings.Split(value, "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		return strings.Join(segments, "/")
	})
	switch body := rule.GetBody(); {
	case body == "*":
		w.body = jsonText(t, fields)
		return w
	case body != "" && fields[body] != nil:
		w.body = jsonText(t, fields[body])
		delete(fields, body)
	}
	if query := flat("", fields, url.Values{}); len(query) > 0 {
		w.path += "?" + query.Encode()
	}
	return w
}

// route returns the verb and the path of a rule.
func route(rule *annotations.HttpRule) (verb, path string) {
	switch {
	case rule.GetGet() != "":
		return http.MethodGet, rule.GetGet()
	case rule.GetPatch() != "":
		return http.MethodPatch, rule.GetPatch()
	case rule.GetDelete() != "":
		return http.MethodDelete, rule.GetDelete()
	}
	return http.MethodPost, rule.GetPost()
}

// take removes a text from fields, where path leads, and returns it.
func take(fields map[string]any, path []string) string {
	if len(path) > 1 {
		inner, _ := fields[path[0]].(map[string]any)
		return take(inner, path[1:])
	}
	value, _ := fields[path[0]].(string)
	delete(fields, path[0])
	return value
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// nested reports whether there is a list of messages in v.
func nested(v any) bool {
	fields, _ := v.(map[string]any)
	for _, v := range fields {
		list, _ := v.([]any)
		if nested(v) || slices.ContainsFunc(list, func(v any) bool { _, message := v.(map[string]any); return message }) {
			return true
		}
	}
	return false
}

// flat writes fields as query parameters.
func flat(prefix string, v any, into url.Values) url.Values {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			flat(strings.TrimPrefix(prefix+"."+name, "."), inner, into)
		}
	case []any:
		for _, inner := range v {
			flat(prefix, inner, into)
		}
	default:
		into.Add(prefix, fmt.Sprint(v))
	}
	return into
}
