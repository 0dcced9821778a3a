package front

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/concentric-cx/concentric/services/internal/fault"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

const (
	maxAnswer = 8 << 20     // bytes
	maxIdle   = time.Minute // between two messages of a client
)

// mount puts every method of the contracts on mux by Connect and gRPC-Web, and by gRPC for
// clients whose HTTP/2 connection carries other calls too. Calls go to conn, where those of
// services that are not there are UNIMPLEMENTED.
func mount(mux *http.ServeMux, conn grpc.ClientConnInterface) {
	server := connect.NewServer()
	batches := map[string]bool{}
	eachMethod(func(md protoreflect.MethodDescriptor) {
		if b := newBridge(md, conn); b != nil {
			batches[b.name] = rpc.Batch(md.Input())
			server.Register(b.method())
		}
	})
	json := connectproto.NewJSONCodec()
	json.MarshalOptions, json.UnmarshalOptions = jsonOut(), jsonIn()
	connecthttp.Mount(door{mux}, server,
		connecthttp.WithCodecs(connectproto.NewBinaryCodec(), json),
		connecthttp.WithSendMaxBytes(maxAnswer),
		connecthttp.WithCompressMinBytes(1<<10),
		connecthttp.WithConditionalOptions(func(spec connect.Spec) []connecthttp.Option {
			if batches[spec.Procedure] {
				return []connecthttp.Option{connecthttp.WithReadMaxBytes(maxBatch)}
			}
			return []connecthttp.Option{connecthttp.WithReadMaxBytes(maxMessage)}
		}))
}

// A door is a mux whose handlers get requests of Connect, gRPC-Web and gRPC only; others
// are refused with a problem.
type door struct{ mux *http.ServeMux }

// Handle implements connecthttp.ServeMux.
func (d door) Handle(pattern string, h http.Handler) {
	d.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		charset := params["charset"]
		known := err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) && slices.Contains(kinds(), kind)
		switch {
		case strings.HasSuffix(pattern, "/") && (!known || r.Method != http.MethodPost):
			noSuchPath(w)
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, http.StatusMethodNotAllowed, codes.Unimplemented, "METHOD_NOT_ALLOWED", "the path takes POST only")
		case !known:
			w.Header().Set("Accept-Post", strings.Join(kinds(), ", "))
			refuse(w, http.StatusUnsupportedMediaType, codes.InvalidArgument, "UNKNOWN_PROTOCOL", "send a message of Connect, gRPC-Web or gRPC")
		case r.ProtoMajor < 2 && (kind == grpcType || strings.HasPrefix(kind, grpcType+"+")):
			w.Header().Set("Connection", "close")
			refuse(w, http.StatusHTTPVersionNotSupported, codes.Unimplemented, "NEEDS_HTTP2", "gRPC needs HTTP/2; gRPC-Web and Connect do not")
		default:
			w.Header().Set("Cache-Control", "no-store")
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), controlKey{}, control{http.NewResponseController(w), r.ProtoMajor >= 2})))
		}
	})
}

const grpcType = "application/grpc"

// kinds are the content types of the protocols.
func kinds() []string {
	return []string{
		"application/json", "application/proto", "application/connect+json", "application/connect+proto",
		grpcType, grpcType + "+proto", grpcType + "+json", grpcType + "-web", grpcType + "-web+proto", grpcType + "-web+json",
	}
}

// controlKey finds the control of a call.
type controlKey struct{}

// A control sets how long a call may be read and written.
type control struct {
	*http.ResponseController
	duplex bool // HTTP/2: the client may read before it has sent everything
}

// finish makes whoever reads the call end soon. On HTTP/1.1 that is when the client has
// sent what it has to say, for it does not read before.
func (c control) finish() {
	at := time.Now()
	if !c.duplex {
		at = at.Add(maxIdle)
	}
	_ = c.SetReadDeadline(at)
}

// A bridge passes the calls of one method on, from Connect to gRPC.
type bridge struct {
	name            string
	conn            grpc.ClientConnInterface
	desc            grpc.StreamDesc
	schema          protoreflect.MethodDescriptor
	request, answer protoreflect.MessageType
}

// newBridge returns the bridge of a method, or nil if its messages are not compiled in.
func newBridge(md protoreflect.MethodDescriptor, conn grpc.ClientConnInterface) *bridge {
	request, err1 := protoregistry.GlobalTypes.FindMessageByName(md.Input().FullName())
	answer, err2 := protoregistry.GlobalTypes.FindMessageByName(md.Output().FullName())
	if err1 != nil || err2 != nil {
		return nil
	}
	return &bridge{
		name: "/" + string(md.Parent().FullName()) + "/" + string(md.Name()), conn: conn, schema: md,
		desc:    grpc.StreamDesc{StreamName: string(md.Name()), ClientStreams: md.IsStreamingClient(), ServerStreams: md.IsStreamingServer()},
		request: request, answer: answer,
	}
}

func (b *bridge) method() connect.Method {
	m := connect.Method{Spec: connect.Spec{Procedure: b.name, Schema: b.schema}, Handler: b.stream}
	switch {
	case b.desc.ClientStreams && b.desc.ServerStreams:
		m.Spec.StreamType = connect.StreamTypeBidi
	case b.desc.ClientStreams:
		m.Spec.StreamType = connect.StreamTypeClient
	case b.desc.ServerStreams:
		m.Spec.StreamType = connect.StreamTypeServer
	default:
		m.Handler = b.unary
	}
	return m
}

// unary handles a call of one message and one answer.
func (b *bridge) unary(ctx context.Context, _ connect.Spec, in connect.ServerStream) error {
	req, answer := b.request.New().Interface(), b.answer.New().Interface()
	if err := in.Receive(req); err != nil {
		return unreceived(err)
	}
	var header metadata.MD
	err := b.conn.Invoke(outgoing(ctx), b.name, req, answer, grpc.Header(&header))
	head(ctx, header)
	if err != nil {
		return connectError(err)
	}
	return in.Send(answer)
}

// stream handles a call of several messages, of either side.
func (b *bridge) stream(ctx context.Context, _ connect.Spec, in connect.ServerStream) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	limits, _ := ctx.Value(controlKey{}).(control)
	out, err := b.conn.NewStream(outgoing(ctx), &b.desc, b.name)
	if err != nil {
		return connectError(err)
	}
	if b.desc.ClientStreams {
		over := make(chan struct{})
		go func() {
			defer close(over)
			if err := b.requests(limits, in, out); err != nil {
				end(err)
			}
		}()
		defer func() {
			limits.finish()
			<-over
		}()
	} else if err := b.request1(limits, in, out); err != nil {
		return err
	}
	err = b.answers(ctx, limits, in, out)
	if why, ok := errors.AsType[*connect.Error](context.Cause(ctx)); ok && err != nil {
		return why // out knows only that it was cancelled
	}
	return err
}

// request1 sends on the only message of the client, who may then be silent.
func (b *bridge) request1(limits control, in connect.ServerStream, out grpc.ClientStream) error {
	req := b.request.New().Interface()
	if err := in.Receive(req); err != nil {
		return unreceived(err)
	}
	_ = limits.SetReadDeadline(time.Time{})
	if err := out.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // of EOF the answers say more
		return connectError(err)
	}
	if err := out.CloseSend(); err != nil {
		return connectError(err)
	}
	return nil
}

// requests sends on what the client sends, until there is no more or the call has ended.
func (b *bridge) requests(limits control, in connect.ServerStream, out grpc.ClientStream) error {
	for {
		req := b.request.New().Interface()
		_ = limits.SetReadDeadline(time.Now().Add(maxIdle))
		switch err := in.Receive(req); {
		case errors.Is(err, io.EOF):
			return out.CloseSend()
		case err != nil:
			return unreceived(err)
		}
		if err := out.SendMsg(req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return connectError(err)
		}
	}
}

// answers sends back what out receives, until it ends.
func (b *bridge) answers(ctx context.Context, limits control, in connect.ServerStream, out grpc.ClientStream) error {
	if b.desc.ServerStreams {
		if err := in.SendHeaders(); err != nil { // so that the client knows, however long the first message takes
			return err
		}
	} else if header, err := out.Header(); err == nil {
		head(ctx, header)
	}
	for {
		answer := b.answer.New().Interface()
		switch err := out.RecvMsg(answer); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return connectError(err)
		}
		_ = limits.SetWriteDeadline(time.Now().Add(maxWrite)) // net/http itself waits as long as the client is connected
		if err := in.Send(answer); err != nil || !b.desc.ServerStreams {
			return err
		}
	}
}

// outgoing returns the context of a call with the headers that reach a service.
func outgoing(ctx context.Context) context.Context {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return ctx
	}
	md := metadata.MD{}
	for key, name := range inward() {
		if values := info.RequestHeader().Values(key); len(values) > 0 {
			md[name] = values
		}
	}
	if host, _, err := net.SplitHostPort(info.PeerAddr); err == nil {
		md["x-forwarded-for"] = []string{host} // as calls by REST bring it
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// head gives the answer the headers that reach a client.
func head(ctx context.Context, md metadata.MD) {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return
	}
	for name, key := range outward() {
		if values := md.Get(name); len(values) > 0 {
			info.ResponseHeader().SetValues(key, values)
		}
	}
}

// unreceived says in the words of the suite why a message could not be received.
func unreceived(err error) error {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err
	}
	f := &fault.Error{Code: codes.Code(e.Code()), Message: e.Message()}
	switch e.Code() {
	case connect.CodeInvalidArgument:
		f.Reason = "MALFORMED_MESSAGE"
	case connect.CodeResourceExhausted:
		f.Reason = "TOO_LARGE"
	case connect.CodeUnimplemented:
		f.Reason = "UNIMPLEMENTED"
	default:
		return err
	}
	return connectError(f)
}

// connectError returns what Connect sends for the status of err.
func connectError(err error) error {
	st := status.Convert(err)
	e := connect.NewError(connect.Code(st.Code()), st.Message())
	for _, packed := range st.Proto().GetDetails() {
		if detail, err := connectproto.NewErrorDetail(packed); err == nil {
			e = e.WithDetail(detail)
		}
	}
	return e
}
