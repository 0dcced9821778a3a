package rpc

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// sealer returns a Signer and the Authenticator that knows its passes.
func sealer(t testing.TB) (*Signer, Authenticator) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return NewSigner(private), Passes(public)
}

// ann is a caller with everything a pass says.
var ann = Caller{
	Brand: "acme", Partner: "bpo", Customer: "brands/acme/customers/ann", Scopes: []string{"tickets:read"}, Subject: "apiKeys/1",
}

func TestAPassSaysWhoItsCallerIs(t *testing.T) {
	signer, auth := sealer(t)
	pass, err := signer.pass(ann)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := auth(t.Context(), pass); err != nil || fmt.Sprint(got) != fmt.Sprint(ann) {
		t.Errorf("the pass is of %+v, %v, want %+v", got, err, ann)
	}
	_, stranger := sealer(t)
	if _, err := stranger(t.Context(), pass); !unknown(err) {
		t.Errorf("with another key: %v, want UNAUTHENTICATED", err)
	}
	text, signature, _ := strings.Cut(pass, ".")
	other, err := signer.pass(Caller{Scopes: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, _ := strings.Cut(other, ".")
	for _, forged := range []string{
		"", "cp_", "cp_.", text, text + ".", theirs + "." + signature, strings.TrimPrefix(pass, "cp_"), pass + "x", pass + ".x", pass[1:],
		"cp_" + base64.RawURLEncoding.EncodeToString([]byte(`{"s":["*"],"u":""}`)) + ".",
	} {
		if _, err := auth(t.Context(), forged); !unknown(err) {
			t.Errorf("%.40q: %v, want UNAUTHENTICATED", forged, err)
		}
	}
	for i := range len(pass) {
		flipped := []byte(pass)
		flipped[i] ^= 1
		if c, err := auth(t.Context(), string(flipped)); !unknown(err) {
			t.Fatalf("with character %d changed: %+v, %v, want UNAUTHENTICATED", i, c, err)
		}
	}
}

// unknown reports whether err is that of a credential nobody knows.
func unknown(err error) bool { return fault.Reason(err) == unauthenticated }

func TestAPassIsGoodForAMinute(t *testing.T) { // K55
	signer, auth := sealer(t)
	synctest.Test(t, func(t *testing.T) {
		pass, err := signer.pass(ann)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - time.Millisecond)
		if _, err := auth(t.Context(), pass); err != nil {
			t.Errorf("just before: %v", err)
		}
		time.Sleep(time.Millisecond)
		_, err = auth(t.Context(), pass)
		refused(t, err, codes.Unauthenticated, "PASS_EXPIRED")
	})
}

func TestCallsForSomebodyElseBringAPassAndNothingElse(t *testing.T) {
	signer, passes := sealer(t)
	var got Caller
	backend := newTickets(Config{Auth: AnyOf(keys(t), passes)}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		got, _ = CallerFrom(ctx)
		return &ticketv1.Ticket{}, nil
	}})
	addr := listen(t, backend)
	remote, err := Dial(addr, ClientConfig{Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	narrow := Caller{Brand: "acme", Scopes: []string{"tickets:read"}, Subject: "gateway"}
	for _, tt := range []struct {
		name string
		conn grpc.ClientConnInterface
	}{{"in process", backend.Local()}, {"to another process", remote}} {
		t.Run(tt.name, func(t *testing.T) {
			c := ticketv1.NewTicketServiceClient(tt.conn)
			ctx := ActAs(as(t.Context(), rootKey), narrow) // whatever the code around it has chosen
			if _, err := c.GetTicket(ctx, get()); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(narrow) {
				t.Errorf("the call acts for %+v, want %+v", got, narrow)
			}
			_, err := c.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: "brands/other/tickets/7"})
			refused(t, err, codes.NotFound, "NOT_FOUND")
			_, err = c.CreateTicket(ctx, create())
			refused(t, err, codes.PermissionDenied, "SCOPE_MISSING")
			_, err = c.GetTicket(t.Context(), get())
			refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
		})
	}
}

func TestACallerKeptHereTravelsByPass(t *testing.T) {
	signer, passes := sealer(t)
	const kept = "ck_acme_9_secret" // only the gateway knows it
	whom := Caller{Brand: "acme", Scopes: []string{"tickets:read", "tickets:write"}, Subject: "apiKeys/9"}
	auth := func(ctx context.Context, bearer string) (Caller, error) {
		if bearer != kept {
			return keys(t)(ctx, bearer)
		}
		c := whom
		c.Kept = true
		return c, nil
	}
	var got Caller
	backend := listen(t, newTickets(Config{Auth: AnyOf(keys(t), passes)}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		got, _ = CallerFrom(ctx)
		return &ticketv1.Ticket{}, nil
	}}))
	for _, tt := range []struct {
		name   string
		signer *Signer
		code   codes.Code
	}{{"with a signer", signer, codes.OK}, {"without one", nil, codes.Unauthenticated}} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := Dial(backend, ClientConfig{Signer: tt.signer})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			gateway := NewServer(Config{Auth: auth})
			gateway.Forward(&ticketv1.TicketService_ServiceDesc, conn)
			both(t, gateway, func(t *testing.T, outer grpc.ClientConnInterface) {
				c := ticketv1.NewTicketServiceClient(outer)
				_, err := c.GetTicket(as(t.Context(), kept), get())
				if status.Code(err) != tt.code {
					t.Errorf("with a key the gateway keeps: %v, want %v", err, tt.code)
				}
				if err == nil && fmt.Sprint(got) != fmt.Sprint(whom) {
					t.Errorf("the call acts for %+v, want %+v", got, whom)
				}
				if _, err := c.GetTicket(as(t.Context(), readerKey), get()); err != nil {
					t.Errorf("with a key both know: %v", err)
				}
			})
		})
	}
}

func TestCallersBoundToACustomerUseOnlyMethodsThatKnowOfCustomers(t *testing.T) {
	srv := newTickets(Config{}, tickets{})
	conn := srv.Local()
	ctx := ActAs(t.Context(), Caller{Brand: "acme", Customer: "brands/acme/customers/ann", Scopes: []string{"*"}})
	_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get())
	refused(t, err, codes.PermissionDenied, "CUSTOMER_BOUND")
}

func BenchmarkPass(b *testing.B) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, auth := NewSigner(private), Passes(public)
	pass, err := signer.pass(ann)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			if _, err := signer.pass(ann); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if _, err := auth(b.Context(), pass); err != nil {
				b.Fatal(err)
			}
		}
	})
}
