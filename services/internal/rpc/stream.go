package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	maxIdle = time.Minute      // between two messages of a client
	maxSend = 20 * time.Second // for a client to make room for one message
)

// stream wraps the handler of a streaming method. Each message is inspected as it
// is received. Streams that a client may keep open for long, because it sees an answer
// to each message or sends none, end when the server is asked to stop.
func (m *method) stream(next grpc.StreamHandler) grpc.StreamHandler {
	return func(impl any, ss grpc.ServerStream) error {
		return m.run(ss.Context(), func(ctx context.Context) error {
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)
			if m.watches || m.open || m.sends && !m.rows {
				if m.server.stopping.Err() != nil {
					return shuttingDown()
				}
				defer context.AfterFunc(m.server.stopping, func() { end(shuttingDown()) })()
			}
			caller, _ := CallerFrom(ctx)
			err := next(impl, &serverStream{ServerStream: ss, ctx: working(ctx, caller.Brand), end: end, method: m})
			if why, ok := errors.AsType[*fault.Error](context.Cause(ctx)); ok {
				return why // whatever the handler made of it
			}
			return err
		})
	}
}

// shuttingDown reports that the server goes and another one is to be asked.
func shuttingDown() error {
	return &fault.Error{
		Code: codes.Unavailable, Reason: "SHUTTING_DOWN", Retry: 50 * time.Millisecond,
		Message: "the server is shutting down; connect again",
	}
}

// idle reports that the client sends nothing.
func idle() error {
	return &fault.Error{
		Code: codes.DeadlineExceeded, Reason: "IDLE",
		Message: fmt.Sprintf("the client sent no message for %.0f seconds", maxIdle.Seconds()),
	}
}

// tooSlow reports that the client does not read.
func tooSlow() error {
	return &fault.Error{
		Code: codes.Aborted, Reason: "TOO_SLOW",
		Message: "the client reads too slowly; connect again",
	}
}

// A serverStream is a stream whose messages and context passed the checks.
type serverStream struct {
	grpc.ServerStream
	ctx    context.Context
	end    context.CancelCauseFunc // of ctx; what it is given becomes the outcome of the call
	method *method
}

// Context returns the context of the call, with its deadline and caller.
func (s *serverStream) Context() context.Context { return s.ctx }

// RecvMsg receives the next message and inspects it.
func (s *serverStream) RecvMsg(msg any) error {
	err := s.within(maxIdle, idle, func() error { return s.method.receive(msg, s.ServerStream.RecvMsg) })
	if err != nil {
		return err
	}
	ctx, err := s.method.inspect(s.ctx, msg)
	if err == nil && s.method.watches {
		s.ctx = ctx // nobody has seen the other yet: this message comes before the handler
	}
	return err
}

// SendMsg sends a message.
func (s *serverStream) SendMsg(msg any) error {
	return s.within(maxSend, tooSlow, func() error { return s.ServerStream.SendMsg(msg) })
}

// within waits for f no longer than limit and the call last, and ends a call that
// is late. gRPC itself waits as long as the client is connected, silent or not
// reading. What is left behind ends when the handler returns. Health and reflection
// may be silent.
func (s *serverStream) within(limit time.Duration, late, f func() error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err() // something may be left behind already
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	var over <-chan time.Time
	if !s.method.open {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case err := <-done:
		return err
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-over:
		err := late()
		s.end(err)
		return err
	}
}

// mayStream decides whether c may send a message about the named subject. Whether
// the message is well-formed is for the handler to say, so only what is certainly
// another brand's is refused.
func (m *method) mayStream(c Caller, subject string) error {
	if m.plan().name == nil {
		return c.mayAct("", "", m.narrowed)
	}
	brand := name.Brand(subject)
	if c.Brand == "" || c.Brand == brand || !isBrand(brand) {
		return nil
	}
	return fault.NotFound(name.Join("brands", brand))
}

// isBrand reports whether id is one that a brand may have.
func isBrand(id string) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return id != "" && len(id) <= 63 && id[0] != '-' && !strings.ContainsFunc(id, odd)
}
