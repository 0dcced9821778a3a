package rpc

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// A Caller is who a call acts for.
type Caller struct {
	Brand    string   // the only brand it may act for; "" for any
	Partner  string   // the only outsourcing partner of that brand it may act for; "" for any
	Customer string   // the full name of the only customer it may act for, as an app does; "" for any
	Scopes   []string // what it may do; "*" for everything
	Subject  string   // who it is, for the record, such as apiKeys/ID; no secret
	Local    bool     // nobody asked for a credential, because the server is on loopback

	// Kept says that only this process can tell who holds the credential. Calls made
	// for such a caller bring a pass instead.
	Kept bool

	// Anonymous says that the call brought no credential. Only methods that check
	// what the request carries instead get such callers.
	Anonymous bool
}

// May reports whether the caller holds the scope.
func (c Caller) May(scope string) bool {
	return slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, "*")
}

// callKey finds the *identity in the context of a handler, actKey the *Caller that calls
// made with a context are to act for.
type (
	callKey struct{}
	actKey  struct{}
)

// An identity is a caller and who found out.
type identity struct {
	Caller
	by *Server
}

// CallerFrom returns the caller of the call that is being handled.
func CallerFrom(ctx context.Context) (Caller, bool) {
	id, ok := ctx.Value(callKey{}).(*identity)
	if !ok {
		return Caller{}, false
	}
	return id.Caller, true
}

// ActAs returns a context whose calls act for exactly c, whoever the caller of the call
// being handled is, if there is one. Calls to other processes bring a pass for c; see
// [ClientConfig]. What c may do is for the code that makes it to answer for.
func ActAs(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, actKey{}, &c)
}

// carried returns whom a call from inside the process acts for, if it brings no
// credential: the caller that the code named, or else that of the call it handles, if this
// server has found out who that is. What comes from outside never carries one.
func (s *Server) carried(ctx context.Context) *Caller {
	client := clientContext(ctx)
	if client == nil {
		return nil
	}
	if c, ok := client.Value(actKey{}).(*Caller); ok {
		return c
	}
	if len(metadata.ValueFromIncomingContext(ctx, "authorization")) > 0 {
		return nil
	}
	if id, ok := client.Value(callKey{}).(*identity); ok && id.by == s {
		return &id.Caller
	}
	return nil
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
