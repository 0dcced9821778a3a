package rpc

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestCallsFromAHandlerCountOnceAndActForItsCaller(t *testing.T) {
	var conn grpc.ClientConnInterface
	var inner Caller
	var language []string
	srv := newTickets(Config{Auth: keys(t), MaxInFlight: 1}, tickets{
		create: func(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			return ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get())
		},
		get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			inner, _ = CallerFrom(ctx)
			language = metadata.ValueFromIncomingContext(ctx, "accept-language")
			if secret := metadata.ValueFromIncomingContext(ctx, "x-secret"); len(secret) > 0 {
				t.Errorf("x-secret came through: %v", secret)
			}
			return &ticketv1.Ticket{Name: req.GetName()}, nil
		},
	})
	conn = srv.Local()
	both(t, srv, func(t *testing.T, outer grpc.ClientConnInterface) {
		inner, language = Caller{}, nil
		ctx := metadata.AppendToOutgoingContext(as(t.Context(), acmeKey), "accept-language", "de", "x-secret", "1")
		if _, err := ticketv1.NewTicketServiceClient(outer).CreateTicket(ctx, create()); err != nil {
			t.Fatal(err)
		}
		if inner.Brand != "acme" {
			t.Errorf("the inner call acts for %+v, want acme", inner)
		}
		if len(language) != 1 || language[0] != "de" {
			t.Errorf("accept-language = %v, want de", language)
		}
		if got := srv.limit.now.Load(); got != 0 {
			t.Errorf("%d calls are counted after the last, want 0", got)
		}
	})
}

func TestAHandlerMayActForSomebodyElse(t *testing.T) {
	var conn grpc.ClientConnInterface
	srv := newTickets(Config{Auth: keys(t)}, tickets{
		create: func(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			return ticketv1.NewTicketServiceClient(conn).GetTicket(as(ctx, readerKey), get())
		},
		get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			caller, _ := CallerFrom(ctx)
			return &ticketv1.Ticket{Subject: caller.Scopes[0]}, nil
		},
	})
	conn = srv.Local()
	got, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(as(t.Context(), acmeKey), create())
	if err != nil {
		t.Fatal(err)
	}
	if got.GetSubject() != "tickets:read" {
		t.Errorf("the inner call had the scope %s, want tickets:read", got.GetSubject())
	}
}

func TestTheDeadlineOfAHandlerBoundsItsCalls(t *testing.T) {
	var conn grpc.ClientConnInterface
	var outer, inner time.Time
	srv := newTickets(Config{}, tickets{
		create: func(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			outer, _ = ctx.Deadline()
			return ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get())
		},
		get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			inner, _ = ctx.Deadline()
			return &ticketv1.Ticket{}, nil
		},
	})
	conn = srv.Local()
	if _, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(t.Context(), create()); err != nil {
		t.Fatal(err)
	}
	if outer.IsZero() || !inner.Equal(outer) {
		t.Errorf("deadlines = %v and %v, want one", outer, inner)
	}
}

func TestMessagesInsideTheProcessAreCopied(t *testing.T) {
	kept := &ticketv1.Ticket{Subject: "mine", OpenTime: timestamppb.New(time.Unix(7, 0))}
	srv := newTickets(Config{}, tickets{create: func(_ context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
		req.Ticket.Subject = "the server's"
		return kept, nil
	}})
	req := create()
	got, err := ticketv1.NewTicketServiceClient(srv.Local()).CreateTicket(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got.Subject, got.GetOpenTime().Seconds = "the client's", 8
	if kept.GetOpenTime().GetSeconds() != 7 {
		t.Error("the client has changed a time that the server keeps")
	}
	if req.GetTicket().GetSubject() != "Refund" || kept.GetSubject() != "mine" {
		t.Errorf("subjects = %q and %q, want Refund and mine", req.GetTicket().GetSubject(), kept.GetSubject())
	}
}

func TestWhoOnlyReadsSharesWhatTheHandlerHolds(t *testing.T) {
	kept := &ticketv1.Ticket{Subject: "mine", OpenTime: timestamppb.New(time.Unix(7, 0)), Attributes: map[string]string{"plan": "gold"}}
	srv := newTickets(Config{}, tickets{create: func(_ context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
		req.Ticket.Subject = "the server's"
		return kept, nil
	}})
	req := create()
	got, err := ticketv1.NewTicketServiceClient(ReadOnly(srv.Local())).CreateTicket(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, kept) || got == kept || got.GetOpenTime() != kept.GetOpenTime() {
		t.Errorf("answer = %v, want %v with the same time in it", got, kept)
	}
	if req.GetTicket().GetSubject() != "Refund" {
		t.Errorf("the subject of the request is %q, want Refund: requests are copied", req.GetTicket().GetSubject())
	}
	if conn := connect(t, listen(t, srv)); ReadOnly(conn) != grpc.ClientConnInterface(conn) {
		t.Error("a connection is not the same for who only reads")
	}
}

func TestALocalCallHearsWhatComesBesideTheAnswer(t *testing.T) {
	var handling context.Context
	srv := newTickets(Config{}, getting(func(ctx context.Context) error {
		handling = ctx
		if err := grpc.SetHeader(ctx, metadata.Pairs("a", "1")); err != nil {
			return err
		}
		if err := grpc.SendHeader(ctx, metadata.Pairs("a", "2")); err != nil {
			return err
		}
		return grpc.SetTrailer(ctx, metadata.Pairs("b", "3"))
	}))
	type secret struct{}
	var header, trailer metadata.MD
	var from peer.Peer
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), secret{}, 1), 5*time.Second)
	defer cancel()
	_, err := ticketv1.NewTicketServiceClient(srv.Local()).GetTicket(ctx, get(),
		grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(header.Get("a"), []string{"1", "2"}) || !slices.Equal(trailer.Get("b"), []string{"3"}) || from.Addr.Network() != "inproc" {
		t.Errorf("header %v, trailer %v, peer %v; want 1 and 2, 3, and inproc", header, trailer, from.Addr)
	}
	if handling.Value(secret{}) != nil || handling.Err() == nil {
		t.Errorf("the handler's context has %v of the caller's and ended with %v; want nothing, and to end with the call", handling.Value(secret{}), handling.Err())
	}
}

func TestACancelledLocalCallAlwaysSaysSo(t *testing.T) {
	cancels := make(chan context.CancelFunc, 1)
	c := ticketv1.NewTicketServiceClient(newTickets(Config{}, getting(func(context.Context) error {
		(<-cancels)() // the answer and the end of the call come together
		return context.Canceled
	})).Local())
	for range 5000 {
		ctx, cancel := context.WithCancel(t.Context())
		cancels <- cancel
		if _, err := c.GetTicket(ctx, get()); status.Code(err) != codes.Canceled {
			t.Fatalf("answer = %v, want Canceled", err)
		}
	}
}

func TestUnknownMethodsAreUnimplementedInsideTheProcessToo(t *testing.T) {
	conn := newTickets(Config{}, tickets{}).Local()
	for _, method := range []string{"/concentric.ticket.v1.TicketService/Nope", "/concentric.none.v1.NoneService/Get"} {
		if err := conn.Invoke(t.Context(), method, get(), &ticketv1.Ticket{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", method, err)
		}
	}
}
