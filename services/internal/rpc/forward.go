package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Forward adds a service that is elsewhere: calls pass all checks here and go on to
// conn, with the credential of their caller, where they pass them again. So one
// address is enough for a client of the whole suite. [Server.Check] reports a
// service that cannot be forwarded.
func (s *Server) Forward(desc *grpc.ServiceDesc, conn grpc.ClientConnInterface) {
	relayed := *desc
	relayed.HandlerType = (*any)(nil)
	relayed.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	if len(desc.Streams) > 0 {
		s.errs = append(s.errs, fmt.Errorf("%s has streams, which are not forwarded", desc.ServiceName))
	}
	for i, md := range desc.Methods {
		relay, err := newRelay(desc.ServiceName, md.MethodName, conn)
		if err != nil {
			s.errs = append(s.errs, err)
			continue
		}
		relayed.Methods[i] = grpc.MethodDesc{MethodName: md.MethodName, Handler: relay.handle}
	}
	s.RegisterService(&relayed, struct{}{})
}

// A relay passes the calls of one method on.
type relay struct {
	name            string
	conn            grpc.ClientConnInterface
	request, answer protoreflect.MessageType
}

func newRelay(service, method string, conn grpc.ClientConnInterface) (*relay, error) {
	r := &relay{name: "/" + service + "/" + method, conn: conn}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		return nil, fmt.Errorf("%s has no contract: %w", r.name, err)
	}
	md, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no method", r.name)
	}
	if r.request, err = protoregistry.GlobalTypes.FindMessageByName(md.Input().FullName()); err != nil {
		return nil, err
	}
	r.answer, err = protoregistry.GlobalTypes.FindMessageByName(md.Output().FullName())
	return r, err
}

// handle is the handler of the method; check is never nil, see [method.unary].
func (r *relay) handle(_ any, ctx context.Context, dec func(any) error, check grpc.UnaryServerInterceptor) (any, error) {
	req := r.request.New().Interface()
	if err := dec(req); err != nil {
		return nil, err
	}
	return check(ctx, req, &grpc.UnaryServerInfo{FullMethod: r.name}, func(ctx context.Context, req any) (any, error) {
		answer := r.answer.New().Interface()
		return answer, r.conn.Invoke(ctx, r.name, req, answer)
	})
}
