package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A statusError is any error that brings its own gRPC status.
type statusError interface {
	error
	GRPCStatus() *status.Status
}

// outspoken reports whether err says itself what to tell the caller.
func outspoken(err error) bool {
	_, ok := errors.AsType[statusError](err)
	return ok
}

// outcome turns err into what the caller gets, and logs it if an operator should
// know. A fault goes out as it is, without its cause. So does the status of
// another service of the suite. Any other status keeps its code and loses its
// text, which may name a host; any other error becomes INTERNAL.
func (m *method) outcome(ctx context.Context, err error, took time.Duration) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if f.Cause != nil {
			m.report(ctx, f.Code, f.Cause, took)
		}
		return f.GRPCStatus().Err()
	}
	if s, ok := errors.AsType[statusError](err); ok {
		st := s.GRPCStatus()
		if m.open || ours(st) {
			return st.Err()
		}
		f := plain(st.Code())
		if f.Code == codes.Internal || f.Code == codes.Unavailable || f.Code == codes.DataLoss {
			m.report(ctx, f.Code, err, took)
		}
		return f.GRPCStatus().Err()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return plain(codes.DeadlineExceeded).GRPCStatus().Err()
	case errors.Is(err, context.Canceled):
		return plain(codes.Canceled).GRPCStatus().Err()
	}
	m.report(ctx, codes.Internal, err, took)
	return plain(codes.Internal).GRPCStatus().Err()
}

// report logs a call that failed for a reason the caller cannot see.
func (m *method) report(ctx context.Context, code codes.Code, err error, took time.Duration) {
	level := slog.LevelError
	if code == codes.Unavailable || code == codes.DeadlineExceeded {
		level = slog.LevelWarn // it may pass
	}
	m.server.log.LogAttrs(ctx, level, "call failed",
		slog.String("method", m.name), slog.String("code", code.String()),
		slog.Duration("took", took), slog.String("err", err.Error()))
}

// recovered turns a panic into an error. What a library panics with may quote
// the request, so only errors of the runtime are quoted in the log.
func (m *method) recovered(ctx context.Context, err *error) {
	p := recover()
	if p == nil {
		return
	}
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	m.server.log.LogAttrs(ctx, slog.LevelError, "call panicked",
		slog.String("method", m.name), slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	*err = plain(codes.Internal)
}

// ours reports whether a service of the suite made the status.
func ours(s *status.Status) bool {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == fault.Domain {
			return true
		}
	}
	return false
}

// plain returns a fault that says no more than the code does.
func plain(code codes.Code) *fault.Error {
	switch code {
	case codes.DeadlineExceeded:
		return &fault.Error{Code: code, Reason: "DEADLINE_EXCEEDED", Message: "the deadline passed before the call finished"}
	case codes.Canceled:
		return &fault.Error{Code: code, Reason: "CANCELLED", Message: "the caller went away"}
	case codes.Unavailable:
		return &fault.Error{
			Code: code, Reason: "UNAVAILABLE", Retry: 100 * time.Millisecond,
			Message: "something this call needs is out of reach",
		}
	case codes.Unimplemented:
		return &fault.Error{Code: code, Reason: "UNIMPLEMENTED", Message: "the method is not implemented"}
	case codes.ResourceExhausted:
		return &fault.Error{Code: code, Reason: "RESOURCE_EXHAUSTED", Message: "the call exceeds a limit"}
	case codes.Internal, codes.Unknown, codes.OK:
		return &fault.Error{Code: codes.Internal, Reason: "INTERNAL", Message: "internal error"}
	}
	return &fault.Error{Code: code, Reason: "REFUSED", Message: "the call was refused"}
}
