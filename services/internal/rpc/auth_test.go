package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// Credentials that the tests' servers know.
const (
	acmeKey    = "ck_acme_1_secret"   // everything, for one brand
	readerKey  = "ck_acme_2_secret"   // reads tickets of one brand
	partnerKey = "ck_acme_3_secret"   // everything, for one partner of one brand
	rootKey    = "ck_root_1_secret"   // everything, for any brand
	nobodyKey  = "ck_nobody_1_secret" // not listed
)

func keys(t testing.TB) Authenticator {
	t.Helper()
	hash := func(key string) string {
		sum := sha256.Sum256([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	auth, err := Keys(strings.NewReader("# who may call\n\n" +
		hash(acmeKey) + " brands/acme *\n" +
		hash(readerKey) + "  brands/acme\ttickets:read,surveys:read\n" +
		hash(partnerKey) + " brands/acme/partners/bpo *\n" +
		hash(rootKey) + " * *\n" +
		hash("") + " * *\n")) // the hash of nothing lets nobody in
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// as returns a context whose calls bring the key.
func as(ctx context.Context, key string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
}

func TestCallersMustBeKnownAndHoldTheScope(t *testing.T) {
	called := false
	srv := newTickets(Config{Auth: keys(t)}, tickets{
		create: func(context.Context, *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			called = true
			return &ticketv1.Ticket{}, nil
		},
	})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := ticketv1.NewTicketServiceClient(conn)
		for _, tt := range []struct {
			name          string
			authorization []string
			code          codes.Code
			reason        string
		}{
			{"A38 no credential", nil, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"K02 an empty one", []string{"Bearer "}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"another scheme", []string{"Basic " + acmeKey}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"the key alone", []string{acmeKey}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"an unknown key", []string{"Bearer " + nobodyKey}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"K43 a wrong last character", []string{"Bearer " + acmeKey[:len(acmeKey)-1] + "x"}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"two credentials", []string{"Bearer " + acmeKey, "Bearer " + rootKey}, codes.Unauthenticated, "UNAUTHENTICATED"},
			{"A37 without the scope", []string{"Bearer " + readerKey}, codes.PermissionDenied, "SCOPE_MISSING"},
			{"with everything", []string{"bearer " + acmeKey}, codes.OK, ""},
			{"for any brand", []string{"Bearer " + rootKey}, codes.OK, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				called = false
				ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": tt.authorization})
				_, err := c.CreateTicket(ctx, create())
				refused(t, err, tt.code, tt.reason)
				if called != (tt.code == codes.OK) {
					t.Errorf("the handler was called = %v", called)
				}
			})
		}
		if _, err := c.GetTicket(as(t.Context(), readerKey), get()); err != nil {
			t.Errorf("with the scope: %v", err)
		}
	})
}

func TestOtherBrandsDoNotExist(t *testing.T) {
	srv := newTickets(Config{Auth: keys(t)}, tickets{
		get: func(_ context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			return nil, fault.NotFound(req.GetName())
		},
	})
	surveyv1.RegisterInvitationServiceServer(srv, surveyv1.UnimplementedInvitationServiceServer{})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := ticketv1.NewTicketServiceClient(conn)
		// A39: what the service says of the unknown, byte for byte.
		own, root := as(t.Context(), acmeKey), as(t.Context(), rootKey)
		req := &ticketv1.GetTicketRequest{Name: "brands/other/tickets/7"}
		_, foreign := c.GetTicket(own, req)
		_, unknown := c.GetTicket(root, req)
		got, want := status.Convert(foreign).Proto(), status.Convert(unknown).Proto()
		if !proto.Equal(got, want) || want.GetCode() != int32(codes.NotFound) {
			t.Errorf("answer for another brand's = %v\nfor the unknown = %v", got, want)
		}
		_, err := c.CreateTicket(own, with(func(r *ticketv1.CreateTicketRequest) { r.Parent = "brands/other" }))
		refused(t, err, codes.NotFound, "NOT_FOUND")
		_, err = surveyv1.NewInvitationServiceClient(conn).CheckEligibility(own, &surveyv1.CheckEligibilityRequest{
			Survey: "brands/other/surveys/nps", Customer: "brands/other/customers/ann", Channel: 1,
		})
		if s := refused(t, err, codes.NotFound, "NOT_FOUND"); !strings.HasPrefix(s.Message(), "brands/other/surveys/nps ") {
			t.Errorf("message = %q, want one about the survey, which says the brand", s.Message())
		}
	})
}

func TestReferencesToAnotherBrandDoNotExist(t *testing.T) { // T05
	srv := newTickets(Config{}, tickets{}) // even for a caller who may act for both
	journeyv1.RegisterTouchpointServiceServer(srv, journeyv1.UnimplementedTouchpointServiceServer{})
	surveyv1.RegisterResponseServiceServer(srv, surveyv1.UnimplementedResponseServiceServer{})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		const customer = "brands/other/customers/ann"
		_, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(t.Context(),
			with(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Customer = customer }))
		if s := refused(t, err, codes.NotFound, "NOT_FOUND"); s.Message() != customer+" does not exist" {
			t.Errorf("message = %q, want one about %s", s.Message(), customer)
		}
		_, err = ticketv1.NewTicketServiceClient(conn).ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: customer})
		refused(t, err, codes.NotFound, "NOT_FOUND")

		const touchpoint = "brands/other/customers/ann/touchpoints/1" // two levels down, in a list
		_, err = surveyv1.NewResponseServiceClient(conn).SubmitResponse(t.Context(), &surveyv1.SubmitResponseRequest{
			Parent: "brands/acme",
			Response: &surveyv1.Response{
				Survey: "brands/acme/surveys/nps",
				Answers: []*surveyv1.Answer{
					{QuestionId: "a", Value: &surveyv1.Answer_Rating{Rating: 9}},
					{QuestionId: "b", Value: &surveyv1.Answer_Rating{Rating: 9}, Touchpoint: touchpoint},
				},
			},
		})
		if s := refused(t, err, codes.NotFound, "NOT_FOUND"); s.Message() != touchpoint+" does not exist" {
			t.Errorf("message = %q, want one about %s", s.Message(), touchpoint)
		}
	})
}

func TestValidatorHoldsTheItemsOfABatchToTheirOwnBrand(t *testing.T) {
	item := &journeyv1.RecordTouchpointRequest{
		Parent:     "brands/acme/customers/ann",
		Touchpoint: &journeyv1.Touchpoint{Definition: "brands/other/touchpointDefinitions/checkout", EventTime: create().GetTicket().GetOpenTime()},
	}
	refused(t, NewValidator().Message(item), codes.NotFound, "NOT_FOUND")
	item.Touchpoint.Definition = "brands/acme/touchpointDefinitions/checkout"
	if err := NewValidator().Message(item); err != nil {
		t.Errorf("Message = %v, want nil", err)
	}
	item.Touchpoint.Measurement = &journeyv1.Measurement{Rating: 9, Min: 1, Max: 5}
	refused(t, NewValidator().Message(item), codes.InvalidArgument, "INVALID_ARGUMENT")
}

func TestCallsForAllBrandsNeedACallerForAnyBrand(t *testing.T) {
	srv := NewServer(Config{Auth: keys(t)})
	gatewayv1.RegisterAdminServiceServer(srv, brands{})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := gatewayv1.NewAdminServiceClient(conn)
		req := &gatewayv1.CreateBrandRequest{BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"}}
		_, err := c.CreateBrand(as(t.Context(), acmeKey), req)
		refused(t, err, codes.PermissionDenied, "BRAND_BOUND")
		if _, err := c.CreateBrand(as(t.Context(), rootKey), req); err != nil {
			t.Errorf("for any brand: %v", err)
		}
		_, err = c.CreateBrand(as(t.Context(), acmeKey), &gatewayv1.CreateBrandRequest{})
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		// ListBrands keeps its answer to the caller's brand by itself, and says so.
		if _, err := c.ListBrands(as(t.Context(), acmeKey), &gatewayv1.ListBrandsRequest{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("ListBrands for one brand: %v, want it to reach the handler", err)
		}
	})
}

type brands struct {
	gatewayv1.UnimplementedAdminServiceServer
}

func (brands) CreateBrand(_ context.Context, req *gatewayv1.CreateBrandRequest) (*gatewayv1.Brand, error) {
	return req.GetBrand(), nil
}

func TestHandlersKnowTheirCaller(t *testing.T) {
	var got Caller
	impl := tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		got, _ = CallerFrom(ctx)
		return &ticketv1.Ticket{}, nil
	}}
	both(t, newTickets(Config{}, impl), func(t *testing.T, conn grpc.ClientConnInterface) {
		if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		if !got.Local || got.Brand != "" {
			t.Errorf("caller = %+v, want the local one", got)
		}
	})
	both(t, newTickets(Config{Auth: keys(t)}, impl), func(t *testing.T, conn grpc.ClientConnInterface) {
		if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(as(t.Context(), readerKey), get()); err != nil {
			t.Fatal(err)
		}
		if got.Local || got.Brand != "acme" || len(got.Scopes) != 2 {
			t.Errorf("caller = %+v, want the reader", got)
		}
	})
	if _, ok := CallerFrom(t.Context()); ok {
		t.Error("there is a caller outside of a call")
	}
}

func TestCallersBoundToAPartnerUseOnlyMethodsThatKnowOfPartners(t *testing.T) {
	var got Caller
	srv := newTickets(Config{Auth: keys(t)}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		got, _ = CallerFrom(ctx)
		return &ticketv1.Ticket{}, nil
	}})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := ticketv1.NewTicketServiceClient(conn)
		if _, err := c.GetTicket(as(t.Context(), partnerKey), get()); err != nil {
			t.Errorf("a method that knows of partners: %v", err)
		}
		if got.Brand != "acme" || got.Partner != "bpo" {
			t.Errorf("caller = %+v, want acme's partner bpo", got)
		}
		_, err := c.GetTicket(as(t.Context(), partnerKey), &ticketv1.GetTicketRequest{Name: "brands/other/tickets/7"})
		refused(t, err, codes.NotFound, "NOT_FOUND")
		req := &ticketv1.DeleteTicketRequest{Name: "brands/acme/tickets/7"}
		_, err = c.DeleteTicket(as(t.Context(), partnerKey), req)
		refused(t, err, codes.PermissionDenied, "PARTNER_BOUND")
		_, err = c.DeleteTicket(as(t.Context(), acmeKey), req)
		refused(t, err, codes.Unimplemented, "UNIMPLEMENTED")
	})
}

func TestHealthNeedsNoCredentialAndReflectionIsOffWithThem(t *testing.T) { // K38, K39
	addr := listen(t, newTickets(Config{Auth: keys(t)}, tickets{}))
	conn := connect(t, addr)
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("health without a credential: %v", err)
	}
	if err := reflect(t.Context(), conn); status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection with credentials: %v, want Unimplemented", err)
	}
	open := connect(t, listen(t, newTickets(Config{}, tickets{})))
	if err := reflect(t.Context(), open); err != nil {
		t.Errorf("reflection on loopback: %v", err)
	}
}

func TestAServerWithAMethodThatDeclaresNoScopeRefusesToServe(t *testing.T) { // K35
	srv := newTickets(Config{}, tickets{})
	desc := &grpc.ServiceDesc{
		ServiceName: "grpc.health.v1.Health", HandlerType: (*any)(nil), // a contract without scopes
		Methods: []grpc.MethodDesc{{MethodName: "Check", Handler: func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
			return &healthv1.HealthCheckResponse{}, nil
		}}, {MethodName: "List"}},
	}
	wrapped, err := srv.wrap(desc)
	if err == nil || !strings.Contains(err.Error(), "Health/Check") || !strings.Contains(err.Error(), "Health/List") {
		t.Errorf("wrap = %v, want an error that names both methods", err)
	}
	_, err = wrapped.Methods[0].Handler(nil, t.Context(), func(any) error { return nil }, nil)
	refused(t, err, codes.PermissionDenied, "SCOPE_MISSING") // were it served all the same

	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: "concentric.none.v1.NoneService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Get"}},
	}, 1)
	lis := &closedListener{}
	if err := srv.Serve(lis); err == nil || !strings.Contains(err.Error(), "/concentric.none.v1.NoneService/Get") {
		t.Errorf("Serve = %v, want an error that names the method", err)
	}
	if !lis.closed {
		t.Error("the listener is open")
	}
}

func TestKeysRefusesWhatItDoesNotUnderstand(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, tt := range []struct{ name, lines, want string }{
		{"too few words", "\n" + hash + " brands/acme", "line 2: has 2 words"},
		{"a key instead of its hash", acmeKey + " brands/acme *", "line 1: the hash"},
		{"half a hash", hash[:32] + " brands/acme *", "line 1: the hash"},
		{"a brand without brands/", hash + " acme *", "line 1: the brand"},
		{"more than a brand", hash + " brands/acme/tickets/7 *", "line 1: the brand"},
		{"a partner without an id", hash + " brands/acme/partners/ *", "line 1: the brand"},
		{"a partner without a brand", hash + " brands//partners/bpo *", "line 1: the brand"},
		{"more than a partner", hash + " brands/acme/partners/bpo/agents/ann *", "line 1: the brand"},
		{"an empty scope", hash + " * tickets:read,", "line 1: a scope"},
		{"a key twice", hash + " * *\n" + hash + " brands/acme *", "line 2: the key is listed twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Keys(strings.NewReader(tt.lines))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Keys = %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("Keys = %v, which quotes the file", err)
			}
		})
	}
	if _, err := Keys(failingReader{}); !errors.Is(err, errBroken) {
		t.Errorf("Keys = %v, want what the reader says", err)
	}
}

func TestACallerIsKnownByTheBeginningOfItsHash(t *testing.T) {
	sum := sha256.Sum256([]byte(acmeKey))
	caller, err := keys(t)(t.Context(), acmeKey)
	if want := "keys/" + hex.EncodeToString(sum[:6]); err != nil || caller.Subject != want {
		t.Errorf("the subject = %q, %v, want %q", caller.Subject, err, want)
	}
	if caller, err := everyone(t.Context(), ""); err != nil || caller.Subject != "local" {
		t.Errorf("the subject of everyone = %q, %v, want local", caller.Subject, err)
	}
}
