package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// getting returns a ticket service whose GetTicket is get.
func getting(get func(context.Context) error) tickets {
	return tickets{get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		if err := get(ctx); err != nil {
			return nil, err
		}
		return &ticketv1.Ticket{Name: req.GetName()}, nil
	}}
}

func TestTheOutcomeOfACall(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.7:5432: password for ann rejected")
	for _, tt := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		logged string // the level, or "" if nothing is
	}{
		{"a fault", fault.NotFound("brands/acme/tickets/7"), codes.NotFound, "NOT_FOUND", ""},
		{"a fault within words", fmt.Errorf("create ticket: %w: %w", fault.Stale("x"), secret), codes.Aborted, "STALE", ""},
		{"a fault with a cause", fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", secret), codes.Unavailable, "STORAGE_UNAVAILABLE", "WARN"},
		{"a damaged store", &fault.Error{Code: codes.DataLoss, Reason: "STORAGE_CORRUPT", Message: "x", Cause: secret}, codes.DataLoss, "STORAGE_CORRUPT", "ERROR"},
		{"any other error", secret, codes.Internal, "INTERNAL", "ERROR"},
		{"what another service said", status.Convert(fault.Stale("x")).Err(), codes.Aborted, "STALE", ""},
		{"what a client of ours says", status.Error(codes.Unavailable, secret.Error()), codes.Unavailable, "UNAVAILABLE", "WARN"},
		{"an unknown status", status.Error(codes.Unknown, secret.Error()), codes.Internal, "INTERNAL", "ERROR"},
		{"a foreign refusal", status.Error(codes.FailedPrecondition, secret.Error()), codes.FailedPrecondition, "REFUSED", ""},
		{"a status within words", fmt.Errorf("%w: %w", status.Error(codes.ResourceExhausted, "x"), secret), codes.ResourceExhausted, "RESOURCE_EXHAUSTED", ""},
		{"the end of a deadline", fmt.Errorf("read: %w: %w", context.DeadlineExceeded, secret), codes.DeadlineExceeded, "DEADLINE_EXCEEDED", ""},
		{"the end of the caller", fmt.Errorf("read: %w: %w", context.Canceled, secret), codes.Canceled, "CANCELLED", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var j journal
			both(t, newTickets(Config{Log: j.log()}, getting(func(context.Context) error { return tt.err })),
				func(t *testing.T, conn grpc.ClientConnInterface) {
					before := len(j.lines())
					_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get())
					s := refused(t, err, tt.code, tt.reason)
					if strings.Contains(s.String(), "10.0.0.7") {
						t.Errorf("the answer gives the cause away: %v", s)
					}
					logged := string(j.lines()[len(j.lines())-1])
					if tt.logged == "" {
						if logged != "" {
							t.Errorf("logged %q, want nothing", logged)
						}
						return
					}
					for _, part := range []string{"level=" + tt.logged, "method=/concentric.ticket.v1.TicketService/GetTicket", "code=", "took="} {
						if !strings.Contains(logged, part) {
							t.Errorf("logged %q, want %q in it", logged, part)
						}
					}
					if n := len(j.lines()) - before; n > 1 {
						t.Errorf("logged %d lines, want 1", n)
					}
				})
		})
	}
}

func TestAPanicIsOneInternalErrorAndTheServerLives(t *testing.T) { // A61
	var j journal
	impl := tickets{get: func(_ context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		switch req.GetName() {
		case "brands/acme/tickets/words":
			panic("the customer wrote: " + req.GetName())
		case "brands/acme/tickets/index":
			return nil, []error{}[len(req.GetName())]
		}
		return &ticketv1.Ticket{}, nil
	}}
	both(t, newTickets(Config{Log: j.log()}, impl), func(t *testing.T, conn grpc.ClientConnInterface) {
		c := ticketv1.NewTicketServiceClient(conn)
		for _, tt := range []struct{ id, logged string }{{"words", "panic=string"}, {"index", "index out of range"}} {
			_, err := c.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: "brands/acme/tickets/" + tt.id})
			refused(t, err, codes.Internal, "INTERNAL")
			lines := j.lines()
			if last := string(lines[len(lines)-1]); !strings.Contains(last, tt.logged) || !strings.Contains(last, "call failed") && !strings.Contains(last, "call_test.go") {
				t.Errorf("logged %q, want %q and a stack", last, tt.logged)
			}
		}
		if bytes.Contains(bytes.Join(j.lines(), nil), []byte("customer wrote")) {
			t.Error("the log quotes the request")
		}
		if _, err := c.GetTicket(t.Context(), get()); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	var left time.Duration
	called := false
	srv := newTickets(Config{}, getting(func(ctx context.Context) error {
		called = true
		deadline, ok := ctx.Deadline()
		if !ok {
			return errors.New("no deadline")
		}
		left = time.Until(deadline)
		return nil
	}))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		wire := strings.HasSuffix(t.Name(), "socket")
		c := ticketv1.NewTicketServiceClient(conn)
		for _, tt := range []struct {
			name     string
			timeout  time.Duration // 0: none
			min, max time.Duration // of what the handler gets
		}{
			{"A09 none", 0, 9 * time.Second, 10 * time.Second},
			{"A12 an hour", time.Hour, 29 * time.Second, 30 * time.Second},
			{"its own", 5 * time.Second, 4 * time.Second, 5 * time.Second},
		} {
			t.Run(tt.name, func(t *testing.T) {
				ctx := t.Context()
				if tt.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				if _, err := c.GetTicket(ctx, get()); err != nil {
					t.Fatal(err)
				}
				most := tt.max
				if wire && tt.timeout == 5*time.Second {
					most -= travelTime
				}
				if left < tt.min || left > most {
					t.Errorf("the handler had %v, want %v to %v", left, tt.min, most)
				}
			})
		}
		called = false
		ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
		defer cancel()
		_, err := c.GetTicket(ctx, get())
		if status.Code(err) != codes.DeadlineExceeded || called {
			t.Errorf("A11 a deadline in the past: %v, called = %v; want DeadlineExceeded and no call", err, called)
		}
	})
}

func TestACallWithTooLittleTimeIsNotStarted(t *testing.T) { // A10
	for _, left := range []time.Duration{time.Millisecond, 45 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		_, stop, err := (&method{}).bounded(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("bounded with %v left = %v, want DeadlineExceeded", left, err)
			stop()
		}
		cancel()
	}
}

func TestACallWhoseCallerGoesAwayIsCancelled(t *testing.T) { // A13
	var j journal
	entered, left := make(chan struct{}, 1), make(chan error, 1)
	srv := newTickets(Config{Log: j.log()}, getting(func(ctx context.Context) error {
		entered <- struct{}{}
		<-ctx.Done()
		left <- ctx.Err()
		return errors.New("driver: interrupted") // says nothing of contexts
	}))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan error, 1)
		go func() {
			_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get())
			answered <- err
		}()
		<-entered
		cancel()
		if err := <-answered; status.Code(err) != codes.Canceled {
			t.Errorf("answer = %v, want Canceled", err)
		}
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context ended with %v, want Canceled", err)
		}
	})
	if got := bytes.Join(j.lines(), nil); len(got) > 0 {
		t.Errorf("logged %q, want nothing: it is nobody's fault", got)
	}
}

func TestCallsOverTheLimitAreToldWhenToComeBack(t *testing.T) {
	entered, release := make(chan struct{}, 2), make(chan struct{})
	block := func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	both(t, newTickets(Config{MaxInFlight: 2}, getting(func(ctx context.Context) error { return block(ctx) })),
		func(t *testing.T, conn grpc.ClientConnInterface) {
			release = make(chan struct{})
			c := ticketv1.NewTicketServiceClient(conn)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					if _, err := c.GetTicket(t.Context(), get()); err != nil {
						t.Errorf("within the limit: %v", err)
					}
				})
				<-entered
			}
			var trailer metadata.MD
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := c.GetTicket(ctx, get(), grpc.Trailer(&trailer))
			cancel()
			took := time.Since(began)
			s := refused(t, err, codes.Unavailable, "OVERLOADED")
			if took > time.Second {
				t.Errorf("the refusal took %v", took)
			}
			if ms := trailer.Get("grpc-retry-pushback-ms"); len(ms) != 1 {
				t.Errorf("trailer = %v, want a pushback", trailer)
			}
			if wait := detail[*errdetails.RetryInfo](s).GetRetryDelay().AsDuration(); wait < 50*time.Millisecond || wait > 150*time.Millisecond {
				t.Errorf("retry delay = %v, want 50 to 150 ms", wait)
			}
			if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
				t.Errorf("health under load: %v", err)
			}
			close(release)
			wg.Wait()
			if _, err := c.GetTicket(t.Context(), get()); err != nil {
				t.Errorf("after the others: %v", err)
			}
			<-entered
		})
}

func TestRequestIDs(t *testing.T) {
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	both(t, newTickets(Config{}, tickets{}), func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, tt := range []struct{ name, field, header, want string }{
			{"A01 none", "", "", ""},
			{"A30 in upper case", strings.ToUpper(id), "", id},
			{"as a header", "", strings.ToUpper(id), id},
			{"in both, alike", id, strings.ToUpper(id), id},
		} {
			t.Run(tt.name, func(t *testing.T) {
				ctx := t.Context()
				if tt.header != "" {
					ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", tt.header)
				}
				req := create()
				req.RequestId = tt.field
				got, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(ctx, req) // whose etag is the request_id
				if err != nil {
					t.Fatal(err)
				}
				if got.GetEtag() != tt.want {
					t.Errorf("request_id = %q, want %q", got.GetEtag(), tt.want)
				}
				if req.GetRequestId() != tt.field {
					t.Errorf("the client's message has %q now, want %q", req.GetRequestId(), tt.field)
				}
			})
		}
		for _, key := range []string{"seven", "11111111-1111-4111-8111-111111111111"} {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", key)
			req := create()
			if key != "seven" {
				req.RequestId = id // which of the two would count?
			}
			_, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(ctx, req)
			refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
		for _, keys := range [][]string{{"idempotency-key", ""}, {"idempotency-key", id, "idempotency-key", id}} { // G55
			_, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(metadata.AppendToOutgoingContext(t.Context(), keys...), create())
			refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}
