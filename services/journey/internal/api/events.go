package api

import (
	"fmt"

	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// ticketSource is the source of touchpoints that come from the ticket service. Their
// event_id is the event's id, so an event is one touchpoint however it came; a
// resolution, which may be corrected, is known by its ticket and number instead.
const ticketSource = "ticket"

// Apply applies an event of the ticket or the survey service in tx. It fails for
// good on an event that contradicts itself.
func (s *Server) Apply(tx *sqldb.Tx, e *eventv1.Event) error {
	brand := name.Brand(e.GetBrand())
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_InteractionCreated:
		return s.interaction(tx, brand, e, p.InteractionCreated)
	case *eventv1.Event_TicketResolved:
		return s.resolution(tx, brand, e, p.TicketResolved)
	case *eventv1.Event_ResponseSubmitted:
		return s.response(tx, brand, p.ResponseSubmitted)
	case *eventv1.Event_ResponseExcluded:
		return s.exclusion(tx, brand, p.ResponseExcluded)
	case *eventv1.Event_ScoreShardRequested:
		return s.shardRequested(tx, brand, p.ScoreShardRequested)
	}
	return nil // not our concern
}

// interaction records what the customer saw of a ticket.
func (s *Server) interaction(tx *sqldb.Tx, brand string, e *eventv1.Event, p *eventv1.InteractionCreated) error {
	if p.GetDirection() == ticketv1.Interaction_DIRECTION_INTERNAL {
		return nil
	}
	t, err := s.fromTicket(tx, e, e.GetId(), p.GetTicket(), plan.SupportInteraction)
	if err != nil {
		return err
	}
	t.Interaction, t.Expectation = local(brand, p.GetInteraction()), p.GetExpectation()
	if p.GetChannel() != 0 {
		t.Channel = p.GetChannel()
	}
	switch {
	case p.GetEndTime() != nil:
		t.EventTime = sqldb.Micros(p.GetEndTime().AsTime())
	case p.GetStartTime() != nil:
		t.EventTime = sqldb.Micros(p.GetStartTime().AsTime())
	}
	if known, err := knownCustomer(brand, p.GetTicket()); !known {
		return err
	}
	recorded, err := s.store.Record(tx, brand, []store.Touchpoint{t})
	if err == nil && recorded[0].New {
		s.announceChanged(tx, brand, recorded[0].Touchpoint)
	}
	return err
}

// resolution records how a request for help ended. A ticket that was none, or that
// lives on in another one, ended nothing for the customer. Whether somebody who
// did not come back got what was expected, nobody knows.
func (s *Server) resolution(tx *sqldb.Tx, brand string, e *eventv1.Event, p *eventv1.TicketResolved) error {
	if known, err := knownCustomer(brand, p.GetTicket()); !known {
		return err
	}
	r := store.Resolution{
		Ticket: local(brand, p.GetTicket().GetTicket()), ReopenCount: int64(p.GetReopenCount()), Version: p.GetVersion(),
	}
	t, err := s.fromTicket(tx, e, fmt.Sprintf("%s/resolutions/%d", r.Ticket, r.ReopenCount), p.GetTicket(), plan.SupportResolution)
	if err != nil {
		return err
	}
	counts := true
	switch p.GetOutcome() {
	case ticketv1.Ticket_OUTCOME_SOLVED:
		t.Expectation = typev1.Expectation_EXPECTATION_MET
	case ticketv1.Ticket_OUTCOME_PARTIAL, ticketv1.Ticket_OUTCOME_UNSOLVED:
		t.Expectation = typev1.Expectation_EXPECTATION_UNMET
	case ticketv1.Ticket_OUTCOME_DUPLICATE, ticketv1.Ticket_OUTCOME_SPAM:
		counts = false
	}
	if p.GetResolveTime() != nil {
		t.EventTime = sqldb.Micros(p.GetResolveTime().AsTime())
	}
	changed, err := s.store.Resolve(tx, brand, r, t, counts)
	if changed {
		s.announceChanged(tx, brand, t)
	}
	return err
}

// fromTicket begins the touchpoint that an event about a ticket becomes, known as id.
func (s *Server) fromTicket(tx *sqldb.Tx, e *eventv1.Event, id string, ticket *eventv1.TicketRef, definition string) (store.Touchpoint, error) {
	brand := name.Brand(e.GetBrand())
	t := store.Touchpoint{
		Customer: name.ID(ticket.GetCustomer()), EventTime: sqldb.Micros(e.GetEventTime().AsTime()),
		Source: ticketSource, EventID: id, RecordTime: sqldb.Micros(s.now()),
		Channel: ticket.GetChannel(), Stage: ticket.GetStage(), Phase: ticket.GetPhase(),
		Ticket: local(brand, ticket.GetTicket()),
	}
	d, err := s.catalog.within(tx, brand, definition)
	if err != nil {
		return t, err
	}
	define(&t, d)
	identify(&t)
	return t, nil
}

// knownCustomer reports whether somebody knows whose the ticket is.
func knownCustomer(brand string, ticket *eventv1.TicketRef) (bool, error) {
	if ticket.GetCustomer() == "" {
		return false, nil
	}
	if brand == "" || name.Brand(ticket.GetCustomer()) != brand {
		return false, contradiction("the customer is not of the event's brand")
	}
	return true, nil
}

// response measures touchpoints with the answers that belong to them.
func (s *Server) response(tx *sqldb.Tx, brand string, p *eventv1.ResponseSubmitted) error {
	if p.GetCustomer() != "" && name.Brand(p.GetCustomer()) != brand {
		return contradiction("the customer is not of the event's brand")
	}
	for _, r := range p.GetRatings() {
		m := store.Measure{
			Target: local(brand, r.GetTarget()), Customer: name.ID(p.GetCustomer()), Response: name.ID(p.GetResponse()),
			SubmitTime: sqldb.Micros(p.GetSubmitTime().AsTime()), Version: version(p.GetVersion()), RecordTime: sqldb.Micros(s.now()),
			Rating: store.Rating{
				Value: int64(r.GetRating()), Min: int64(r.GetMin()), Max: int64(r.GetMax()), LowerIsBetter: r.GetLowerIsBetter(),
			},
		}
		switch {
		case brand == "" || name.Brand(r.GetTarget()) != brand:
			return contradiction("the target of a rating is not of the event's brand")
		case !m.Rating.Given() || m.Rating.Value < m.Rating.Min || m.Rating.Value > m.Rating.Max:
			return contradiction("a rating is off its scale")
		}
		changed, err := s.store.Measure(tx, brand, m)
		if err != nil {
			return err
		}
		s.announceChanged(tx, brand, changed...)
	}
	return nil
}

// exclusion takes back what a response measured.
func (s *Server) exclusion(tx *sqldb.Tx, brand string, p *eventv1.ResponseExcluded) error {
	if p.GetCustomer() != "" && name.Brand(p.GetCustomer()) != brand {
		return contradiction("the customer is not of the event's brand")
	}
	for _, target := range p.GetTargets() {
		if brand == "" || name.Brand(target) != brand {
			return contradiction("the target of a rating is not of the event's brand")
		}
		m := store.Measure{
			Target: local(brand, target), Customer: name.ID(p.GetCustomer()), Response: name.ID(p.GetResponse()),
			SubmitTime: sqldb.Micros(p.GetSubmitTime().AsTime()), Version: version(p.GetVersion()), Withdrawn: true,
			RecordTime: sqldb.Micros(s.now()),
		}
		changed, err := s.store.Measure(tx, brand, m)
		if err != nil {
			return err
		}
		s.announceChanged(tx, brand, changed...)
	}
	return nil
}

// version returns the version of a response; events from before there were any say
// none, and are its first word.
func version(said int64) int64 { return max(said, 1) }

// contradiction refuses an event that no retry can help.
func contradiction(why string) error {
	return &fault.Error{Code: codes.InvalidArgument, Reason: "BAD_EVENT", Message: why}
}
