package rpc

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// callers is how many goroutines call at a time.
const callers = 16

// cpu returns the processor time of this process, client and server together.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spend runs call from all callers and reports the processor time of each.
func spend(b *testing.B, call func(context.Context) error) {
	b.Helper()
	if err := call(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range callers {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		wg.Go(func() {
			for range n {
				if err := call(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkWatch is one message to one watcher.
func BenchmarkWatch(b *testing.B) {
	srv := newTickets(Config{}, watched(func(ss watcher) error {
		for {
			if err := ss.Send(&ticketv1.WatchTicketsResponse{Ticket: create().GetTicket()}); err != nil {
				return err
			}
		}
	}))
	for name, conn := range map[string]grpc.ClientConnInterface{"local": srv.Local(), "tcp": connect(b, listen(b, srv))} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			stream, err := watch(ctx, conn)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				if _, err := stream.Recv(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// echo creates a ticket, the largest single request there is.
func echo(conn grpc.ClientConnInterface) func(context.Context) error {
	c, req := ticketv1.NewTicketServiceClient(conn), create()
	return func(ctx context.Context) error {
		_, err := c.CreateTicket(ctx, req)
		return err
	}
}

// read gets a ticket, a request of one field.
func read(conn grpc.ClientConnInterface) func(context.Context) error {
	c, req := ticketv1.NewTicketServiceClient(conn), get()
	return func(ctx context.Context) error {
		_, err := c.GetTicket(ctx, req)
		return err
	}
}

// bare serves the ticket service with nothing around it: the limit that the others
// are compared with.
func bare(b *testing.B) grpc.ClientConnInterface {
	b.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := grpc.NewServer()
	ticketv1.RegisterTicketServiceServer(srv, tickets{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(lis); err != nil {
			b.Errorf("Serve: %v", err)
		}
	})
	b.Cleanup(func() {
		srv.Stop()
		wg.Wait()
	})
	return connect(b, lis.Addr().String())
}

func BenchmarkCall(b *testing.B) {
	traced := Config{
		Traces:  sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.01))),
		Metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	}
	for _, path := range []struct {
		name string
		conn func(*testing.B) grpc.ClientConnInterface
	}{
		{"bare", bare},
		{"checked", func(b *testing.B) grpc.ClientConnInterface {
			return connect(b, listen(b, newTickets(Config{}, tickets{})))
		}},
		{"traced", func(b *testing.B) grpc.ClientConnInterface {
			return connect(b, listen(b, newTickets(traced, tickets{})))
		}},
		{"local", func(*testing.B) grpc.ClientConnInterface { return newTickets(Config{}, tickets{}).Local() }},
	} {
		b.Run("CreateTicket/"+path.name, func(b *testing.B) { spend(b, echo(path.conn(b))) })
		b.Run("GetTicket/"+path.name, func(b *testing.B) { spend(b, read(path.conn(b))) })
	}
}

func BenchmarkValidator(b *testing.B) {
	v, req := NewValidator(), create()
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Message(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefused measures how soon a caller hears that it may not call.
func BenchmarkRefused(b *testing.B) {
	issuer, signing := newIssuer(b)
	_, passes := sealer(b)
	auth := AnyOf(keys(b), passes, issuer.known(b).Authenticate)
	conn := connect(b, listen(b, newTickets(Config{Auth: auth}, tickets{})))
	c := ticketv1.NewTicketServiceClient(conn)
	for _, tt := range []struct{ name, bearer string }{
		{"nobody", ""},
		{"unknown key", nobodyKey},
		{"without the scope", readerKey},
		{"forged pass", "cp_" + strings.Repeat("x", 200) + "." + strings.Repeat("A", 86)},
		{"expired token", mint(b, jose.RS256, signing["rsa"], kid("rsa"), issuer.good(func(c map[string]any) { c["exp"] = 1 }))},
		{"strange key", mint(b, jose.RS256, signing["rsa"], kid("strange"), issuer.good(nil))},
	} {
		b.Run(tt.name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				start := time.Now()
				if _, err := c.CreateTicket(as(b.Context(), tt.bearer), create()); err == nil {
					b.Fatal("the call is answered")
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
