package rpc

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// An Authenticator finds out who holds a bearer token, which may be empty. It
// returns [Unauthenticated] for one it does not know. It is called concurrently.
type Authenticator func(ctx context.Context, bearer string) (Caller, error)

// A Caller is who a call acts for.
type Caller struct {
	Brand   string   // the only brand it may act for; "" for any
	Partner string   // the only outsourcing partner of that brand it may act for; "" for any
	Scopes  []string // what it may do; "*" for everything
	Subject string   // which credential it is, for the record: no secret, and "" where there is none
	Local   bool     // nobody asked for a credential, because the server is on loopback

	// Anonymous says that the call brought no credential. Only methods that check
	// what the request carries instead get such callers.
	Anonymous bool
}

// callKey finds the *Caller in the context of a handler.
type callKey struct{}

// CallerFrom returns the caller of the call that is being handled.
func CallerFrom(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callKey{}).(*Caller)
	if !ok {
		return Caller{}, false
	}
	return *c, true
}

// Unauthenticated reports that the call brings no valid credential.
func Unauthenticated() error {
	return &fault.Error{
		Code: codes.Unauthenticated, Reason: "UNAUTHENTICATED",
		Message: "the call needs a valid credential: authorization: Bearer ...",
	}
}

// everyone is the Authenticator of a server on loopback.
func everyone(context.Context, string) (Caller, error) {
	return Caller{Scopes: []string{"*"}, Local: true}, nil
}

// identify finds the caller and requires the method's scope of it. Methods
// without one are closed to everyone, and those that do not know of partners to
// callers who act for one.
func (m *method) identify(ctx context.Context) (Caller, error) {
	token, err := bearer(ctx)
	if err != nil {
		return Caller{}, err
	}
	caller, err := m.server.auth(ctx, token)
	if err != nil && m.capability && token == "" && fault.Reason(err) == "UNAUTHENTICATED" {
		return Caller{Anonymous: true}, nil
	}
	if err != nil {
		return Caller{}, err
	}
	if m.scope == "" || !slices.Contains(caller.Scopes, m.scope) && !slices.Contains(caller.Scopes, "*") {
		return Caller{}, &fault.Error{
			Code: codes.PermissionDenied, Reason: "SCOPE_MISSING",
			Message:  "the credential lacks the scope " + m.scope,
			Metadata: map[string]string{"scope": m.scope},
		}
	}
	if caller.Partner != "" && !m.partner {
		return Caller{}, &fault.Error{
			Code: codes.PermissionDenied, Reason: "PARTNER_BOUND",
			Message: "the credential is for one partner only, and the method is for the whole brand",
		}
	}
	return caller, nil
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

// brandOf returns the brand that the references of a request must belong to: the
// one it acts on, or else the only one of its caller.
func brandOf(subject string, caller Caller) string {
	if brand := name.Brand(subject); brand != "" {
		return brand
	}
	return caller.Brand
}

// mayAct decides, for a well-formed request, whether c may act on the named
// subject ("" if the request names none, which is fine for a method that narrows
// its answer to the caller's brand), and whether the request refers to another
// brand's foreign. What c may not see does not exist.
func (c Caller) mayAct(subject, foreign string, narrowed bool) error {
	if c.Brand != "" {
		switch name.Brand(subject) {
		case c.Brand:
		case "":
			if narrowed {
				break
			}
			return &fault.Error{
				Code: codes.PermissionDenied, Reason: "BRAND_BOUND",
				Message: "the credential is for one brand only, and the call is for all",
			}
		default:
			return fault.NotFound(subject)
		}
	}
	if foreign != "" {
		return fault.NotFound(foreign)
	}
	return nil
}
