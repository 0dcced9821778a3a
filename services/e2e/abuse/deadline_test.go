package abuse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// A stub answers GetTicket as a test says.
type stub struct {
	ticketv1.UnimplementedTicketServiceServer
	get func(context.Context, *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error)
}

func (s stub) GetTicket(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	return s.get(ctx, req)
}

// stubbed serves get, and nothing else, as the suite does its own.
func stubbed(t *testing.T, get func(context.Context, *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error)) *suite {
	t.Helper()
	s := &suite{log: &journal{}}
	srv := rpc.NewServer(rpc.Config{Log: s.log.logger()})
	ticketv1.RegisterTicketServiceServer(srv, stub{get: get})
	s.serve(t, srv)
	return s
}

// left answers with the time that a handler has.
func left(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return nil, fault.Precondition("NO_DEADLINE", seven, "no deadline")
	}
	return &ticketv1.Ticket{Etag: time.Until(deadline).String()}, nil
}

// deadlineRows are about how long a call may take.
func deadlineRows() []row {
	return []row{
		each("A09", "no deadline", func(t *testing.T, _ *suite, way surface) { given(t, way, 0, "", 9*time.Second, 10*time.Second) }),
		each("A10", "a deadline in 1 ms", hurried),
		{
			"A11", "a deadline in the past", overdue,
			ask{req: newTicket(), header: map[string]string{"Grpc-Timeout": "1n"}, code: codes.DeadlineExceeded}.on(onREST),
		},
		each("A12", "a deadline in an hour", func(t *testing.T, _ *suite, way surface) {
			given(t, way, time.Hour, "1H", 29*time.Second, 30*time.Second)
		}),
		each("G44", "a deadline in a hundred million hours", func(t *testing.T, _ *suite, way surface) {
			given(t, way, 1000000*time.Hour, "99999999H", 29*time.Second, 30*time.Second)
		}),
		{id: "A13", name: "a client that goes away", grpc: goneAway},
	}
}

// given checks how much of the time that a client gives is left for the handler.
func given(t *testing.T, way surface, timeout time.Duration, header string, least, most time.Duration) {
	t.Helper()
	s := stubbed(t, left)
	req := &ticketv1.GetTicketRequest{Name: seven}
	var etag string
	if way == onREST {
		a := ask{req: req}
		if header != "" {
			a.header = map[string]string{"Grpc-Timeout": header}
		}
		got := s.send(t, way, a)
		a.want(t, way, got)
		etag = got.msg.(*ticketv1.Ticket).GetEtag()
	} else {
		ctx := t.Context()
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		got, err := ticketv1.NewTicketServiceClient(s.conn).GetTicket(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		etag = got.GetEtag()
	}
	if d, err := time.ParseDuration(etag); err != nil || d < least || d > most {
		t.Errorf("the handler has %s (%v), want %s to %s", etag, err, least, most)
	}
}

// hurried creates a ticket in less time than it takes, and then in peace. Whether
// the first call had its effect nobody can say, so both together must have one.
func hurried(t *testing.T, s *suite, way surface) {
	created(t, s, 1, func() {
		id := uuid.NewString()
		if way == onGRPC {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := ticketv1.NewTicketServiceClient(s.conn).CreateTicket(ctx, newTicket(withID(id)))
			if status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("error = %v, want DeadlineExceeded", err)
			}
		} else {
			hurry := ask{
				req: newTicket(), code: codes.DeadlineExceeded,
				header: map[string]string{"Idempotency-Key": id, "Grpc-Timeout": "1m"},
			}
			if got := s.send(t, way, hurry); got.status.Code() != ok { // inside the process it may be done in time
				hurry.want(t, way, got)
			}
		}
		s.create(t, way, id, newTicket())
	})
}

// overdue sends what a client of gRPC would not: a deadline that passes at once.
func overdue(t *testing.T, s *suite) {
	before := s.settled(t)
	res := s.http2(t, createTicket, frame(0, encode(newTicket())), map[string]string{"Grpc-Timeout": "1n"})
	if res.grpcStatus != "4" {
		t.Errorf("grpc-status = %q, want 4", res.grpcStatus)
	}
	s.unchanged(t, before)
}

// goneAway cancels calls at many points of their way and makes them again. Each has its
// whole effect, once, whether the first came to an end or goes on beside the second.
func goneAway(t *testing.T, s *suite) {
	before := s.settled(t)
	tickets, canceled := ticketv1.NewTicketServiceClient(s.conn), 0
	const calls = 30
	for i := range calls {
		req := newTicket(withID(uuid.NewString()))
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel)
		_, err := tickets.CreateTicket(ctx, req)
		timer.Stop()
		cancel()
		switch status.Code(err) {
		case codes.OK:
			continue
		case codes.Canceled:
			canceled++
		default:
			t.Errorf("error = %v, want Canceled", err)
		}
		if _, err := tickets.CreateTicket(t.Context(), req); err != nil { // which may have been done, or be about to
			t.Errorf("the same again: %v", err)
		}
	}
	if canceled == 0 {
		t.Error("no call was canceled")
	}
	after := s.settled(t)
	for _, table := range []string{"ticket.ticket", "ticket.outbox", "ticket.request"} {
		if got := after[table] - before[table]; got != calls {
			t.Errorf("%d new rows in %s, want %d", got, table, calls)
		}
	}
}

// failureRows are about the bus, other services and the handlers themselves.
func failureRows() []row {
	return []row{
		each("A59", "a bus that is out of reach", withoutBus),
		each("A60", "a service that answers with junk", junkUpstream),
		each("A61", "a handler that panics", panicking),
		each("G65", "a view without one of its services", func(t *testing.T, _ *suite, way surface) { partial(t, way, closed) }),
		each("G66", "a view without any of its services", blind),
		each("G67", "a view whose service does not answer in time", func(t *testing.T, _ *suite, way surface) { partial(t, way, silent) }),
	}
}

func panicking(t *testing.T, _ *suite, way surface) {
	const canary = "ada-lovelace"
	s := stubbed(t, func(_ context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		if req.GetName() == acme+"/tickets/"+canary {
			panic(errors.New("no way to handle " + req.GetName()))
		}
		return &ticketv1.Ticket{}, nil
	})
	bad := ask{req: &ticketv1.GetTicketRequest{Name: acme + "/tickets/" + canary}, code: codes.Internal}
	got := s.send(t, way, bad)
	bad.want(t, way, got)
	if strings.Contains(got.status.Message(), canary) {
		t.Errorf("the answer quotes the panic: %v", got.status)
	}
	good := ask{req: &ticketv1.GetTicketRequest{Name: seven}}
	good.want(t, way, s.send(t, way, good))
	log := s.log.String()
	if !strings.Contains(log, "deadline_test.go") || strings.Contains(log, canary) {
		t.Errorf("the log must have the stack and nothing of the request: %s", log)
	}
}
