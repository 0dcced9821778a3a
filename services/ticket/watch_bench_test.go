package ticket_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/ticket"
)

// BenchmarkWatchTickets changes a ticket and waits until 1,000 watchers have it, half
// of them with a filter, beside one stream that only sends, and with one more
// watcher that does not read. It says what watchers without news hold, their clients
// included.
func BenchmarkWatchTickets(b *testing.B) {
	b.Run("stream", func(b *testing.B) {
		srv := rpc.NewServer(rpc.Config{})
		tk := &ticketv1.Ticket{Name: acme + "/tickets/7", Customer: ann, Subject: "Where is my order?"}
		ticketv1.RegisterTicketServiceServer(srv, repeater{n: b.N, ticket: tk})
		stream, err := ticketv1.NewTicketServiceClient(overSocket(b, srv)).WatchTickets(b.Context(), &ticketv1.WatchTicketsRequest{Parent: acme})
		if err != nil {
			b.Fatal(err)
		}
		before := cpu(b)
		b.ResetTimer()
		for range b.N {
			if _, err := stream.Recv(); err != nil {
				b.Fatal(err)
			}
		}
		perMessage(b, before, 1)
	})
	b.Run("1 to 1000", func(b *testing.B) { fanOut(b, false) })
	b.Run("beside one stalled", func(b *testing.B) { fanOut(b, true) })
}

// fanOut tells 1,000 watchers of changes, and one who does not listen if there is one.
func fanOut(b *testing.B, stalled bool) {
	const connections, each = 5, 200
	s, err := ticket.New(context.Background(), sqldbtest.Open(b, migrated.SQLite(b)), ticket.Config{})
	if err != nil {
		b.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{})
	s.Register(srv)
	tickets := ticketv1.NewTicketServiceClient(srv.Local())
	tk, err := tickets.CreateTicket(b.Context(), open())
	if err != nil {
		b.Fatal(err)
	}
	before := held()
	seen, lost := make(chan string, connections*each), make(chan error, connections*each) // etags and ends
	var watchers sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	defer watchers.Wait()
	defer cancel()
	if stalled { // a client that never reads, once its window is full
		if _, err := ticketv1.NewTicketServiceClient(overSocket(b, srv)).WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: acme}); err != nil {
			b.Fatal(err)
		}
	}
	for range connections {
		c := ticketv1.NewTicketServiceClient(overSocket(b, srv))
		for i := range each {
			stream, err := c.WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: acme, Filter: []string{"", "state = NEW"}[i%2]})
			if err != nil {
				b.Fatal(err)
			}
			watchers.Go(func() { lost <- follow(stream, seen) })
		}
	}
	awaitEtag(b, seen, lost, tk.GetEtag())
	idle := held() - before
	began := cpu(b)
	b.ResetTimer()
	for i := range b.N {
		tk, err = tickets.UpdateTicket(b.Context(), &ticketv1.UpdateTicketRequest{
			Ticket: &ticketv1.Ticket{Name: tk.GetName(), Priority: ticketv1.Ticket_Priority(1 + i%4)}, UpdateMask: fields("priority"),
		})
		if err != nil {
			b.Fatal(err)
		}
		awaitEtag(b, seen, lost, tk.GetEtag())
	}
	perMessage(b, began, connections*each)
	b.ReportMetric(float64(idle)/(connections*each), "bytes/watcher")
}

// A repeater sends the same message n times.
type repeater struct {
	ticketv1.UnimplementedTicketServiceServer
	n      int
	ticket *ticketv1.Ticket
}

func (r repeater) WatchTickets(_ *ticketv1.WatchTicketsRequest, stream grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]) error {
	for range r.n {
		m := &ticketv1.WatchTicketsResponse{Change: ticketv1.WatchTicketsResponse_CHANGE_CHANGED, Ticket: r.ticket, ResumeToken: "token"}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// follow tells each etag of a watch once, until the watch ends.
func follow(stream grpc.ServerStreamingClient[ticketv1.WatchTicketsResponse], seen chan<- string) error {
	last := ""
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if etag := m.GetTicket().GetEtag(); etag != "" && etag != last {
			last = etag
			select {
			case seen <- etag:
			case <-stream.Context().Done(): // nobody counts any more
				return stream.Context().Err()
			}
		}
	}
}

// awaitEtag waits until etag was seen by as many watchers as seen has places for.
func awaitEtag(b *testing.B, seen <-chan string, lost <-chan error, etag string) {
	b.Helper()
	over := time.After(time.Minute)
	for n := cap(seen); n > 0; {
		select {
		case got := <-seen:
			if got == etag {
				n--
			}
		case err := <-lost:
			b.Fatal("a watch ended:", err)
		case <-over:
			b.Fatalf("%d watchers have not heard of a change", n)
		}
	}
}

func perMessage(b *testing.B, before time.Duration, each int) {
	b.Helper()
	n := float64(b.N * each)
	b.ReportMetric(n/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1000/n, "cpu-us/message")
}

func held() int64 {
	for range 3 { // what has finalizers and pools goes late
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
