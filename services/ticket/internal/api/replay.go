package api

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A past is a ticket of another system with its history.
type past struct {
	index        int64        // in the stream
	opened       store.Ticket // as it was opened; its digest tells its row from others
	events       []store.Event
	interactions []store.Interaction
	err          error // why it is refused
}

// newPast reads a row that keeps its contract, or says in err what is wrong with it.
func newPast(index int64, req *ticketv1.ImportTicketsRequest, now time.Time) (p past) {
	p.index = index
	if req.GetTicket().GetOpenTime() == nil {
		p.err = fault.Invalid(fault.Field{Path: "ticket.open_time", Reason: "required", Description: "must be set"})
		return p
	}
	create := &ticketv1.CreateTicketRequest{Parent: req.GetParent(), TicketId: req.GetTicketId(), Ticket: req.GetTicket()}
	if p.opened, p.err = newTicket(create, now); p.err != nil {
		return p
	}
	for i, e := range req.GetEvents() {
		event, err := newEvent(e, now)
		if err == nil && event.Kind == store.Closed && event.Time.Before(p.opened.OpenTime) {
			err = fault.Invalid(fault.Field{Path: "event_time", Reason: "timestamp.order", Description: "must not close the ticket before it was opened"})
		}
		if err != nil {
			p.err = resource.Within("events["+strconv.Itoa(i)+"]", err)
			return p
		}
		p.events = append(p.events, event)
	}
	ticket := ticketName(p.opened.Brand, p.opened.ID)
	for i, in := range req.GetInteractions() {
		said, err := newInteraction(&ticketv1.CreateInteractionRequest{
			Parent: ticket, InteractionId: strconv.Itoa(i + 1), Interaction: in,
		}, now)
		if err != nil {
			p.err = resource.Within("interactions["+strconv.Itoa(i)+"]", err)
			return p
		}
		if said.Channel == 0 {
			said.Channel = p.opened.Channel
		}
		p.interactions = append(p.interactions, said)
	}
	p.opened.ImportDigest, p.err = digest(req)
	return p
}

// digest covers what a row says.
func digest(req *ticketv1.ImportTicketsRequest) (string, error) {
	row := proto.CloneOf(req)
	row.ValidateOnly = false
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(row)
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), err
}

// importable are the kinds of events that a row may bring.
var importable = map[store.Kind]bool{
	store.Assigned: true, store.Escalated: true, store.Pended: true, store.Held: true, store.Resumed: true, store.Resolved: true,
	store.Reopened: true, store.Closed: true, store.Prioritized: true, store.OutcomeCorrected: true,
}

// newEvent reads an event of a row.
func newEvent(in *ticketv1.TicketEvent, now time.Time) (store.Event, error) {
	kind := store.Kind(in.GetKind())
	if !importable[kind] {
		return store.Event{}, fault.Invalid(fault.Field{
			Path: "kind", Reason: "import.kind", Description: in.GetKind().String() + " cannot be imported",
		})
	}
	if (kind == store.Resolved || kind == store.OutcomeCorrected) && in.GetOutcome() == ticketv1.Ticket_OUTCOME_UNSPECIFIED {
		return store.Event{}, fault.Invalid(fault.Field{Path: "outcome", Reason: "required", Description: "must be set where kind is RESOLVED or OUTCOME_CORRECTED"})
	}
	at, err := given("event_time", in.GetEventTime(), now)
	return store.Event{
		Kind: kind, Time: at, Reason: in.GetReason(), Priority: int32(in.GetPriority()), Outcome: lifecycle.Outcome(in.GetOutcome()),
		Owner: store.Owner{Agent: name.ID(in.GetAgent()), Team: name.ID(in.GetTeam()), Partner: name.ID(in.GetPartner())},
	}, err
}

// An entry is an event or an interaction of a history.
type entry struct {
	at    time.Time
	rank  int
	event *store.Event
	said  *store.Interaction
}

// entries returns what happened in the order of time. What happened at one instant is
// taken so that it makes sense: a reopening before a message, a message before the
// other moves.
func (r *replay) entries() []entry {
	all := make([]entry, 0, len(r.events)+len(r.interactions))
	for i := range r.events {
		e := entry{at: r.events[i].Time, rank: 2, event: &r.events[i]}
		if e.event.Kind == store.Reopened {
			e.rank = 0
		}
		all = append(all, e)
	}
	for i := range r.interactions {
		all = append(all, entry{at: r.interactions[i].Act.Start, rank: 1, said: &r.interactions[i]})
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.rank - b.rank
	})
	return all
}

// A replay is a past as it is gone through.
type replay struct {
	lifecycle.Replay
	t            store.Ticket // its status is that of the Replay
	events       []store.Event
	interactions []store.Interaction
	reopens      []reopening
}

// A reopening is when a ticket was reopened, and from which resolution.
type reopening struct{ resolved, reopened time.Time }

// play goes through p, of which t is the ticket as it was opened, and returns it with
// complete entries and the ticket as it became.
func (p *past) play(t store.Ticket) replay {
	r := replay{
		Replay: lifecycle.Replay{Opened: t.OpenTime, Status: t.Status}, t: t,
		events: slices.Clone(p.events), interactions: slices.Clone(p.interactions),
	}
	for i, e := range r.entries() {
		before, number := r.Status, t.Version+1+int64(i)
		if e.said != nil {
			r.said(e.said)
			e.said.From, e.said.To, e.said.Number = before.State, r.Status.State, number
		} else {
			e.event.Brand, e.event.Ticket, e.event.Number, e.event.RecordTime = t.Brand, t.ID, number, t.CreateTime
			r.event(e.event)
			e.event.From, e.event.To = before.State, r.Status.State
		}
		if r.Status.ReopenCount > before.ReopenCount {
			r.reopens = append(r.reopens, reopening{before.ResolveTime, e.at})
		}
		r.t.Version = number
	}
	r.End()
	r.t.Status = r.Status
	return r
}

// said replays an interaction.
func (r *replay) said(i *store.Interaction) {
	before := r.Status
	r.Act(i.Act)
	r.t.Counts = r.t.Counts.Add(i.Act, i.Agent, i.CostMicros, before, r.Status)
}

// event replays an event and completes it with what was before.
func (r *replay) event(e *store.Event) {
	switch e.Kind {
	case store.Assigned, store.Escalated:
		r.handOver(e)
	case store.Pended:
		r.Move(e.Time, lifecycle.Status.Pend)
	case store.Held:
		r.Move(e.Time, lifecycle.Status.Hold)
	case store.Resumed:
		r.Move(e.Time, lifecycle.Status.Resume)
	case store.Resolved:
		r.Resolve(e.Time, e.Outcome)
	case store.OutcomeCorrected:
		r.Correct(e.Time, e.Outcome)
	case store.Reopened:
		r.Reopen(e.Time)
	case store.Closed:
		r.Close(e.Time)
	case store.Prioritized:
		if r.Move(e.Time, stay) {
			r.prioritize(e)
		}
	}
}

// stay is the move that leaves a ticket in its state.
func stay(s lifecycle.Status, _ time.Time) (lifecycle.Status, error) { return s, nil }

// handOver replays an assignment or an escalation. It goes to nobody else if it names
// nobody.
func (r *replay) handOver(e *store.Event) {
	handed := e.Owner != store.Owner{}
	e.OwnerBefore = r.t.Owner()
	if !handed {
		e.Owner = e.OwnerBefore
	}
	raise := func(s lifecycle.Status, at time.Time) (lifecycle.Status, error) { return s.Escalate(at, handed) }
	if e.Kind == store.Assigned {
		raise = func(s lifecycle.Status, _ time.Time) (lifecycle.Status, error) { return s.Assign(s.ResolveTime) }
	}
	if !r.Move(e.Time, raise) {
		return
	}
	r.t.HandoffCount += handoffs(e.OwnerBefore, e.Owner)
	own(&r.t, e.Owner)
	if e.Kind == store.Escalated {
		r.t.EscalationLevel++
		r.prioritize(e)
	}
}

// prioritize gives the ticket the priority of e, if that says one.
func (r *replay) prioritize(e *store.Event) {
	if e.Priority == 0 || e.Priority == r.t.Priority {
		e.Priority = 0
		return
	}
	e.OldPriority = r.t.Priority
	r.t.Priority = e.Priority
}

// oddities returns what is odd about the history, each sort once.
func (r *replay) oddities() (all []ticketv1.ImportTicketResult_Oddity) {
	for o := range r.Oddities {
		all = append(all, ticketv1.ImportTicketResult_Oddity(o))
	}
	slices.Sort(all)
	return all
}

// write stores the ticket, which is new, and its history.
func (r *replay) write(tx *sqldb.Tx) error {
	if err := store.AddTicket(tx, r.t, true); err != nil {
		return err
	}
	for _, e := range r.events {
		store.AddEvent(tx, e)
	}
	for _, i := range r.interactions {
		if err := store.AddInteraction(tx, i, true); err != nil {
			return err
		}
	}
	for n, o := range r.reopens {
		store.AddReopening(tx, r.t, int32(n+1), o.resolved, o.reopened)
	}
	return nil
}
