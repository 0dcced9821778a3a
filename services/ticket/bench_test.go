package ticket_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	guid "github.com/google/uuid"
	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkCreateTicket makes tickets, durably and with a request_id, beside the
// limit: a handler that only answers, behind the same checks on the same kind of
// socket. At 16 callers at least a quarter of that is asked for, and at 64 four
// times what one caller gets. Only figures of one run compare.
func BenchmarkCreateTicket(b *testing.B) {
	srv := rpc.NewServer(rpc.Config{})
	ticketv1.RegisterTicketServiceServer(srv, echo{})
	limit := ticketv1.NewTicketServiceClient(overSocket(b, srv))
	b.Run("answer only/16", func(b *testing.B) { create(b, 16, limit) })
	for _, on := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.DurablePostgres}} {
		b.Run(on.name, func(b *testing.B) {
			c := serve(b, sqldbtest.Open(b, on.url(b)), overSocket)
			for _, callers := range []int{1, 16, 64} {
				b.Run(fmt.Sprint(callers), func(b *testing.B) { create(b, callers, c) })
			}
		})
	}
}

// echo answers with the ticket it was sent.
type echo struct {
	ticketv1.UnimplementedTicketServiceServer
}

func (echo) CreateTicket(_ context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	return req.GetTicket(), nil
}

// create makes b.N tickets with so many callers at a time.
func create(b *testing.B, callers int, c interface {
	CreateTicket(context.Context, *ticketv1.CreateTicketRequest, ...grpc.CallOption) (*ticketv1.Ticket, error)
},
) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	before := cpu(b)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.CreateTicket(b.Context(), open(withID(guid.NewString()))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}

// cpu returns what this process, client and server, has used so far.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
