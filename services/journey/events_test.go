package journey_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A wire carries events to the service as the ticket and survey services send them.
type wire struct {
	ticket, survey *bus.Outbox
	dbs            map[*bus.Outbox]*sqldb.DB
}

// connect runs s on an embedded bus until the test ends.
func connect(t *testing.T, s *suite) *wire {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	t.Cleanup(func() {
		stop()
		wg.Wait()
		b.Close()
	})
	w := &wire{dbs: map[*bus.Outbox]*sqldb.DB{}}
	for name, outbox := range map[string]**bus.Outbox{"ticket": &w.ticket, "survey": &w.survey} {
		db := sqldbtest.Open(t, migrated.SQLite(t))
		if err := bus.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		o := bus.NewOutbox(db)
		*outbox, w.dbs[o] = o, db
		wg.Go(func() {
			if err := b.Relay(ctx, name, o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		if err := s.service.Run(ctx, b); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *wire) emit(t *testing.T, o *bus.Outbox, events ...*eventv1.Event) {
	t.Helper()
	err := w.dbs[o].Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, e := range events {
			o.Emit(tx, proto.Clone(e).(*eventv1.Event))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("not within a minute")
		}
	}
}

func ref(customer string) *eventv1.TicketRef {
	return &eventv1.TicketRef{
		Ticket: "brands/acme/tickets/t1", Customer: "brands/acme/customers/" + customer,
		Channel: typev1.Channel_CHANNEL_EMAIL, Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PURCHASE,
	}
}

// call is a call of a customer about ticket t1.
func call(customer string, n int) *eventv1.Event {
	return &eventv1.Event{
		Id: fmt.Sprintf("01hq0000000000000000%06d", n), Brand: "brands/acme", Key: "brands/acme/customers/" + customer, EventTime: timestamppb.New(noon),
		Payload: &eventv1.Event_InteractionCreated{InteractionCreated: &eventv1.InteractionCreated{
			Ticket: ref(customer), Interaction: fmt.Sprint("brands/acme/tickets/t1/interactions/", n), Kind: ticketv1.Interaction_KIND_CALL,
			Direction: ticketv1.Interaction_DIRECTION_INBOUND, Channel: typev1.Channel_CHANNEL_PHONE,
			Expectation: typev1.Expectation_EXPECTATION_UNMET, Partner: "brands/acme/partners/fast",
			StartTime: timestamppb.New(noon.Add(-time.Hour)), EndTime: timestamppb.New(noon.Add(time.Duration(n) * time.Minute)),
		}},
	}
}

// resolved says how a ticket ended that is named as its customer.
func resolved(customer string, outcome ticketv1.Ticket_Outcome, version int64) *eventv1.Event {
	ticket := ref(customer)
	ticket.Ticket = "brands/acme/tickets/" + customer
	return &eventv1.Event{
		Brand: "brands/acme", Key: "brands/acme/customers/" + customer, EventTime: timestamppb.New(noon),
		Payload: &eventv1.Event_TicketResolved{TicketResolved: &eventv1.TicketResolved{
			Ticket: ticket, Outcome: outcome, ResolveTime: timestamppb.New(noon.Add(time.Duration(version) * time.Hour)), Version: version,
		}},
	}
}

// answered is a response that rates the targets.
func answered(response string, at time.Time, rating int32, targets ...string) *eventv1.Event {
	p := &eventv1.ResponseSubmitted{
		Response: "brands/acme/responses/" + response, Survey: "brands/acme/surveys/s", SubmitTime: timestamppb.New(at),
	}
	for _, target := range targets {
		p.Ratings = append(p.Ratings, &eventv1.Rating{Target: target, Rating: rating, Min: 0, Max: 10})
	}
	return &eventv1.Event{
		Brand: "brands/acme", Key: "brands/acme/responses/" + response, EventTime: timestamppb.New(at),
		Payload: &eventv1.Event_ResponseSubmitted{ResponseSubmitted: p},
	}
}

func TestEvents(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"an interaction becomes a touchpoint exactly once":        testInteractions,
		"a resolution becomes a touchpoint that says how it went": testResolutions,
		"of corrections of a resolution the last counts":          testCorrections,
		"a response measures its touchpoint and is none itself":   testResponses(false),
		"a response may come before its touchpoint":               testResponses(true),
		"many events at once have the effect of each":             testTogether,
	})
}

func testInteractions(t *testing.T, s *suite) {
	w := connect(t, s)
	internal := call("ann", 99)
	internal.GetInteractionCreated().Direction = ticketv1.Interaction_DIRECTION_INTERNAL
	w.emit(t, w.ticket, internal)
	for n := range 20 {
		w.emit(t, w.ticket, call("ann", n))
	}
	// The same events again, from an outbox that has forgotten them.
	for n := range 20 {
		w.emit(t, w.survey, call("ann", n))
	}
	w.emit(t, w.ticket, call("bob", 50))
	eventually(t, func() bool { return len(s.list(t, "ann", 0)) >= 20 && len(s.list(t, "bob", 0)) == 1 })
	eventually(t, func() bool { return inbox(t, s.db) >= 22 })
	names := s.list(t, "ann", 0)
	if len(names) != 20 {
		t.Errorf("ann has %d touchpoints, want 20", len(names))
	}
	got, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: names[0]})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, &journeyv1.Touchpoint{
		Name: names[0], Definition: "brands/acme/touchpointDefinitions/support-interaction",
		EventTime: timestamppb.New(noon.Add(19 * time.Minute)), RecordTime: got.GetRecordTime(), Source: "ticket", EventId: call("ann", 19).GetId(),
		Channel: typev1.Channel_CHANNEL_PHONE, Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PURCHASE,
		Expectation: typev1.Expectation_EXPECTATION_UNMET, IsService: true,
		Ticket: "brands/acme/tickets/t1", Interaction: "brands/acme/tickets/t1/interactions/19",
		Attributes: map[string]string{"partner": "fast"},
	})
	s.consistent(t, "ann", noon.Add(time.Hour))
}

// inbox returns how many events the service has applied.
func inbox(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM inbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func testResolutions(t *testing.T, s *suite) {
	w := connect(t, s)
	want := map[ticketv1.Ticket_Outcome]typev1.Expectation{
		ticketv1.Ticket_OUTCOME_SOLVED:      typev1.Expectation_EXPECTATION_MET,
		ticketv1.Ticket_OUTCOME_PARTIAL:     typev1.Expectation_EXPECTATION_UNMET,
		ticketv1.Ticket_OUTCOME_UNSOLVED:    typev1.Expectation_EXPECTATION_UNMET,
		ticketv1.Ticket_OUTCOME_NO_RESPONSE: typev1.Expectation_EXPECTATION_UNSPECIFIED,
	}
	for outcome := range ticketv1.Ticket_Outcome_name {
		if outcome != 0 {
			w.emit(t, w.ticket, resolved(fmt.Sprint("c", outcome), ticketv1.Ticket_Outcome(outcome), 1))
		}
	}
	eventually(t, func() bool { return inbox(t, s.db) == 6 })
	for outcome := range ticketv1.Ticket_Outcome_name {
		expectation, counts := want[ticketv1.Ticket_Outcome(outcome)]
		names := s.list(t, fmt.Sprint("c", outcome), 0)
		if (len(names) == 1) != counts {
			t.Errorf("%v became %v", ticketv1.Ticket_Outcome(outcome), names)
		}
		if len(names) == 0 {
			continue
		}
		p, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: names[0]})
		if err != nil {
			t.Fatal(err)
		}
		if p.GetExpectation() != expectation || !p.GetIsService() || !p.GetEventTime().AsTime().Equal(noon.Add(time.Hour)) ||
			p.GetDefinition() != "brands/acme/touchpointDefinitions/support-resolution" || p.GetChannel() != typev1.Channel_CHANNEL_EMAIL {
			t.Errorf("%v became %v", ticketv1.Ticket_Outcome(outcome), p)
		}
	}
}

func testCorrections(t *testing.T, s *suite) {
	w := connect(t, s)
	const solved, unsolved, spam = ticketv1.Ticket_OUTCOME_SOLVED, ticketv1.Ticket_OUTCOME_UNSOLVED, ticketv1.Ticket_OUTCOME_SPAM
	emitted := 0
	for customer, tt := range map[string]struct {
		outcomes []ticketv1.Ticket_Outcome // by version
		order    []int64                   // of arrival
		want     typev1.Expectation        // unspecified for no touchpoint
	}{
		"corrected": {[]ticketv1.Ticket_Outcome{solved, unsolved}, []int64{1, 2}, typev1.Expectation_EXPECTATION_UNMET},
		"reordered": {[]ticketv1.Ticket_Outcome{solved, unsolved}, []int64{2, 1}, typev1.Expectation_EXPECTATION_UNMET},
		"withdrawn": {[]ticketv1.Ticket_Outcome{solved, spam}, []int64{1, 2}, 0},
		"forgotten": {[]ticketv1.Ticket_Outcome{solved, spam}, []int64{2, 1}, 0},
		"restored":  {[]ticketv1.Ticket_Outcome{unsolved, spam, solved}, []int64{2, 3, 1}, typev1.Expectation_EXPECTATION_MET},
	} {
		for _, version := range tt.order {
			w.emit(t, w.ticket, resolved(customer, tt.outcomes[version-1], version))
			emitted++
			eventually(t, func() bool { return inbox(t, s.db) == emitted })
		}
		s.record(t, visit(customer, customer, noon))
		names := s.list(t, customer, 0)
		if want := 1 + min(int(tt.want), 1); len(names) != want {
			t.Fatalf("%s has %v, want %d", customer, names, want)
		}
		if tt.want != 0 {
			p, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: names[0]})
			last := noon.Add(time.Duration(len(tt.outcomes)) * time.Hour)
			if err != nil || p.GetExpectation() != tt.want || !p.GetEventTime().AsTime().Equal(last) {
				t.Errorf("%s: %v, %v, want %v at %v", customer, p, err, tt.want, last)
			}
		}
		s.consistent(t, customer, noon.Add(24*time.Hour))
	}
	again := resolved("corrected", solved, 5)
	again.GetTicketResolved().ReopenCount = 1
	w.emit(t, w.ticket, again)
	eventually(t, func() bool { return len(s.list(t, "corrected", 0)) == 3 })
}

// testResponses returns a test that sends measures before or after what they measure.
func testResponses(measuresFirst bool) func(*testing.T, *suite) {
	return func(t *testing.T, s *suite) {
		w := connect(t, s)
		own := visit("ann", "own", noon)
		own.TouchpointId, own.Touchpoint.Measurement = "own", &journeyv1.Measurement{Rating: 1, Min: 1, Max: 5}
		ownName := "brands/acme/customers/ann/touchpoints/own"
		late := visit("ann", "late", noon)
		late.TouchpointId, late.Touchpoint.Expectation = "late", 0
		lateName := "brands/acme/customers/ann/touchpoints/late"
		interaction := "brands/acme/tickets/t1/interactions/7"

		emitted := 0
		emit := func(o *bus.Outbox, e *eventv1.Event) {
			w.emit(t, o, e)
			emitted++
			eventually(t, func() bool { return inbox(t, s.db) == emitted })
		}
		steps := []func(){
			func() { s.record(t, own) },
			func() { emit(w.ticket, call("ann", 7)) },
			func() { s.batch(t, batchOf(late, visit("bob", "b", noon))) },
			func() { emit(w.survey, answered("r1", noon, 2, ownName)) },
			func() { emit(w.survey, of("ann", answered("r2", noon.Add(time.Hour), 9, ownName, interaction))) },
			func() { emit(w.survey, answered("r3", noon.Add(time.Hour), 4, ownName)) },
			func() { emit(w.survey, answered("r0", noon, 0, lateName)) },
			func() { emit(w.survey, answered("r4", noon.Add(time.Minute), 10, lateName, interaction)) },
			func() {
				emit(w.survey, of("bob", answered("r9", noon.Add(2*time.Hour), 1, ownName, lateName, interaction)))
			},
		}
		if measuresFirst {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			step()
		}
		checkMeasured(t, s, ownName, "r3", 4)
		checkMeasured(t, s, lateName, "r4", 10)
		names := s.list(t, "ann", 0)
		if len(names) != 3 {
			t.Fatalf("ann has %v, want three touchpoints", names)
		}
		checkMeasured(t, s, names[0], "r2", 9)
		if got := s.score(t, "ann", noon.Add(time.Hour)).GetEstimate().GetN(); got != 3 {
			t.Errorf("the score counts %d touchpoints, want 3", got)
		}
		s.consistent(t, "ann", noon.Add(time.Hour))
		s.consistent(t, "bob", noon.Add(time.Hour))
	}
}

// testTogether has many events come at once, one of which contradicts itself.
func testTogether(t *testing.T, s *suite) {
	w := connect(t, s)
	var calls, answers []*eventv1.Event
	for n := range 60 {
		customer := fmt.Sprint("c", n%20)
		calls = append(calls, call(customer, n))
		a := answered(fmt.Sprint("r", n), noon.Add(time.Hour), int32(n%5+1), fmt.Sprint("brands/acme/tickets/t1/interactions/", n))
		answers = append(answers, of(customer, a))
	}
	answers = append(answers, of("odd", answered("odd", noon, 3, "brands/other/tickets/t1/interactions/1")))
	w.emit(t, w.ticket, calls...)
	eventually(t, func() bool { return inbox(t, s.db) == 60 })
	w.emit(t, w.survey, answers...)
	eventually(t, func() bool { return inbox(t, s.db) == 121 })
	for n := range 20 {
		customer := fmt.Sprint("c", n)
		names := s.list(t, customer, 0)
		if len(names) != 3 {
			t.Fatalf("%s has %v, want 3 touchpoints", customer, names)
		}
		for i, name := range names { // the latest first
			checkMeasured(t, s, name, fmt.Sprint("r", n+20*(2-i)), int32((n+20*(2-i))%5+1))
		}
		s.consistent(t, customer, noon.Add(24*time.Hour))
	}
	var dead int
	if err := s.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM dead_letter`).Scan(&dead); err != nil || dead != 1 {
		t.Errorf("%d events were put aside, %v, want the one of another brand", dead, err)
	}
}

// of says whose a response is.
func of(customer string, e *eventv1.Event) *eventv1.Event {
	e.GetResponseSubmitted().Customer = "brands/acme/customers/" + customer
	return e
}

func batchOf(requests ...*journeyv1.RecordTouchpointRequest) *journeyv1.BatchRecordTouchpointsRequest {
	return &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: requests}
}

func checkMeasured(t *testing.T, s *suite, name, response string, rating int32) {
	t.Helper()
	p, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if p.GetResponse() != "brands/acme/responses/"+response || p.GetMeasurement().GetRating() != rating || p.GetMeasurement().GetMax() != 10 {
		t.Errorf("%s is measured by %s as %v, want %d by %s", name, p.GetResponse(), p.GetMeasurement(), rating, response)
	}
}
