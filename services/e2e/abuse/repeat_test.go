package abuse

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// repeatRows are about the id that makes a request safe to repeat.
func repeatRows() []row {
	return []row{
		each("A01", "without a request_id every call has its effect", func(t *testing.T, s *suite, way surface) {
			created(t, s, 2, func() {
				for range 2 {
					s.create(t, way, "", newTicket())
				}
			})
		}),
		{id: "A01", name: "the suite's own client sends a request_id", grpc: ownClient},
		both("A02", "a request_id that is no UUID", ask{req: newTicket(withID("seven")), code: invalid, field: "request_id"}),
		both("A02", "a request_id of 65 characters", ask{req: newTicket(withID(strings.Repeat("a", 65))), code: invalid, field: "request_id"}),
		{id: "A02", name: "an Idempotency-Key that is no UUID", rest: ask{
			req: newTicket(), header: map[string]string{"Idempotency-Key": "seven"}, code: invalid, field: "request_id",
		}.on(onREST)},
		each("A03", "the same request again", func(t *testing.T, s *suite, way surface) {
			created(t, s, 1, func() {
				id := uuid.NewString()
				first, second := s.create(t, way, id, newTicket()), s.create(t, way, id, newTicket())
				if !proto.Equal(first.msg, second.msg) {
					t.Errorf("the second answer is %v, want the first, %v", second.msg, first.msg)
				}
			})
		}),
		each("A04", "the same request_id for another body", func(t *testing.T, s *suite, way surface) {
			created(t, s, 1, func() {
				id := uuid.NewString()
				s.create(t, way, id, newTicket())
				other := newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "Other" })
				ask{code: exists, reason: "IDEMPOTENCY_MISMATCH"}.want(t, way, s.repeat(t, way, id, other))
			})
		}),
		each("A05", "the same request_id for another method", func(t *testing.T, s *suite, way surface) {
			created(t, s, 1, func() {
				id := uuid.NewString()
				s.create(t, way, id, newTicket())
				ask{code: exists, reason: "IDEMPOTENCY_MISMATCH"}.want(t, way, s.repeat(t, way, id, say()))
			})
		}),
	}
}

// idRows are about which ids are the same.
func idRows() []row {
	return []row{
		each("A06", "the request_id of another brand", func(t *testing.T, s *suite, way surface) {
			created(t, s, 2, func() {
				id := uuid.NewString()
				s.create(t, way, id, newTicket())
				s.create(t, way, id, newTicket(func(r *ticketv1.CreateTicketRequest) {
					r.Parent, r.Ticket.Customer = "brands/other", "brands/other/customers/ann"
				}))
			})
		}),
		each("A07", "twins at the same time", func(t *testing.T, s *suite, way surface) {
			created(t, s, 1, func() {
				id := uuid.NewString()
				var wg sync.WaitGroup
				for range 16 {
					wg.Go(func() {
						if got := s.repeat(t, way, id, newTicket()).status.Code(); got != ok && got != codes.Aborted {
							t.Errorf("code = %v", got)
						}
					})
				}
				wg.Wait()
			})
		}),
		each("A30", "an upper-case request_id is the same", func(t *testing.T, s *suite, way surface) {
			created(t, s, 1, func() {
				s.create(t, way, "5a3b0c7e-0000-4000-8000-00000000000"+way.digit(), newTicket())
				s.create(t, way, "5A3B0C7E-0000-4000-8000-00000000000"+way.digit(), newTicket())
			})
		}),
		both("A31", "a UUID without dashes", ask{req: newTicket(withID("6ba7b8109dad11d180b400c04fd430c8")), code: invalid, field: "request_id"}),
		both("A31", "the nil UUID", ask{req: newTicket(withID("00000000-0000-0000-0000-000000000000")), code: invalid, field: "request_id"}),
	}
}

func (s surface) digit() string { return [...]string{"1", "2"}[s] }

func withID(id string) func(*ticketv1.CreateTicketRequest) {
	return func(r *ticketv1.CreateTicketRequest) { r.RequestId = id }
}

// repeat sends req with the id: in the request on gRPC, as a header on REST.
func (s *suite) repeat(t *testing.T, way surface, id string, req proto.Message) answer {
	t.Helper()
	a := ask{req: req}
	if id != "" && way == onREST {
		a.header = map[string]string{"Idempotency-Key": id}
	}
	if id != "" && way == onGRPC {
		m := req.ProtoReflect()
		m.Set(m.Descriptor().Fields().ByName("request_id"), protoText(id))
	}
	return s.send(t, way, a)
}

// create is repeat for a request that must succeed.
func (s *suite) create(t *testing.T, way surface, id string, req proto.Message) answer {
	t.Helper()
	got := s.repeat(t, way, id, req)
	ask{}.want(t, way, got)
	return got
}

// created checks that do makes n tickets, each with its event.
func created(t *testing.T, s *suite, n int64, do func()) {
	t.Helper()
	before := s.settled(t)
	do()
	after := s.rows(t)
	for _, table := range []string{"ticket.ticket", "ticket.outbox"} {
		if got := after[table] - before[table]; got != n {
			t.Errorf("%d new rows in %s, want %d", got, table, n)
		}
	}
}

func ownClient(t *testing.T, s *suite) {
	conn, err := rpc.Dial(s.addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := s.rows(t)
	req := newTicket()
	if _, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if got := s.rows(t)["ticket.request"] - before["ticket.request"]; got != 1 || req.GetRequestId() != "" {
		t.Errorf("%d requests are remembered, want 1, and the caller's message left alone: %v", got, req)
	}
}
