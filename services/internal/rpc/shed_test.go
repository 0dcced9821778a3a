package rpc

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const getTicket = ticketv1.TicketService_GetTicket_FullMethodName

// tapped reports whether the server refuses a call with the credential before there is a stream.
func tapped(t *testing.T, s *Server, method, credential string) bool {
	t.Helper()
	header := metadata.MD{}
	if credential != "" {
		header.Set("authorization", credential)
	}
	_, err := s.tap(t.Context(), &tap.Info{FullMethodName: method, Header: header})
	if err != nil {
		refused(t, err, codes.Unavailable, "OVERLOADED")
	}
	return err != nil
}

func TestAFloodIsRefusedBeforeItHasAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Config{MaxInFlight: 8})
		ticketv1.RegisterTicketServiceServer(s, tickets{})
		for range 8 {
			if err := s.limit.join(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range few {
			if tapped(t, s, getTicket, "acme's") {
				t.Fatalf("the call is refused before it has a stream after %d refusals, want %d", i, few)
			}
			s.shed.note("acme's", "acme")
		}
		if !tapped(t, s, getTicket, "acme's") || s.limit.refused.Load() != 1 {
			t.Error("a flood is let in, or not counted")
		}
		for what, let := range map[string]bool{
			"another credential": tapped(t, s, getTicket, "beta's"),
			"health":             tapped(t, s, "/grpc.health.v1.Health/Check", "acme's"),
			"a watch":            tapped(t, s, ticketv1.TicketService_WatchTickets_FullMethodName, "acme's"),
		} {
			if let {
				t.Errorf("%s is refused", what)
			}
		}
		s.limit.part("acme")
		if tapped(t, s, getTicket, "acme's") {
			t.Error("a call is refused for which there is a place")
		}
		if err := s.limit.join(t.Context(), "acme"); err != nil {
			t.Errorf("the place is gone: %v", err)
		}
		if err := s.limit.join(t.Context(), "beta"); err != nil {
			t.Errorf("another brand finds no place: %v", err)
		}
		time.Sleep(flooding + time.Millisecond)
		if tapped(t, s, getTicket, "acme's") {
			t.Error("a credential is still known that has paused")
		}
	})
}

func TestNobodyHasAStreamWhereThereIsNoPlaceForAnyBrand(t *testing.T) {
	s := NewServer(Config{MaxInFlight: 8})
	ticketv1.RegisterTicketServiceServer(s, tickets{})
	for i := range 10 {
		if err := s.limit.join(t.Context(), fmt.Sprint("b", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range few + 1 {
		if tapped(t, s, getTicket, "") != (i == few) {
			t.Errorf("after %d calls that found no place another one has no stream: %v", i, i < few)
		}
		s.shed.note(anybody, "")
	}
}

func TestManyCredentialsTakeBoundedMemory(t *testing.T) {
	var s shed
	for i := range 3 * maxShed {
		s.note(fmt.Sprint(i), "acme")
	}
	if len(s.known) > maxShed {
		t.Errorf("%d credentials are known, want at most %d", len(s.known), maxShed)
	}
}

// BenchmarkOverload is what a refusal costs both sides, by the method and before there is a stream.
func BenchmarkOverload(b *testing.B) {
	for _, bb := range []struct {
		name  string
		times int // that a call of the credential was refused before
	}{{"by the method", -1 << 40}, {"before a stream", few}} {
		b.Run(bb.name, func(b *testing.B) {
			entered, release := make(chan struct{}), make(chan struct{})
			srv := newTickets(Config{MaxInFlight: 4}, getting(func(context.Context) error {
				entered <- struct{}{}
				<-release
				return nil
			}))
			c := ticketv1.NewTicketServiceClient(connect(b, listen(b, srv)))
			for range 4 {
				go func() { _, _ = c.GetTicket(context.WithoutCancel(b.Context()), get()) }()
				<-entered
			}
			srv.shed.known = map[string]flooder{"": {times: bb.times, until: time.Now().Add(time.Hour)}}
			spend(b, func(ctx context.Context) error {
				if _, err := c.CreateTicket(ctx, create()); err == nil {
					return context.Canceled
				}
				return nil
			})
			close(release)
		})
	}
}
