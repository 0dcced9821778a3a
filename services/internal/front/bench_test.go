package front

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// reads answers GetTicket.
type reads struct {
	ticketv1.UnimplementedTicketServiceServer
}

func (reads) GetTicket(_ context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	return &ticketv1.Ticket{Name: req.GetName(), Customer: "brands/acme/customers/ann", Subject: "Where is my order?"}, nil
}

// BenchmarkGet is what REST adds to a call, without sockets: all of it, and the call alone.
func BenchmarkGet(b *testing.B) {
	srv := rpc.NewServer(rpc.Config{})
	ticketv1.RegisterTicketServiceServer(srv, reads{})
	f, err := New(b.Context(), srv, Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("REST", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			res := httptest.NewRecorder()
			f.http.Handler.ServeHTTP(res, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://localhost/v1/brands/acme/tickets/7", nil))
			if res.Code != http.StatusOK {
				b.Fatalf("answer = %d %s", res.Code, res.Body)
			}
		}
	})
	b.Run("call", func(b *testing.B) {
		c := ticketv1.NewTicketServiceClient(srv.Local())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.GetTicket(b.Context(), &ticketv1.GetTicketRequest{Name: "brands/acme/tickets/7"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
