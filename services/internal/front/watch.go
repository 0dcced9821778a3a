package front

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// maxWrite is how long a client may take to make room for what it is sent.
const maxWrite = 30 * time.Second

// eventStream is the content type of server-sent events.
const eventStream = "text/event-stream"

// lines is the JSON of all answers. Those of a watch come one a line, each a result or
// an error.
type lines struct{ *runtime.JSONPb }

// StreamContentType implements runtime.StreamContentType.
func (lines) StreamContentType(any) string { return "application/x-ndjson" }

// Marshal implements runtime.Marshaler.
func (l lines) Marshal(v any) ([]byte, error) {
	if p, ok := failed(v); ok {
		return json.Marshal(map[string]problem{"error": p})
	}
	return l.JSONPb.Marshal(v)
}

// events is the JSON of answers for who wants server-sent events. Those of a watch come
// one an event; its id is where to resume. An error is an event of the kind problem.
type events struct{ *runtime.JSONPb }

// StreamContentType implements runtime.StreamContentType.
func (events) StreamContentType(any) string { return eventStream }

// Delimiter implements runtime.Delimited: each event ends itself.
func (events) Delimiter() []byte { return nil }

// Marshal implements runtime.Marshaler.
func (e events) Marshal(v any) ([]byte, error) {
	if p, ok := failed(v); ok {
		text, err := json.Marshal(p)
		return event("event: problem\n", text), err
	}
	chunk, ok := v.(map[string]any)
	if !ok {
		return e.JSONPb.Marshal(v)
	}
	msg, _ := chunk["result"].(proto.Message)
	text, err := e.JSONPb.Marshal(msg)
	if err != nil {
		return nil, err
	}
	head := ""
	if token := resumeToken(msg.ProtoReflect()); token != "" {
		head = "id: " + token + "\n"
	}
	return event(head, text), nil
}

func event(head string, data []byte) []byte {
	return bytes.Join([][]byte{[]byte(head), []byte("data: "), data, []byte("\n\n")}, nil)
}

// resumeToken returns the token of a message of a watch, if it has one that fits a line.
func resumeToken(m protoreflect.Message) string {
	fd := m.Descriptor().Fields().ByName("resume_token")
	if fd == nil || fd.Kind() != protoreflect.StringKind || fd.IsList() {
		return ""
	}
	if token := m.Get(fd).String(); !strings.ContainsAny(token, "\r\n\x00") {
		return token
	}
	return ""
}

// failed returns the problem of the last message of a watch that failed.
func failed(v any) (problem, bool) {
	chunk, ok := v.(map[string]proto.Message)
	if !ok {
		return problem{}, false
	}
	st, ok := chunk["error"].(*status.Status)
	if !ok {
		return problem{}, false
	}
	p, _ := problemOf(grpcstatus.FromProto(st), 0)
	return p, true
}

// watched settles how the answer to a request is to look: server-sent events for who
// accepts them, from the event on that the client has seen last.
func watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		accept := strings.Contains(r.Header.Get("Accept"), eventStream)
		delete(r.Header, "Accept")
		if accept {
			r.Header.Set("Accept", eventStream)
			w.Header().Set("X-Accel-Buffering", "no") // proxies must pass each event on at once
			if last := r.Header.Get("Last-Event-ID"); last != "" && r.Method == http.MethodGet {
				query := r.URL.Query()
				query.Del("resume_token")
				query.Set("resumeToken", last)
				r.URL.RawQuery = query.Encode()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// inTime gives the client of a call a time to take each message, since net/http itself
// waits as long as it is connected. A connection that knows no deadlines has none.
func inTime(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxWrite)) // net/http lifts it after the answer
	return nil
}

// prompt is a connection whose watches are not open before their first message is there,
// so that one that is refused is refused like any other call, with a status of its own.
type prompt struct{ grpc.ClientConnInterface }

// NewStream opens a watch.
func (c prompt) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil || desc.ClientStreams {
		return stream, err
	}
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return nil, err
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(d.(protoreflect.MethodDescriptor).Output().FullName())
	if err != nil {
		return nil, err
	}
	return &begun{ClientStream: stream, first: answer.New().Interface()}, nil
}

// A begun watch holds its header and its first message until they are asked for.
type begun struct {
	grpc.ClientStream
	header metadata.MD
	first  proto.Message
	ended  bool // without one
}

// CloseSend sends the request and waits for the first message.
func (s *begun) CloseSend() (err error) {
	if err := s.ClientStream.CloseSend(); err != nil {
		return err
	}
	if s.header, err = s.ClientStream.Header(); err != nil {
		return err
	}
	if err = s.ClientStream.RecvMsg(s.first); errors.Is(err, io.EOF) {
		s.ended = true
		return nil
	}
	return err
}

// Header returns what came before the first message.
func (s *begun) Header() (metadata.MD, error) { return s.header, nil }

// RecvMsg returns the next message.
func (s *begun) RecvMsg(m any) error {
	switch {
	case s.ended:
		return io.EOF
	case s.first == nil:
		return s.ClientStream.RecvMsg(m)
	}
	proto.Merge(m.(proto.Message), s.first)
	s.first = nil
	return nil
}
