package rpc

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
)

// Local returns a channel to the services of the server that stays inside the
// process. Its calls pass the same checks as those from a socket; they act for who
// [ActAs] names, or for the caller of the call being handled if ctx is that of a handler,
// unless the outgoing metadata has a credential. Messages are copied: neither side sees what the
// other does with its own. It needs no closing and no [Server.Serve].
//
// A unary call runs on the goroutine of its caller, and returns when its handler does:
// a context that ends is for the handler to heed.
func (s *Server) Local() grpc.ClientConnInterface { return localConn{server: s} }

// ReadOnly returns conn for a client that reads the answers of unary calls and changes
// nothing in them. If conn stays inside the process they are not copied, but share what they
// hold with the handler and with whomever else it gave that.
func ReadOnly(conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	if c, ok := conn.(localConn); ok {
		c.readOnly = true
		return c
	}
	return conn
}

type localConn struct {
	server   *Server
	readOnly bool
}

// outgoing adds what a call takes over from the one being handled, and its credential if
// another server has looked at that.
func (c localConn) outgoing(ctx context.Context) context.Context {
	ctx = forward(ctx, taken(ctx)...)
	if id, ok := ctx.Value(callKey{}).(*identity); ok && id.by != c.server {
		return forward(ctx, "authorization")
	}
	return ctx
}

// NewStream makes a streaming call.
func (c localConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.server.local.NewStream(c.outgoing(ctx), desc, method, opts...)
	if err != nil || desc.ClientStreams {
		return stream, err
	}
	return localWatch{stream}, nil
}

// A localWatch is a stream on which the client sends one message.
type localWatch struct{ grpc.ClientStream }

// SendMsg sends the message. If the call has ended already, RecvMsg says how, as
// generated clients expect.
func (s localWatch) SendMsg(msg any) error {
	if err := s.ClientStream.SendMsg(msg); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
