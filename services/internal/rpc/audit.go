package rpc

import (
	"context"
	"net"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/audit"
)

// audited returns a context in which what the call changes is written to the audit log.
// A caller who is known, but not allowed to, is written down at once.
func (m *method) audited(ctx context.Context, caller Caller, err error) context.Context {
	call := &audit.Call{Brand: caller.Brand, Method: m.short(), Subject: caller.Subject, Peer: Address(ctx)}
	if status.Code(err) == codes.PermissionDenied && m.server.denied != nil {
		m.server.denied(m.name, *call)
	}
	return audit.With(ctx, call)
}

// short returns the name of the method without its package.
func (m *method) short() string { return m.name[strings.LastIndexByte(m.name, '.')+1:] }

// Address returns the IP address that a call comes from, or "" where nobody knows. Calls
// within the process come from the front, which says whom it speaks for; nobody else is
// believed.
func Address(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	if p.Addr.Network() == "inproc" {
		all := strings.Split(strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"), ","), ",")
		return strings.TrimSpace(all[len(all)-1]) // the front's own word comes last
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return ""
	}
	return host
}
