package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/audit"
)

// audited returns a context in which what the call changes is written to the audit log.
// A caller who is known, but not allowed to, is written down at once.
func (m *method) audited(ctx context.Context, caller Caller, err error) context.Context {
	call := &audit.Call{Brand: caller.Brand, Method: m.short(), Subject: caller.Subject, Peer: m.server.address(ctx)}
	if status.Code(err) == codes.PermissionDenied && m.server.denied != nil {
		m.server.denied(m.name, *call)
	}
	return audit.With(ctx, call)
}

// short returns the name of the method without its package.
func (m *method) short() string { return m.name[strings.LastIndexByte(m.name, '.')+1:] }
