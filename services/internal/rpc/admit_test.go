package rpc

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/quota"
)

// byName is an Authenticator to whom the bearer says the brand it is of.
func byName(_ context.Context, bearer string) (Caller, error) {
	if bearer == "root" {
		return Caller{Scopes: []string{"*"}}, nil
	}
	return Caller{Brand: bearer, Scopes: []string{"*"}}, nil
}

func quotas(t testing.TB, words ...string) *quota.Quotas {
	t.Helper()
	rates, err := quota.Rates{}.With(words...)
	if err != nil {
		t.Fatal(err)
	}
	return quota.New(rates)
}

func TestABrandThatHasUsedUpItsQuotaIsToldSo(t *testing.T) {
	for _, way := range []string{"in process", "over a socket"} {
		t.Run(way, func(t *testing.T) {
			srv := newTickets(Config{Auth: byName, Quotas: quotas(t, "read=1")}, tickets{})
			conn := srv.Local()
			if way == "over a socket" {
				conn = connect(t, listen(t, srv))
			}
			c := ticketv1.NewTicketServiceClient(conn)
			var header, trailer metadata.MD
			call := func(brand string) error {
				header, trailer = nil, nil
				_, err := c.GetTicket(as(t.Context(), brand), &ticketv1.GetTicketRequest{Name: "brands/" + brand + "/tickets/7"},
					grpc.Header(&header), grpc.Trailer(&trailer))
				return err
			}
			if err := call("acme"); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"ratelimit-limit": "1", "ratelimit-remaining": "1", "ratelimit-reset": "1"} {
				if got := header.Get(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s = %v, want %s", name, got, want)
				}
			}
			if err := call("acme"); err != nil {
				t.Fatal(err)
			}
			s := refused(t, call("acme"), codes.ResourceExhausted, "QUOTA_EXCEEDED")
			if got := detail[*errdetails.RetryInfo](s).GetRetryDelay().AsDuration(); got <= 0 || got > time.Second {
				t.Errorf("the answer says to come back in %v, want at most a second", got)
			}
			if v := detail[*errdetails.QuotaFailure](s).GetViolations(); len(v) != 1 || v[0].GetSubject() != "brands/acme" || v[0].GetDescription() == "" {
				t.Errorf("quota failure = %v, want one about brands/acme", v)
			}
			if got := header.Get("ratelimit-remaining"); len(got) != 1 || got[0] != "0" {
				t.Errorf("ratelimit-remaining of the refusal = %v, want 0", got)
			}
			if got := trailer.Get("grpc-retry-pushback-ms"); len(got) > 0 {
				t.Errorf("the answer asks clients to retry: %v", got)
			}
			if err := call("beta"); err != nil {
				t.Errorf("another brand: %v", err)
			}
			if _, err := c.CreateTicket(as(t.Context(), "acme"), create()); err != nil || len(header.Get("ratelimit-limit")) == 0 {
				t.Errorf("a call of another class, without a quota: %v", err)
			}
			header = nil
			for range 3 {
				if _, err := c.GetTicket(as(t.Context(), "root"), get(), grpc.Header(&header)); err != nil || len(header.Get("ratelimit-limit")) > 0 {
					t.Errorf("a caller of no brand: %v with %v", err, header)
				}
			}
		})
	}
}

func TestWhatAHandlerOrTheProcessItselfCallsUsesUpNoQuota(t *testing.T) {
	var conn grpc.ClientConnInterface
	srv := newTickets(Config{Auth: byName, Quotas: quotas(t, "read=1", "write=1")}, tickets{
		create: func(ctx context.Context, _ *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			for range 5 {
				if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get()); err != nil {
					return nil, err
				}
			}
			return &ticketv1.Ticket{}, nil
		},
	})
	conn = srv.Local()
	c := ticketv1.NewTicketServiceClient(conn)
	if _, err := c.CreateTicket(as(t.Context(), "acme"), create()); err != nil {
		t.Errorf("a handler that calls: %v", err)
	}
	background := ActAs(t.Context(), Caller{Brand: "acme", Scopes: []string{"*"}})
	for range 5 {
		if _, err := c.GetTicket(background, get()); err != nil {
			t.Errorf("work in the background: %v", err)
		}
	}
}

func TestMethodsAreOfTheClassOfWhatTheyDo(t *testing.T) {
	srv := NewServer(Config{})
	ticketv1.RegisterTicketServiceServer(srv, tickets{})
	journeyv1.RegisterTouchpointServiceServer(srv, journeyv1.UnimplementedTouchpointServiceServer{})
	gatewayv1.RegisterCollectServiceServer(srv, gatewayv1.UnimplementedCollectServiceServer{})
	for method, want := range map[string]quota.Class{
		ticketv1.TicketService_GetTicket_FullMethodName:                   quota.Read,
		ticketv1.TicketService_ListTickets_FullMethodName:                 quota.Read,
		ticketv1.TicketService_CreateTicket_FullMethodName:                quota.Write,
		ticketv1.TicketService_ResolveTicket_FullMethodName:               quota.Write,
		ticketv1.TicketService_WatchTickets_FullMethodName:                quota.Watch,
		ticketv1.TicketService_ImportTickets_FullMethodName:               quota.Batch,
		journeyv1.TouchpointService_BatchRecordTouchpoints_FullMethodName: quota.Batch,
		gatewayv1.CollectService_Collect_FullMethodName:                   quota.Collect,
		gatewayv1.CollectService_GetPendingSurveys_FullMethodName:         quota.Collect,
	} {
		if m := srv.methods[method]; m == nil || m.class != want {
			t.Errorf("%s is of the class %v, want %v", method, m.class, want)
		}
	}
}

// BenchmarkNeighbor is a steady call of one brand beside another that calls ten times as
// often as its quota allows, and without it. No call of the first may fail.
func BenchmarkNeighbor(b *testing.B) {
	for _, beside := range []string{"alone", "beside ten times the quota"} {
		b.Run(beside, func(b *testing.B) {
			const rate = 500
			srv := newTickets(Config{Auth: byName, Quotas: quotas(b, "acme/read=500")}, tickets{})
			addr := listen(b, srv)
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			var asked, refusals int
			if beside != "alone" {
				noisy := ticketv1.NewTicketServiceClient(connect(b, addr))
				wg.Go(func() { asked, refusals = flood(ctx, noisy, 10*rate) })
			}
			c, took := ticketv1.NewTicketServiceClient(connect(b, addr)), make([]time.Duration, 0, b.N)
			began := time.Now()
			for b.Loop() {
				start := time.Now()
				if _, err := c.GetTicket(as(b.Context(), "beta"), &ticketv1.GetTicketRequest{Name: "brands/beta/tickets/7"}); err != nil {
					b.Errorf("beta: %v", err)
				}
				took = append(took, time.Since(start))
			}
			elapsed := time.Since(began).Seconds()
			cancel()
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(asked)/elapsed/rate, "quotas-asked")
			b.ReportMetric(float64(asked-refusals)/elapsed/rate, "quotas-got")
		})
	}
}

// flood calls for acme so many times a second, whatever comes of it, until ctx ends.
func flood(ctx context.Context, c ticketv1.TicketServiceClient, rate int) (asked, refusals int) {
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began, sent := time.Now(), 0; ; {
		select {
		case <-ctx.Done():
			wg.Wait()
			return asked, refusals
		case now := <-tick.C:
			for due := int(now.Sub(began).Seconds() * float64(rate)); sent < due; sent++ {
				wg.Go(func() {
					_, err := c.GetTicket(as(context.WithoutCancel(ctx), "acme"), get())
					mu.Lock()
					defer mu.Unlock()
					if asked++; status.Code(err) == codes.ResourceExhausted {
						refusals++
					}
				})
			}
		}
	}
}
