package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/quota"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A method is what the server knows about one method. The zero value of the
// fields below name belongs to infrastructure, which is open to everyone.
type method struct {
	server     *Server
	name       string // full, such as /concentric.ticket.v1.TicketService/GetTicket
	scope      string
	narrowed   bool                           // keeps its answer to the caller's brand by itself
	partner    bool                           // keeps what it shows and changes to the caller's partner by itself
	customer   bool                           // keeps what it shows and changes to the caller's customer by itself
	capability bool                           // checks what a request without a credential carries instead
	input      protoreflect.MessageDescriptor // nil without a contract
	limit      int                            // bytes of a message
	sends      bool                           // the client sends a stream
	watches    bool                           // the client sends one message and gets a stream
	rows       bool                           // what the client streams is checked by the handler, message by message
	plain      func(proto.Message) bool       // tells what need not be checked; nil for nothing
	open       bool
	audit      bool        // calls are written to the audit log
	class      quota.Class // whose quota calls use up
}

// wrap returns a copy of desc whose handlers pass all checks. A method that is
// wrong stays wrapped and refuses every call; the error says what is wrong.
func (s *Server) wrap(desc *grpc.ServiceDesc) (*grpc.ServiceDesc, error) {
	var contract protoreflect.ServiceDescriptor
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(desc.ServiceName))
	if err == nil {
		contract, _ = d.(protoreflect.ServiceDescriptor)
	}
	var errs []error
	wrapped := s.wrapEach(desc, func(name string) *method {
		m, err := s.method(desc.ServiceName, name, contract)
		if err != nil {
			errs = append(errs, err)
		}
		s.methods[m.name] = m
		return m
	})
	return wrapped, errors.Join(errs...)
}

// wrapOpen returns a copy of desc, a part of the infrastructure.
func (s *Server) wrapOpen(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	return s.wrapEach(desc, func(name string) *method {
		return &method{server: s, name: "/" + desc.ServiceName + "/" + name, limit: maxMessage, open: true}
	})
}

func (s *Server) wrapEach(desc *grpc.ServiceDesc, find func(name string) *method) *grpc.ServiceDesc {
	wrapped := *desc
	wrapped.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	for i, md := range desc.Methods {
		wrapped.Methods[i] = md
		m := find(md.MethodName)
		m.class = m.classify()
		wrapped.Methods[i].Handler = m.unary(md.Handler)
	}
	wrapped.Streams = make([]grpc.StreamDesc, len(desc.Streams))
	for i, sd := range desc.Streams {
		m := find(sd.StreamName)
		m.sends, m.watches, m.rows = sd.ClientStreams, !sd.ClientStreams, sd.ClientStreams && !sd.ServerStreams
		m.class = m.classify()
		wrapped.Streams[i] = sd
		wrapped.Streams[i].Handler = m.stream(sd.Handler)
	}
	return &wrapped
}

// method reads from the contract what a call must bring.
func (s *Server) method(service, name string, contract protoreflect.ServiceDescriptor) (*method, error) {
	m := &method{server: s, name: "/" + service + "/" + name, limit: maxMessage}
	if contract == nil || contract.Methods().ByName(protoreflect.Name(name)) == nil {
		return m, fmt.Errorf("%s has no contract", m.name)
	}
	md := contract.Methods().ByName(protoreflect.Name(name))
	access, _ := proto.GetExtension(md.Options(), typev1.E_Access).(*typev1.Access)
	m.scope, m.narrowed = access.GetScope(), access.GetNarrowed()
	m.partner, m.customer, m.capability = access.GetPartner(), access.GetCustomer(), access.GetCapability()
	m.audit, m.input = access.GetAudit(), md.Input()
	if Batch(m.input) {
		m.limit = maxBatch
	}
	if m.scope == "" {
		return m, fmt.Errorf("%s declares no access scope", m.name)
	}
	return m, nil
}

// plan returns that of the method's message. It is made for the first call: most methods
// of a process are never called, and all plans together take megabytes.
func (m *method) plan() *plan {
	if m.input == nil {
		return &plan{}
	}
	return m.server.validator.planOf(m.input)
}

// unary wraps the handler of a method that takes one message.
func (m *method) unary(next grpc.MethodHandler) grpc.MethodHandler {
	return func(impl any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var answer any
		err := m.run(ctx, func(ctx context.Context) (err error) {
			answer, err = next(impl, ctx, func(msg any) error { return m.receive(msg, dec) }, m.inspected)
			return err
		})
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// inspected is the step between the reading of the message and the handler.
func (m *method) inspected(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := m.inspect(ctx, req)
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// run takes a call through the steps that need no message.
func (m *method) run(ctx context.Context, next func(context.Context) error) error {
	start := time.Now()
	if err := m.guard(ctx, next); err != nil {
		return m.outcome(ctx, err, time.Since(start))
	}
	return nil
}

func (m *method) guard(ctx context.Context, next func(context.Context) error) (err error) {
	defer m.recovered(ctx, &err)
	if m.open {
		return next(ctx)
	}
	var all *places // nil for what has one already
	if !nested(ctx) {
		all = m.places()
		arrive := all.arrive
		if reserved(ctx) != nil {
			arrive = all.door.enter
		}
		if err := arrive(ctx); err != nil {
			m.server.shed.note(anybody, "")
			return err
		}
		defer all.door.leave()
	}
	ctx, cancel, err := m.bounded(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	caller, err := m.identify(ctx)
	if m.audit {
		ctx = m.audited(ctx, caller, err)
	}
	if err != nil {
		return err
	}
	if all != nil {
		if err := m.admit(ctx, all, caller); err != nil {
			return err
		}
		defer all.part(shareOf(caller))
	}
	err = next(context.WithValue(ctx, callKey{}, &identity{caller, m.server}))
	if err != nil && ctx.Err() != nil && !outspoken(err) {
		return ctx.Err() // drivers have their own words for it
	}
	return err
}

// inspect takes a message through the steps that need it, and returns a context that reads
// and writes for the brand which the message is about.
func (m *method) inspect(ctx context.Context, msg any) (context.Context, error) {
	pm, ok := msg.(proto.Message)
	if m.open || !ok {
		return ctx, nil
	}
	r := pm.ProtoReflect()
	caller, _ := CallerFrom(ctx)
	p := m.plan()
	if m.rows {
		return ctx, m.mayStream(caller, p.subject(r))
	}
	if err := p.normalize(ctx, r); err != nil {
		return ctx, err
	}
	subject := p.subject(r)
	if call := audit.Of(ctx); call != nil && m.audit {
		call.Resource = subject
	}
	brand := brandOf(subject, caller)
	if m.plain != nil && m.plain(pm) {
		return working(ctx, brand), caller.mayAct(subject, "", m.narrowed)
	}
	foreign, err := m.server.validator.check(pm, p, brand)
	if err != nil {
		return ctx, err
	}
	return working(ctx, brand), caller.mayAct(subject, foreign, m.narrowed)
}

// working returns a context that reads and writes for a brand, or for all where a call is
// about none and its caller bound to none.
func working(ctx context.Context, brand string) context.Context {
	if brand == "" {
		return sqldb.ForAll(ctx)
	}
	return sqldb.ForBrand(ctx, brand)
}
