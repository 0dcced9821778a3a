package sla

import (
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Metric is what a clock measures. The numbers are the contract's.
type Metric int32

// The metrics. Each runs in the states named; a policy may choose others in which
// it pauses. A RESOLVED ticket stops them all.
const (
	// Acknowledge is the wait from the opening for the first public message. It runs
	// in every state and starts once.
	Acknowledge Metric = iota + 1
	// FirstResponse is the wait for the first response, from the customer's first
	// message since the ticket opened or reopened. It runs in NEW, OPEN and PENDING.
	FirstResponse
	// NextResponse is the wait for each further response, from the customer's first
	// unanswered message. It runs in NEW and OPEN.
	NextResponse
	// PeriodicUpdate is the time from each public message of an agent to the next. It
	// runs in OPEN and ON_HOLD.
	PeriodicUpdate
	// Resolution is the time from the opening until the ticket is resolved; it goes
	// on if the ticket reopens. It runs in NEW, OPEN and ON_HOLD.
	Resolution
	// AgentWork is like Resolution, but runs in NEW and OPEN only.
	AgentWork

	metrics // how many numbers there are
)

// A Target is how long something may take. No Duration promises nothing.
type Target struct {
	Duration     time.Duration
	BusinessTime bool    // counts only while the schedule in force is open
	WarnAt       float64 // the share of Duration that warns; 0 is .8, one that is not between 0 and 1 never warns
}

// warn returns the time used up that warns, or more than any target for none.
func (t Target) warn() time.Duration {
	share := t.WarnAt
	if share == 0 {
		share = .8
	}
	if !(share > 0 && share < 1) {
		return math.MaxInt64
	}
	return time.Duration(math.Round(float64(t.Duration) * share))
}

// A Policy is one revision of what is promised. The zero value promises nothing. It
// must not change once it is in a History.
type Policy struct {
	Name     string
	Revision int64
	Targets  map[Metric]Target

	// Pauses are the states in which a metric does not run. A metric without an
	// entry pauses where its own description does not let it run.
	Pauses map[Metric][]lifecycle.State

	BotResponses          bool // a bot's replies count as responses and updates
	NoteResponses         bool // public notes count as responses
	AutomaticAcknowledges bool // what a bot or the system sends acknowledges
}

// pauses returns the states in which a metric does not run, as bits.
func (p *Policy) pauses(m Metric) uint {
	states, ok := p.Pauses[m]
	if !ok || states == nil {
		const fresh, pending, onHold = 1 << lifecycle.New, 1 << lifecycle.Pending, 1 << lifecycle.OnHold
		return [metrics]uint{
			FirstResponse:  onHold,
			NextResponse:   pending | onHold,
			PeriodicUpdate: fresh | pending,
			Resolution:     pending,
			AgentWork:      pending | onHold,
		}[m]
	}
	var bits uint
	for _, s := range states {
		bits |= 1 << uint(s)
	}
	return bits
}

// What a public message does under a policy.
func (p *Policy) acknowledges(e *Event) bool {
	return p.updates(e) || p.AutomaticAcknowledges && (e.Actor == lifecycle.Bot || e.Actor == lifecycle.System)
}

func (p *Policy) updates(e *Event) bool {
	return e.Actor == lifecycle.Agent || p.BotResponses && e.Actor == lifecycle.Bot
}

func (p *Policy) responds(e *Event) bool {
	return p.updates(e) && (e.Kind == Reply || p.NoteResponses)
}
