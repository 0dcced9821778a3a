package abuse

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// masked is an update that is refused for its mask.
func masked(id, name string, paths ...string) row {
	return both(id, name, ask{
		req:  &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: seven, Subject: "Changed"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}},
		code: invalid, field: "update_mask",
	})
}

// changeRows are about updates and assignments.
func changeRows() []row {
	changed := &ticketv1.Ticket{Name: seven, Subject: "Changed"}
	return []row{
		both("T40", "an update with the etag of another time", ask{
			req:  &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: seven, Subject: "Changed", Etag: "999"}},
			code: codes.Aborted, reason: "STALE",
		}),
		masked("T42", "an empty mask"),
		both("T42", "no mask stands for what is set", ask{req: &ticketv1.UpdateTicketRequest{Ticket: changed}, check: func(t *testing.T, s *suite, m proto.Message) {
			if got := m.(*ticketv1.Ticket); got.GetSubject() != "Changed" || got.GetCustomer() != ann || got.GetChannel() == 0 {
				t.Errorf("ticket = %v, want another subject and all else as it was", got)
			}
		}}),
		masked("T43", "a mask of an unknown field", "subject", "nonsense"),
		masked("A36", "a mask of a field within a text", "subject.nonsense"),
		masked("T44", "a mask of the time it was stored", "create_time"),
		masked("T44", "a mask of its name", "name"),
		masked("T44", "a mask of its state", "state"),
		masked("T44", "a mask of its customer", "customer"), // a ticket stays with who opened it
		{
			"T45", "a mask of all, with no customer",
			ask{
				req:  &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: seven}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}},
				code: invalid, field: "ticket.customer",
			}.on(onGRPC),
			web("", "", webRequest{method: "PATCH", path: "/v1/" + seven + "?update_mask=*", body: "{}"}, 400).rest,
		},
		both("T47", "assigning to another brand's agent", ask{
			req: &ticketv1.AssignTicketRequest{Name: seven, Agent: "brands/other/agents/bo"}, code: notFound,
		}),
		both("T47", "assigning to nobody known", ask{req: &ticketv1.AssignTicketRequest{Name: seven, Agent: acme + "/agents/none"}, code: notFound}),
		both("T48", "assigning to who works no longer", ask{
			req: &ticketv1.AssignTicketRequest{Name: seven, Agent: acme + "/agents/gone"}, code: codes.FailedPrecondition, reason: "INACTIVE",
		}),
		each("T52", "one interaction too many", oneTooMany),
		both("T53", "redacting an interaction of another ticket", ask{
			req: &ticketv1.RedactInteractionRequest{Name: acme + "/tickets/8/interactions/i"}, code: notFound,
		}),
	}
}

// stateRows are about moves that a ticket cannot make.
func stateRows() []row {
	illegal := ask{code: codes.FailedPrecondition, reason: "ILLEGAL_TRANSITION"}
	return []row{
		each("T36", "resolving again for the same time changes nothing", func(t *testing.T, s *suite, way surface) { resolve(t, s, way, "", noon) }),
		each("T38", "reopening what is closed", func(t *testing.T, s *suite, way surface) {
			name := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
			must[*ticketv1.Ticket](t, s, &ticketv1.ResolveTicketRequest{Name: name, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: noon})
			must[*ticketv1.Ticket](t, s, &ticketv1.CloseTicketRequest{Name: name})
			a := illegal
			a.req = &ticketv1.ReopenTicketRequest{Name: name}
			a.on(way)(t, s)
		}),
		each("T39", "closing what nobody has resolved", func(t *testing.T, s *suite, way surface) {
			a := illegal
			a.req = &ticketv1.CloseTicketRequest{Name: must[*ticketv1.Ticket](t, s, newTicket()).GetName()}
			a.on(way)(t, s)
		}),
		each("T63", "pausing what is paused, and going on with what goes on", pausedTwice),
		each("T64", "entries whose times go back an hour", backwards),
	}
}

// resolve resolves a new ticket and sends what is to be refused or to change
// nothing: the same resolution in another request.
func resolve(t *testing.T, s *suite, way surface, reason string, at *timestamppb.Timestamp) {
	t.Helper()
	req := &ticketv1.ResolveTicketRequest{
		Name: must[*ticketv1.Ticket](t, s, newTicket()).GetName(), Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: at,
	}
	first := s.create(t, way, "", req)
	before := s.settled(t)
	a := ask{req: req, reason: reason}
	if reason != "" {
		a.code = codes.FailedPrecondition
	}
	second := s.send(t, way, a)
	a.want(t, way, second)
	if reason == "" && !proto.Equal(first.msg, second.msg) {
		t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
	}
	if after := s.rows(t); after["ticket.outbox"] != before["ticket.outbox"] || after["ticket.ticket_event"] != before["ticket.ticket_event"] {
		t.Error("the second resolution is an event")
	}
}

// oneTooMany: a ticket with 10,000 interactions, which nobody has the time to record
// here, takes no more.
func oneTooMany(t *testing.T, s *suite, way surface) {
	name := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
	err := s.dbs["ticket"].Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE ticket SET interaction_count = 9999 WHERE brand = 'acme' AND id = $1`, name[len(acme+"/tickets/"):])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a := ask{req: say(func(r *ticketv1.CreateInteractionRequest) { r.Parent = name })}
	a.want(t, way, s.send(t, way, a)) // the last
	a.code, a.reason = codes.FailedPrecondition, "TOO_MANY_INTERACTIONS"
	a.on(way)(t, s)
}

// pausedTwice: the second of two like moves changes nothing.
func pausedTwice(t *testing.T, s *suite, way surface) {
	name := promised(t, s)
	must[*ticketv1.Ticket](t, s, &ticketv1.AssignTicketRequest{Name: name, Agent: acme + "/agents/eve", EventTime: after(0)})
	for _, twice := range [][2]proto.Message{
		{&ticketv1.PendTicketRequest{Name: name, EventTime: after(10)}, &ticketv1.PendTicketRequest{Name: name, EventTime: after(20)}},
		{&ticketv1.ResumeTicketRequest{Name: name, EventTime: after(30)}, &ticketv1.ResumeTicketRequest{Name: name, EventTime: after(40)}},
	} {
		first := s.create(t, way, "", twice[0])
		before := s.settled(t)
		if second := s.create(t, way, "", twice[1]); !proto.Equal(first.msg, second.msg) {
			t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
		}
		s.unchanged(t, before)
	}
	clock := must[*ticketv1.SlaClock](t, s, &ticketv1.GetSlaClockRequest{Name: name, AsOfTime: after(60)})
	if got := clock.GetInstances()[0].GetElapsed().AsDuration().Minutes(); got != 40 {
		t.Errorf("%v minutes have been counted, want the hour without the 20 of the pause", got)
	}
}

// backwards: what came in out of order counts in the order in which it happened, and
// no time is less than none.
func backwards(t *testing.T, s *suite, way surface) {
	name := promised(t, s)
	for _, req := range []proto.Message{
		&ticketv1.AssignTicketRequest{Name: name, Agent: acme + "/agents/eve", EventTime: after(120)},
		&ticketv1.PendTicketRequest{Name: name, EventTime: after(60)},
		&ticketv1.ResumeTicketRequest{Name: name, EventTime: after(0)},
		&ticketv1.ResolveTicketRequest{Name: name, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: after(-60)},
	} {
		s.create(t, way, "", req)
	}
	got := s.create(t, way, "", &ticketv1.GetSlaClockRequest{Name: name})
	for _, i := range got.msg.(*ticketv1.SlaClock).GetInstances() {
		if i.GetElapsed().AsDuration() < 0 {
			t.Errorf("clock %v has counted %v", i.GetName(), i.GetElapsed().AsDuration())
		}
		for _, segment := range i.GetSegments() {
			if segment.GetEndTime().AsTime().Before(segment.GetStartTime().AsTime()) {
				t.Errorf("segment %v ends before it begins", segment)
			}
		}
	}
}

// promised opens a ticket to which the policy gold applies.
func promised(t *testing.T, s *suite) string {
	t.Helper()
	tk := must[*ticketv1.Ticket](t, s, newTicket(func(r *create) { r.Ticket.Attributes = map[string]string{"tier": "gold"} }))
	if tk.GetSlaPolicy() != acme+"/slaPolicies/gold" {
		t.Fatalf("ticket = %v, want it of gold", tk)
	}
	return tk.GetName()
}

// after is noon and some minutes.
func after(minutes int64) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: noon.GetSeconds() + 60*minutes}
}
