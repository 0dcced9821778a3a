package api

import (
	"slices"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	spam          = lifecycle.Outcome(ticketv1.Ticket_OUTCOME_SPAM)
	originInbound = int32(typev1.Origin_ORIGIN_INBOUND)
)

// history returns all that the clocks of a ticket depend on, and the schedule that
// they follow now.
//
// What moves the ticket comes in the order in which it was recorded, so that it ends
// in the state it is in. A message that moves nothing comes when it was sent, however
// late somebody recorded it.
func (r reader) history(h store.History) (sla.History, string, error) {
	policies, schedule, err := r.policies(h)
	if err != nil {
		return sla.History{}, "", err
	}
	return sla.History{Events: events(h), Policies: policies}, schedule, nil
}

// events returns what happened to a ticket.
func events(h store.History) []sla.Event {
	m := merger{last: h.Ticket.OpenTime}
	m.all = make([]sla.Event, 0, 1+len(h.Events)+2*len(h.Interactions))
	m.move(h.Ticket.OpenTime, lifecycle.New)
	if h.Ticket.Origin == originInbound { // to open a ticket is to say something
		m.all = append(m.all, sla.Event{Time: h.Ticket.OpenTime, Kind: sla.Inbound, Actor: lifecycle.Customer})
	}
	log, said := corrected(h.Events), h.Interactions
	for len(log) > 0 || len(said) > 0 {
		if len(said) == 0 || len(log) > 0 && before(log[0], said[0]) {
			m.event(log[0])
			log = log[1:]
		} else {
			m.interaction(&said[0])
			said = said[1:]
		}
	}
	return m.sorted(h.Ticket.OpenTime)
}

// before reports whether e was recorded before i. What is older than the log has no
// number and goes by its time.
func before(e store.Event, i store.Said) bool {
	if i.Number == 0 {
		return e.Time.Before(i.Act.Start)
	}
	return e.Number <= i.Number
}

// corrected returns the log with each resolution as it was corrected later.
func corrected(log []store.Event) []store.Event {
	if !slices.ContainsFunc(log, func(e store.Event) bool { return e.Kind == store.OutcomeCorrected }) {
		return log
	}
	log = slices.Clone(log)
	resolution := -1
	for i, e := range log {
		switch {
		case e.Kind == store.Resolved:
			resolution = i
		case e.Kind == store.OutcomeCorrected && resolution >= 0:
			log[resolution].Outcome, log[resolution].Time = e.Outcome, e.Time
		}
	}
	return log
}

// A merger puts the two parts of a log together.
type merger struct {
	all  []sla.Event
	last time.Time // of what moved the ticket
}

// move adds a move, which is never before the one ahead of it.
func (m *merger) move(at time.Time, to lifecycle.State) {
	if at.After(m.last) {
		m.last = at
	}
	m.all = append(m.all, sla.Event{Time: m.last, Kind: sla.Moved, State: to})
}

func (m *merger) event(e store.Event) {
	switch {
	case e.Kind == store.OutcomeCorrected, e.From == e.To:
	case e.Kind == store.Resolved && e.Outcome == spam:
		m.move(e.Time, lifecycle.Resolved)
		m.all[len(m.all)-1].Kind = sla.Spam
	default:
		m.move(e.Time, e.To)
	}
}

func (m *merger) interaction(i *store.Said) {
	e := sla.Event{Time: i.Act.Start, Actor: i.Act.Actor}
	spoken := i.Act.Kind == lifecycle.Message || i.Act.Kind == lifecycle.Call || i.Act.Kind == lifecycle.Visit
	switch {
	case i.Act.Direction == lifecycle.Inbound && spoken:
		e.Kind = sla.Inbound
	case i.Act.Direction == lifecycle.Outbound && spoken:
		e.Kind = sla.Reply
	case i.Act.Direction == lifecycle.Outbound:
		e.Kind = sla.PublicNote
	}
	if i.From != i.To {
		m.move(e.Time, i.To)
		e.Time = m.last
	}
	if e.Kind != 0 {
		m.all = append(m.all, e)
	}
}

// sorted returns the events in order, none before the opening.
func (m *merger) sorted(opening time.Time) []sla.Event {
	for i := range m.all {
		if m.all[i].Time.Before(opening) {
			m.all[i].Time = opening
		}
	}
	order := func(a, b sla.Event) int { return a.Time.Compare(b.Time) }
	if !slices.IsSortedFunc(m.all, order) {
		slices.SortStableFunc(m.all, order)
	}
	return m.all
}

// policies returns what was promised to a ticket and from when on. Nothing is while it
// is deleted.
func (r reader) policies(h store.History) (all []sla.Applied, schedule string, err error) {
	now := inForce{reader: r, brand: h.Ticket.Brand, priority: firstPriority(h)}
	for _, e := range h.Events {
		switch {
		case e.Kind == store.PolicyApplied:
			now.policy = e.Policy
		case e.Kind == store.Deleted || e.Kind == store.Undeleted:
			now.deleted = e.Kind == store.Deleted
		case e.Priority == 0:
			continue
		}
		if e.Priority != 0 {
			now.priority = e.Priority
		}
		if now.policy.ID == "" && len(all) == 0 {
			continue
		}
		applied := sla.Applied{From: e.Time}
		if applied.Policy, applied.Schedules, schedule, err = now.promised(); err != nil {
			return nil, "", err
		}
		all = append(all, applied)
	}
	return all, schedule, nil
}

// firstPriority returns the priority that a ticket was opened with.
func firstPriority(h store.History) int32 {
	for _, e := range h.Events {
		if e.Priority != 0 {
			return e.OldPriority
		}
	}
	return h.Ticket.Priority
}

// inForce is what decides at one time what is promised to a ticket.
type inForce struct {
	reader
	brand    string
	policy   store.Policy
	priority int32
	deleted  bool
}

func (f inForce) promised() (*sla.Policy, []sla.InForce, string, error) {
	if f.deleted {
		return nil, nil, "", nil
	}
	p, err := f.promise(f.brand, f.policy)
	if err != nil || p == nil {
		return nil, nil, "", err
	}
	hours, err := f.timeline(f.brand, p.schedule)
	return p.of(f.priority), hours, p.schedule, err
}
