package api

import (
	"encoding/json"
	"fmt"
	"slices"

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
	return s.ApplyAll(tx, []*eventv1.Event{e})
}

// ApplyAll applies events as [Server.Apply] does: what is touchpoints and measures of a
// brand in one go.
func (s *Server) ApplyAll(tx *sqldb.Tx, all []*eventv1.Event) error {
	var news []*brandNews
	for _, e := range all {
		brand := name.Brand(e.GetBrand())
		i := slices.IndexFunc(news, func(n *brandNews) bool { return n.brand == brand })
		if i < 0 {
			i, news = len(news), append(news, &brandNews{server: s, tx: tx, brand: brand, definitions: map[string]plan.Definition{}})
		}
		if err := news[i].add(e); err != nil {
			return err
		}
	}
	for _, n := range news {
		if err := n.apply(); err != nil {
			return err
		}
	}
	return nil
}

// A brandNews is what events say about a brand, as far as it waits to be applied.
type brandNews struct {
	server      *Server
	tx          *sqldb.Tx
	brand       string
	definitions map[string]plan.Definition // that were looked up, by id
	touchpoints []store.Touchpoint
	measures    []store.Measure
}

// add applies e, or keeps it to be applied with others.
func (n *brandNews) add(e *eventv1.Event) error {
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_InteractionCreated:
		return n.interaction(e, p.InteractionCreated)
	case *eventv1.Event_TicketResolved:
		return n.resolution(e, p.TicketResolved)
	case *eventv1.Event_ResponseSubmitted:
		return n.response(p.ResponseSubmitted)
	case *eventv1.Event_ResponseExcluded:
		return n.exclusion(p.ResponseExcluded)
	}
	return nil // not our concern
}

// apply applies what was kept.
func (n *brandNews) apply() error {
	s, changed := n.server, []store.Touchpoint(nil)
	n.measures = slices.DeleteFunc(n.measures, func(m store.Measure) bool {
		return s.erased(n.brand, m.Customer) || s.erased(n.brand, store.Rated(m.Target))
	})
	if len(n.touchpoints) > 0 {
		recorded, err := s.store.Record(n.tx, n.brand, n.touchpoints)
		if err != nil {
			return err
		}
		for _, r := range recorded {
			if r.New {
				changed = append(changed, r.Touchpoint)
			}
		}
	}
	if len(n.measures) > 0 {
		measured, err := s.store.Measure(n.tx, n.brand, n.measures)
		if err != nil {
			return err
		}
		changed = append(changed, measured...)
	}
	s.announceChanged(n.tx, n.brand, changed...)
	return nil
}

// interaction keeps what the customer saw of a ticket.
func (n *brandNews) interaction(e *eventv1.Event, p *eventv1.InteractionCreated) error {
	if p.GetDirection() == ticketv1.Interaction_DIRECTION_INTERNAL {
		return nil
	}
	t, err := n.fromTicket(e, e.GetId(), p.GetTicket(), plan.SupportInteraction)
	if err != nil {
		return err
	}
	t.Interaction, t.Expectation = local(n.brand, p.GetInteraction()), p.GetExpectation()
	t.Attributes = n.served(p.GetPartner())
	if p.GetChannel() != 0 {
		t.Channel = p.GetChannel()
	}
	switch {
	case p.GetEndTime() != nil:
		t.EventTime = sqldb.Micros(p.GetEndTime().AsTime())
	case p.GetStartTime() != nil:
		t.EventTime = sqldb.Micros(p.GetStartTime().AsTime())
	}
	known, err := knownCustomer(n.brand, p.GetTicket())
	if known && !n.server.erased(n.brand, t.Customer) {
		n.touchpoints = append(n.touchpoints, t)
	}
	return err
}

// resolution records how a request for help ended. A ticket that was none, or that
// lives on in another one, ended nothing for the customer. Whether somebody who
// did not come back got what was expected, nobody knows.
func (n *brandNews) resolution(e *eventv1.Event, p *eventv1.TicketResolved) error {
	s, brand := n.server, n.brand
	if known, err := knownCustomer(brand, p.GetTicket()); !known || s.erased(brand, name.ID(p.GetTicket().GetCustomer())) {
		return err
	}
	r := store.Resolution{
		Ticket: local(brand, p.GetTicket().GetTicket()), ReopenCount: int64(p.GetReopenCount()), Version: p.GetVersion(),
	}
	t, err := n.fromTicket(e, fmt.Sprintf("%s/resolutions/%d", r.Ticket, r.ReopenCount), p.GetTicket(), plan.SupportResolution)
	if err != nil {
		return err
	}
	t.Attributes = n.served(p.GetPartner())
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
	changed, err := s.store.Resolve(n.tx, brand, r, t, counts)
	if changed {
		s.announceChanged(n.tx, brand, t)
	}
	return err
}

// fromTicket begins the touchpoint that an event about a ticket becomes, known as id.
func (n *brandNews) fromTicket(e *eventv1.Event, id string, ticket *eventv1.TicketRef, definition string) (store.Touchpoint, error) {
	t := store.Touchpoint{
		Customer: name.ID(ticket.GetCustomer()), EventTime: sqldb.Micros(e.GetEventTime().AsTime()),
		Source: ticketSource, EventID: id, RecordTime: sqldb.Micros(n.server.now()),
		Channel: ticket.GetChannel(), Stage: ticket.GetStage(), Phase: ticket.GetPhase(),
		Ticket: local(n.brand, ticket.GetTicket()),
	}
	d, known := n.definitions[definition]
	if !known {
		var err error
		if d, err = n.server.catalog.within(n.tx, n.brand, definition); err != nil {
			return t, err
		}
		n.definitions[definition] = d
	}
	define(&t, d)
	n.server.identify(&t)
	return t, nil
}

// served returns the attributes of a touchpoint at which a partner served the customer.
func (n *brandNews) served(partner string) string {
	if partner == "" || name.Brand(partner) != n.brand {
		return ""
	}
	text, _ := json.Marshal(map[string]string{"partner": name.ID(partner)}) //nolint:errchkjson // strings
	return string(text)
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

// response keeps what the answers measure.
func (n *brandNews) response(p *eventv1.ResponseSubmitted) error {
	if p.GetCustomer() != "" && name.Brand(p.GetCustomer()) != n.brand {
		return contradiction("the customer is not of the event's brand")
	}
	for _, r := range p.GetRatings() {
		m := store.Measure{
			Target: local(n.brand, r.GetTarget()), Customer: name.ID(p.GetCustomer()), Response: name.ID(p.GetResponse()),
			SubmitTime: sqldb.Micros(p.GetSubmitTime().AsTime()), Version: version(p.GetVersion()), RecordTime: sqldb.Micros(n.server.now()),
			Rating: store.Rating{
				Value: int64(r.GetRating()), Min: int64(r.GetMin()), Max: int64(r.GetMax()), LowerIsBetter: r.GetLowerIsBetter(),
			},
		}
		switch {
		case n.brand == "" || name.Brand(r.GetTarget()) != n.brand:
			return contradiction("the target of a rating is not of the event's brand")
		case !m.Rating.Given() || m.Rating.Value < m.Rating.Min || m.Rating.Value > m.Rating.Max:
			return contradiction("a rating is off its scale")
		}
		n.measures = append(n.measures, m)
	}
	return nil
}

// exclusion keeps that what a response measured is taken back.
func (n *brandNews) exclusion(p *eventv1.ResponseExcluded) error {
	if p.GetCustomer() != "" && name.Brand(p.GetCustomer()) != n.brand {
		return contradiction("the customer is not of the event's brand")
	}
	for _, target := range p.GetTargets() {
		if n.brand == "" || name.Brand(target) != n.brand {
			return contradiction("the target of a rating is not of the event's brand")
		}
		n.measures = append(n.measures, store.Measure{
			Target: local(n.brand, target), Customer: name.ID(p.GetCustomer()), Response: name.ID(p.GetResponse()),
			SubmitTime: sqldb.Micros(p.GetSubmitTime().AsTime()), Version: version(p.GetVersion()), Withdrawn: true,
			RecordTime: sqldb.Micros(n.server.now()),
		})
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
