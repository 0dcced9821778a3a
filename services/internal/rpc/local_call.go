package rpc

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A localMethod is a unary method as calls inside the process find it.
type localMethod struct {
	impl    any
	handler grpc.MethodHandler
}

// Invoke makes a unary call.
func (c localConn) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	m, ok := c.server.unary[method]
	if !ok {
		return status.Error(codes.Unimplemented, "the method is not known here")
	}
	ctx = c.outgoing(ctx)
	mine := observe(&ctx, c.server.callerStats, method, true)
	mine.handle(ctx, &stats.OutPayload{Client: true, Payload: req, SentTime: mine.began})
	call := localCall{method: method}
	handed, err := c.server.call(ctx, m, &call, req)
	if err == nil {
		err = c.take(answer, handed)
		mine.handle(ctx, &stats.InPayload{Client: true, Payload: answer, RecvTime: time.Now()})
	}
	call.tell(opts)
	mine.end(ctx, err)
	return err
}

// call has the method answer a request that stays the caller's.
func (s *Server) call(ctx context.Context, m localMethod, call *localCall, req any) (any, error) {
	arrived, cancel := context.WithCancel(localContext{ctx}) // on which no other context may lie
	defer cancel()
	ctx = arriving(arrived, ctx, call)
	its := observe(&ctx, s.serverStats, call.method, false)
	answer, err := m.handler(m.impl, ctx, func(msg any) error { return cloner{}.Copy(msg, req) }, nil)
	its.end(ctx, err)
	return answer, err
}

// take makes answer what the handler handed over.
func (c localConn) take(answer, handed any) error {
	to, from := messageOf(answer), messageOf(handed)
	if !c.readOnly || to == nil || from == nil || to.Descriptor() != from.Descriptor() {
		return cloner{}.Copy(answer, handed)
	}
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return nil
}

// messageOf returns what v is as a message, nil if it is none.
func messageOf(v any) protoreflect.Message {
	if m, ok := v.(proto.Message); ok {
		return m.ProtoReflect()
	}
	return nil
}

// arriving returns the context that the handler of a call made with ctx gets: handler, with
// the outgoing metadata of ctx.
func arriving(handler, ctx context.Context, call *localCall) context.Context {
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		handler = metadata.NewIncomingContext(handler, md)
	}
	handler = peer.NewContext(handler, &peer.Peer{Addr: localAddr{}, AuthInfo: localAddr{}})
	return grpc.NewContextWithServerTransportStream(handler, call)
}

// clientContext returns the context that a call from inside the process was made with, nil
// if it comes from a socket.
func clientContext(ctx context.Context) context.Context {
	if client, ok := ctx.Value(localKey{}).(context.Context); ok {
		return client
	}
	return inprocgrpc.ClientContext(ctx) // of a stream
}

type localKey struct{}

// A localContext ends as the context of the caller does and hides its values.
type localContext struct{ context.Context }

// Value returns the context of the caller for localKey, and else nothing.
func (c localContext) Value(key any) any {
	if key == (localKey{}) {
		return c.Context
	}
	return nil
}

// AfterFunc spares package context the goroutine that waits for a foreign context to end.
func (c localContext) AfterFunc(f func()) func() bool { return context.AfterFunc(c.Context, f) }

// A localAddr is that of this process.
type localAddr struct{}

func (localAddr) Network() string  { return "inproc" }
func (localAddr) String() string   { return "0" }
func (localAddr) AuthType() string { return "inproc" }

// A localCall keeps what a handler says beside its answer.
type localCall struct {
	method string

	mu              sync.Mutex
	header, trailer metadata.MD
}

// Method returns the full name of the method.
func (c *localCall) Method() string { return c.method }

// SetHeader adds to the header.
func (c *localCall) SetHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = metadata.Join(c.header, md)
	return nil
}

// SendHeader adds to the header, which goes with the answer.
func (c *localCall) SendHeader(md metadata.MD) error { return c.SetHeader(md) }

// SetTrailer adds to the trailer.
func (c *localCall) SetTrailer(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trailer = metadata.Join(c.trailer, md)
	return nil
}

// tell gives the caller what the options ask for.
func (c *localCall) tell(opts []grpc.CallOption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = maps.Clone(c.header)
		case grpc.TrailerCallOption:
			*o.TrailerAddr = maps.Clone(c.trailer)
		case grpc.PeerCallOption:
			*o.PeerAddr = peer.Peer{Addr: localAddr{}, AuthInfo: localAddr{}}
		}
	}
}

// An observation is what a handler of stats sees of one side of a call.
type observation struct {
	to     stats.Handler // nil if nobody looks
	client bool
	began  time.Time
}

// observe tells h that a call begins, in a context that it may add to.
func observe(ctx *context.Context, h stats.Handler, method string, client bool) observation {
	if h == nil {
		return observation{}
	}
	o := observation{to: h, client: client, began: time.Now()}
	*ctx = h.TagRPC(*ctx, &stats.RPCTagInfo{FullMethodName: method})
	o.handle(*ctx, &stats.Begin{Client: client, BeginTime: o.began})
	return o
}

func (o observation) handle(ctx context.Context, s stats.RPCStats) {
	if o.to != nil {
		o.to.HandleRPC(ctx, s)
	}
}

// end tells that the call has ended.
func (o observation) end(ctx context.Context, err error) {
	o.handle(ctx, &stats.End{Client: o.client, BeginTime: o.began, EndTime: time.Now(), Error: err})
}
