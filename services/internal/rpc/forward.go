package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/concentric-cx/concentric/services/internal/once"
)

// Forward adds a service that is elsewhere: calls pass all checks here and go on to
// conn, with the credential of their caller, where they pass them again. So one
// address is enough for a client of the whole suite. [Server.Check] reports a
// service that cannot be forwarded.
func (s *Server) Forward(desc *grpc.ServiceDesc, conn grpc.ClientConnInterface) {
	relayed := *desc
	relayed.HandlerType = (*any)(nil)
	relayed.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	for i, md := range desc.Methods {
		relay := s.newRelay(desc.ServiceName, md.MethodName, conn)
		relayed.Methods[i] = grpc.MethodDesc{MethodName: md.MethodName, Handler: relay.handle}
	}
	relayed.Streams = make([]grpc.StreamDesc, len(desc.Streams))
	if s.relayed[conn] == nil {
		s.relayed[conn] = &limiter{max: maxRelayed}
	}
	for i, sd := range desc.Streams {
		relay := s.newRelay(desc.ServiceName, sd.StreamName, conn)
		relay.desc, relay.streams = sd, s.relayed[conn]
		relayed.Streams[i] = sd
		relayed.Streams[i].Handler = relay.stream
	}
	s.RegisterService(&relayed, struct{}{})
}

// maxRelayed is how many streams go on over one connection. It leaves room there for
// other calls, which would wait unnoticed for a stream to end.
const maxRelayed = 200

// A relay passes the calls of one method on.
type relay struct {
	name            string
	conn            grpc.ClientConnInterface
	streams         *limiter        // of conn
	desc            grpc.StreamDesc // of a streaming method
	request, answer protoreflect.MessageType
}

// newRelay returns the relay of a method, and notes what is wrong with its contract.
func (s *Server) newRelay(service, method string, conn grpc.ClientConnInterface) *relay {
	r := &relay{name: "/" + service + "/" + method, conn: conn}
	if err := r.learn(protoreflect.FullName(service + "." + method)); err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s cannot be forwarded: %w", r.name, err))
	}
	return r
}

// learn finds the messages of the method in its contract.
func (r *relay) learn(method protoreflect.FullName) error {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(method)
	if err != nil {
		return err
	}
	md, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return fmt.Errorf("%s is no method", method)
	}
	if r.request, err = protoregistry.GlobalTypes.FindMessageByName(md.Input().FullName()); err != nil {
		return err
	}
	r.answer, err = protoregistry.GlobalTypes.FindMessageByName(md.Output().FullName())
	return err
}

// handle is the handler of the method; check is never nil, see [method.unary].
func (r *relay) handle(_ any, ctx context.Context, dec func(any) error, check grpc.UnaryServerInterceptor) (any, error) {
	req := r.request.New().Interface()
	if err := dec(req); err != nil {
		return nil, err
	}
	return check(ctx, req, &grpc.UnaryServerInfo{FullMethod: r.name}, func(ctx context.Context, req any) (any, error) {
		answer := r.answer.New().Interface()
		return answer, Telling(r.conn).Invoke(ctx, r.name, req, answer)
	})
}

// Telling returns conn, whose unary calls from inside a handler tell the handler's own client
// which revisions they made, as [once.RevisionHeader].
func Telling(conn grpc.ClientConnInterface) grpc.ClientConnInterface { return telling{conn} }

type telling struct{ grpc.ClientConnInterface }

// Invoke makes a call.
func (c telling) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	var header metadata.MD
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, append(opts, grpc.Header(&header))...)
	if revisions := header.Get(once.RevisionHeader); len(revisions) > 0 && err == nil {
		err = grpc.SetHeader(ctx, metadata.MD{once.RevisionHeader: revisions})
	}
	return err
}

// stream is the handler of a streaming method. The call goes on once its first
// message has passed the checks; then messages travel both ways until one side ends,
// and so does the other.
func (r *relay) stream(_ any, in grpc.ServerStream) error {
	first := r.request.New().Interface()
	err := in.RecvMsg(first)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	empty := err != nil
	if err := r.streams.enter(in.Context()); err != nil {
		return err
	}
	defer r.streams.leave()
	ctx, end := context.WithCancelCause(in.Context())
	defer end(nil)
	out, err := r.conn.NewStream(ctx, &r.desc, r.name)
	if err != nil {
		return err
	}
	if empty {
		err = out.CloseSend()
	} else {
		err = r.send(in, out, first, end)
	}
	if err != nil {
		return err
	}
	err = r.answers(in, out)
	if why := context.Cause(ctx); why != nil && err != nil {
		return why // out knows only that it was cancelled
	}
	return err
}

// send sends the first request and, if there may be more, goes on in the background;
// end is told why that fails. It ends when the handler returns.
func (r *relay) send(in grpc.ServerStream, out grpc.ClientStream, first any, end context.CancelCauseFunc) error {
	err := out.SendMsg(first)
	switch {
	case errors.Is(err, io.EOF): // the other side has ended; it says why with its answer
		return nil
	case err != nil:
		return err
	case !r.desc.ClientStreams:
		return out.CloseSend()
	}
	go func() {
		if err := r.requests(in, out); err != nil {
			end(err)
		}
	}()
	return nil
}

// requests sends on what in receives, until there is no more or out has ended.
func (r *relay) requests(in grpc.ServerStream, out grpc.ClientStream) error {
	for {
		req := r.request.New().Interface()
		if err := in.RecvMsg(req); errors.Is(err, io.EOF) {
			return out.CloseSend()
		} else if err != nil {
			return err
		}
		if err := out.SendMsg(req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// answers sends back what out receives, until it ends.
func (r *relay) answers(in grpc.ServerStream, out grpc.ClientStream) error {
	for {
		answer := r.answer.New().Interface()
		err := out.RecvMsg(answer)
		if err != nil || !r.desc.ServerStreams {
			in.SetTrailer(out.Trailer())
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := in.SendMsg(answer); err != nil || !r.desc.ServerStreams {
			return err
		}
	}
}
