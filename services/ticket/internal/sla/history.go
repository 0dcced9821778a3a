package sla

import (
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A History is all that the clocks of a ticket depend on. Each of its lists is in
// the order in which things were recorded: a time before that of the entry ahead of
// it counts as the same time.
type History struct {
	Events   []Event
	Policies []Applied
}

// An EventKind is what happened to a ticket.
type EventKind int32

// The kinds of events.
const (
	// Moved puts the ticket into State. The first event opens the ticket; if it is of
	// another kind, the ticket is NEW before it. A move out of RESOLVED or CLOSED to
	// a state before them reopens the ticket and comes ahead of the message that
	// caused it.
	Moved EventKind = iota + 1
	// Spam stands for the move to RESOLVED that says the ticket was never one.
	Spam
	// Inbound is a message, call or visit to us. It asks only if its Actor is the
	// customer.
	Inbound
	// Reply is a message, call or visit to the customer.
	Reply
	// PublicNote is a note or status update that the customer can see.
	PublicNote
)

// An Event is one thing that happened to a ticket.
type Event struct {
	Time  time.Time
	Kind  EventKind
	State lifecycle.State // of Moved
	Actor lifecycle.Actor // of the others but Spam; the system's own are automatic
}

// An Applied policy is in force from a time on, that instant included.
type Applied struct {
	From      time.Time
	Policy    *Policy // nil if there is none from then on
	Schedules []InForce
}

// An InForce schedule counts from a time on, that instant included. The first in a
// list counts before that, too; an empty list, and a nil Schedule, count around the
// clock.
type InForce struct {
	From     time.Time
	Name     string
	Schedule *Schedule
}

// A timeline is the policies of a history with times that only rise.
type timeline []applied

type applied struct {
	from      int64
	policy    *Policy
	schedules []inForce
}

type inForce struct {
	from     int64
	name     string
	schedule *Schedule // nil around the clock
}

func newTimeline(policies []Applied) timeline {
	l := make(timeline, len(policies))
	for i, p := range policies {
		l[i] = applied{from: nanos(p.From), policy: p.Policy, schedules: make([]inForce, max(len(p.Schedules), 1))}
		if i > 0 {
			l[i].from = max(l[i].from, l[i-1].from)
		}
		schedules := l[i].schedules
		for j, s := range p.Schedules {
			schedules[j] = inForce{nanos(s.From), s.Name, s.Schedule}
			if j > 0 {
				schedules[j].from = max(schedules[j].from, schedules[j-1].from)
			}
		}
	}
	return l
}

// at returns the index of the policy in force at t, or -1.
func (l timeline) at(t int64) int {
	i, _ := slices.BinarySearchFunc(l, t, func(a applied, t int64) int {
		if a.from <= t {
			return -1
		}
		return 1
	})
	return i - 1
}

// target returns what is promised for m, and whether anything is.
func (a *applied) target(m Metric) (Target, bool) {
	if a.policy == nil {
		return Target{}, false
	}
	t := a.policy.Targets[m]
	return t, t.Duration > 0
}

// during returns the index of the schedule in force at t.
func during(schedules []inForce, t int64) int {
	i := len(schedules) - 1
	for i > 0 && schedules[i].from > t {
		i--
	}
	return i
}

// sum returns what counts before t.
func (s *inForce) sum(t int64) int64 {
	if s.schedule == nil {
		return t
	}
	return int64(s.schedule.sum(t))
}

// reach is that of the schedule.
func (s *inForce) reach(x int64, past bool) (int64, bool) {
	if s.schedule == nil {
		return x, true
	}
	return s.schedule.reach(time.Duration(x), past)
}
