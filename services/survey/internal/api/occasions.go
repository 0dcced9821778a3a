package api

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// An experience is something a customer went through, as an event tells it.
type experience struct {
	kind     int32 // as that of the rules it can be an occasion for; 0 if only its stage can
	customer string
	at       time.Time
	channel  int32
	occasion string // empty where kind is 0
	about    store.Attribution

	form       int32  // of an interaction or a touchpoint: its kind
	handling   int32  // of an interaction
	outcome    int32  // of a resolution
	definition string // of a touchpoint
}

// Apply takes the decisions that the rules of the brand want after an event of the
// ticket or the journey service, each once however often it is told, and keeps what an
// interaction was like for the answers about it. It fails for good on an event that
// contradicts itself.
func (s *Server) Apply(tx *sqldb.Tx, e *eventv1.Event) error {
	brand := name.Brand(e.GetBrand())
	var all []experience
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_ConsentChanged:
		return s.consent(tx, brand, p.ConsentChanged)
	case *eventv1.Event_InteractionCreated:
		all = append(all, fromInteraction(brand, e, p.InteractionCreated))
	case *eventv1.Event_TicketResolved:
		all = append(all, fromResolution(brand, e, p.TicketResolved))
	case *eventv1.Event_TouchpointsRecorded:
		touchpoints := p.TouchpointsRecorded.GetTouchpoints()
		rules, err := s.Store.RulesIn(tx, brand)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rules, onTouchpoints) {
			return s.passed(tx, brand, touchpoints)
		}
		for _, t := range touchpoints {
			all = append(all, fromTouchpoint(brand, e, t))
		}
		// So that two events about the same customers do not wait for each other.
		slices.SortStableFunc(all, func(a, b experience) int { return strings.Compare(a.customer, b.customer) })
	}
	all = slices.DeleteFunc(all, func(x experience) bool { return s.refuse(brand, x.customer) != nil })
	for _, x := range all {
		if err := x.check(brand); err != nil {
			return err
		}
		if x.about.Interaction != "" {
			s.Store.AddEnded(tx, store.Ended{Brand: brand, Customer: x.customer, EndTime: x.at, Attribution: x.about})
		}
	}
	return s.lived(tx, brand, slices.DeleteFunc(all, func(x experience) bool { return x.customer == "" })...)
}

// check refuses what is not of the event's brand.
func (x experience) check(brand string) error {
	foreign := func(ref, collection string) bool {
		return ref != "" && (brand == "" || !strings.HasPrefix(ref, collection))
	}
	if foreign(x.customer, "customers/") || foreign(x.about.Interaction, "tickets/") {
		return &fault.Error{Code: codes.InvalidArgument, Reason: "BAD_EVENT", Message: "the customer or the interaction is not of the event's brand"}
	}
	return nil
}

// fromInteraction makes of an interaction what the customer saw of it. A message of the
// customer is no occasion: what follows it is.
func fromInteraction(brand string, e *eventv1.Event, p *eventv1.InteractionCreated) experience {
	x := ofTicket(brand, p.GetTicket())
	x.at = when(p.GetEndTime(), p.GetStartTime(), e.GetEventTime())
	if p.GetDirection() == ticketv1.Interaction_DIRECTION_INTERNAL {
		x.about.Stage = 0 // the customer has not been there
		return x
	}
	if p.GetChannel() != 0 {
		x.channel = int32(p.GetChannel())
	}
	x.form, x.handling = int32(p.GetKind()), int32(p.GetHandling())
	x.about.Channel, x.about.Interaction = x.channel, within(brand, p.GetInteraction())
	x.about.Agent, x.about.Team, x.about.Partner = within(brand, p.GetAgent()), within(brand, p.GetTeam()), within(brand, p.GetPartner())
	inbound := p.GetDirection() == ticketv1.Interaction_DIRECTION_INBOUND
	if p.GetKind() != ticketv1.Interaction_KIND_MESSAGE || !inbound {
		x.kind, x.occasion = store.OnInteraction, x.about.Interaction
	}
	return x
}

// fromResolution makes of a resolution what the customer saw of it.
func fromResolution(brand string, e *eventv1.Event, p *eventv1.TicketResolved) experience {
	x := ofTicket(brand, p.GetTicket())
	x.at, x.outcome = when(p.GetResolveTime(), e.GetEventTime()), int32(p.GetOutcome())
	x.about.Agent, x.about.Team, x.about.Partner = within(brand, p.GetAgent()), within(brand, p.GetTeam()), within(brand, p.GetPartner())
	x.kind, x.occasion = store.OnResolution, fmt.Sprintf("%s/resolution/%d", x.about.Ticket, p.GetReopenCount())
	return x
}

func ofTicket(brand string, t *eventv1.TicketRef) experience {
	channel := int32(t.GetChannel())
	return experience{customer: within(brand, t.GetCustomer()), channel: channel, about: store.Attribution{
		Ticket: within(brand, t.GetTicket()), Channel: channel, Stage: int32(t.GetStage()), Phase: int32(t.GetPhase()),
	}}
}

func fromTouchpoint(brand string, e *eventv1.Event, t *eventv1.TouchpointRef) experience {
	x := experience{
		kind: store.OnTouchpoint, customer: within(brand, t.GetCustomer()), at: when(t.GetEventTime(), e.GetEventTime()),
		channel: int32(t.GetChannel()), form: int32(t.GetKind()), definition: within(brand, t.GetTouchpointDefinition()),
		about: store.Attribution{
			Touchpoint: within(brand, t.GetTouchpoint()), Channel: int32(t.GetChannel()), Stage: int32(t.GetStage()), Phase: int32(t.GetPhase()),
		},
	}
	x.occasion = x.about.Touchpoint
	return x
}

// when returns the first of times that is given, as the store keeps it.
func when(times ...*timestamppb.Timestamp) time.Time {
	for _, t := range times {
		if t != nil {
			return stored(t.AsTime())
		}
	}
	return time.Time{}
}

// passed notes where customers were: all there is to touchpoints that no rule asks about.
func (s *Server) passed(tx *sqldb.Tx, brand string, touchpoints []*eventv1.TouchpointRef) error {
	seen := map[store.Reached]bool{}
	for _, t := range touchpoints {
		seen[store.Reached{Customer: within(brand, t.GetCustomer()), Stage: int32(t.GetStage())}] = true
	}
	for one := range seen {
		if one.Customer == "" || s.refuse(brand, one.Customer) != nil {
			delete(seen, one)
		} else if err := (experience{customer: one.Customer}).check(brand); err != nil {
			return err
		}
	}
	s.note(tx, brand, slices.Collect(maps.Keys(seen)), true)
	return nil
}

// note keeps which customers there are, and the stages they were seen in too if it is to.
// What was noted not long ago costs nothing.
func (s *Server) note(tx *sqldb.Tx, brand string, seen []store.Reached, stages bool) {
	edition := s.Tombstones.Edition()
	if !stages {
		for i := range seen {
			seen[i].Stage = 0
		}
	}
	seen = s.noted.missing(edition, brand, seen)
	if len(seen) == 0 {
		return
	}
	// In this order, so that two events about the same customers do not wait for each other.
	slices.SortFunc(seen, func(a, b store.Reached) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Stage, b.Stage))
	})
	seen = slices.Compact(seen)
	customers := make([]string, 0, len(seen))
	for _, one := range seen {
		customers = append(customers, one.Customer)
	}
	s.Store.AddContact(tx, brand, slices.Compact(customers)...)
	if stages {
		s.Store.Reach(tx, brand, seen)
	}
	tx.AfterCommit(func() { s.noted.add(edition, s.Tombstones.Edition(), brand, seen) })
}

// lived takes the decisions that experiences give occasion for.
func (s *Server) lived(tx *sqldb.Tx, brand string, all ...experience) error {
	if len(all) == 0 {
		return nil
	}
	rules, err := s.Store.RulesIn(tx, brand)
	if err != nil {
		return err
	}
	seen := make([]store.Reached, 0, len(all))
	for _, x := range all {
		seen = append(seen, store.Reached{Customer: x.customer, Stage: x.about.Stage})
	}
	s.note(tx, brand, seen, !slices.ContainsFunc(rules, onStage))
	for _, x := range all {
		if err := s.occasion(tx, brand, rules, x); err != nil {
			return err
		}
	}
	return nil
}

// onTouchpoints reports whether a touchpoint can be an occasion for r.
func onTouchpoints(r store.TriggerRule) bool { return r.Kind == store.OnTouchpoint || onStage(r) }

func onStage(r store.TriggerRule) bool { return r.Kind == store.OnStage }

// occasion takes the decisions that an experience gives occasion for by rules.
func (s *Server) occasion(tx *sqldb.Tx, brand string, rules []store.TriggerRule, x experience) (err error) {
	first := false
	if x.about.Stage != 0 && slices.ContainsFunc(rules, onStage) {
		if first, err = s.Store.ReachFirst(tx, brand, x.customer, x.about.Stage); err != nil {
			return err
		}
	}
	for _, r := range rules {
		occasion, ok := x.fits(r, first)
		if !ok || !timely(r, x.at, s.now()) {
			continue
		}
		asked := store.Invitation{
			Brand: brand, Customer: x.customer, Interaction: x.about.Interaction, Occasion: occasion, Channel: x.channel,
			DecideTime: x.at, Attribution: x.about,
		}
		asked.Attribution.Interaction = ""
		if err := s.trigger(tx, r, asked); err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether x is an occasion for r, and which. First says that the customer
// is seen in the stage for the first time.
func (x experience) fits(r store.TriggerRule, first bool) (occasion string, ok bool) {
	t := r.Trigger
	switch {
	case r.Kind == store.OnStage:
		occasion, ok = fmt.Sprintf("stages/%d", x.about.Stage), first && slices.Contains(t.Stages, x.about.Stage)
	case r.Kind != x.kind:
		return "", false
	case r.Kind == store.OnInteraction:
		form, handlings := ticketv1.Interaction_Kind(x.form), t.Handlings
		if len(handlings) == 0 {
			handlings = []int32{int32(typev1.Handling_HANDLING_AGENT)}
		}
		contact := form == ticketv1.Interaction_KIND_MESSAGE || form == ticketv1.Interaction_KIND_CALL || form == ticketv1.Interaction_KIND_VISIT
		occasion, ok = x.occasion, contact && among(t.Kinds, x.form) && slices.Contains(handlings, x.handling)
		if t.Once == onceTicket {
			occasion = x.about.Ticket
		}
	case r.Kind == store.OnResolution:
		occasion, ok = x.occasion, among(t.Outcomes, x.outcome)
	case r.Kind == store.OnTouchpoint:
		occasion, ok = x.occasion, among(t.Kinds, x.form) && among(t.Definitions, x.definition) && among(t.Channels, x.channel)
	}
	return occasion, ok && x.meets(r.Conditions)
}

// meets reports whether all that c asks for holds of x.
func (x experience) meets(c *store.Conditions) bool {
	return c == nil || among(c.Channels, x.channel) && among(c.Stages, x.about.Stage) && among(c.Phases, x.about.Phase) &&
		among(c.Partners, x.about.Partner) && among(c.Teams, x.about.Team) && among(c.Agents, x.about.Agent)
}

// among reports whether v is one of all, which is anything if there are none.
func among[T comparable](all []T, v T) bool { return len(all) == 0 || slices.Contains(all, v) }
