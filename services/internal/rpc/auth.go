package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// An Authenticator finds out who holds a bearer token, which may be empty. It
// returns [Unauthenticated] for one it does not know. It is called concurrently.
type Authenticator func(ctx context.Context, bearer string) (Caller, error)

// unauthenticated is the reason of a call without a credential that anybody knows.
const unauthenticated = "UNAUTHENTICATED"

// Unauthenticated reports that the call brings no valid credential.
func Unauthenticated() error {
	return &fault.Error{
		Code: codes.Unauthenticated, Reason: unauthenticated,
		Message: "the call needs a valid credential: authorization: Bearer ...",
	}
}

// AnyOf returns an Authenticator that knows whom any of all knows. The first that says
// anything but [Unauthenticated] decides.
func AnyOf(all ...Authenticator) Authenticator {
	return func(ctx context.Context, bearer string) (Caller, error) {
		for _, auth := range all {
			if c, err := auth(ctx, bearer); fault.Reason(err) != unauthenticated {
				return c, err
			}
		}
		return Caller{}, Unauthenticated()
	}
}

// everyone is the Authenticator of a server on loopback.
func everyone(context.Context, string) (Caller, error) {
	return Caller{Scopes: []string{"*"}, Subject: "local", Local: true}, nil
}

// identify finds the caller and requires the method's scope of it. Methods without one
// are closed to everyone, those that do not know of partners to callers who act for one,
// and those that do not know of customers to callers who act for one.
func (m *method) identify(ctx context.Context) (Caller, error) {
	caller, err := m.caller(ctx)
	if err != nil {
		return Caller{}, err
	}
	switch {
	case caller.Anonymous && m.capability:
		return caller, nil
	case caller.Anonymous:
		return Caller{}, Unauthenticated()
	case m.scope == "" || !caller.May(m.scope):
		return caller, &fault.Error{
			Code: codes.PermissionDenied, Reason: "SCOPE_MISSING",
			Message:  "the credential lacks the scope " + m.scope,
			Metadata: map[string]string{"scope": m.scope},
		}
	case caller.Partner != "" && !m.partner:
		return caller, &fault.Error{
			Code: codes.PermissionDenied, Reason: "PARTNER_BOUND",
			Message: "the credential is for one partner only, and the method is for the whole brand",
		}
	case caller.Customer != "" && !m.customer:
		return caller, &fault.Error{
			Code: codes.PermissionDenied, Reason: "CUSTOMER_BOUND",
			Message: "the credential is for one customer only, and the method is for the whole brand",
		}
	}
	return caller, nil
}

// caller finds out who calls. A call without a credential is anonymous where the server
// wants one.
func (m *method) caller(ctx context.Context) (Caller, error) {
	if c := m.server.carried(ctx); c != nil {
		return *c, nil
	}
	token, err := bearer(ctx)
	if err != nil {
		return Caller{}, err
	}
	var from string
	if token != "" { // else nobody asks
		from = m.server.address(ctx)
	}
	c, err := m.server.guesses.ask(ctx, m.server.auth, token, from)
	if token == "" && fault.Reason(err) == unauthenticated {
		return Caller{Anonymous: true}, nil
	}
	return c, err
}

// bearer returns the token of the call, "" if there is none. Two credentials are
// worse than none: which one counts is a matter of taste.
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		scheme, token, ok := strings.Cut(values[0], " ")
		if ok && token != "" && strings.EqualFold(scheme, "bearer") {
			return token, nil
		}
	}
	return "", Unauthenticated()
}
