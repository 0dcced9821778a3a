package plan

import (
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A Step is what a trace sees of one touchpoint.
type Step struct {
	Time        int64 // of the event, microseconds since 1970
	Stage       typev1.Stage
	Channel     typev1.Channel
	Expectation typev1.Expectation
	Service     bool
	Ticket      string // "" for none
}

// A Count adds up steps.
type Count struct {
	Steps, Service int64
	Expectations   [4]int64 // by typev1.Expectation
	First, Last    int64    // times; 0 without steps
}

// Add takes a step, not earlier than the one before.
func (c *Count) Add(s Step) {
	if c.Steps == 0 {
		c.First = s.Time
	}
	c.Last = s.Time
	c.Steps++
	c.Expectations[s.Expectation]++
	if s.Service {
		c.Service++
	}
}

// A Trace is what the journey of one customer amounts to. Make one with [NewTrace]. It
// is for one goroutine.
type Trace struct {
	Whole    Count
	Stages   [6]Count // by typev1.Stage
	Channels [6]map[typev1.Channel]bool

	Stage          typev1.Stage // of the last step
	Switches       int64        // steps on another channel than the one before
	TicketSwitches int64        // those about the same ticket, soon after

	Decided   bool  // whether a step was a decision
	Steps     int64 // before the first one that was
	DecidedAt int64

	soon    int64
	channel typev1.Channel
	tickets map[string]contact
}

// A contact is the last one about a ticket.
type contact struct {
	channel typev1.Channel
	time    int64
}

// NewTrace returns an empty trace, to which soon says how long after one contact
// another about the same ticket counts as a switch of its channel.
func NewTrace(soon time.Duration) *Trace {
	return &Trace{soon: soon.Microseconds(), tickets: map[string]contact{}}
}

// Add takes the next step, in the order of time.
func (t *Trace) Add(s Step) {
	if s.Stage == typev1.Stage_STAGE_DECISION && !t.Decided {
		t.Decided, t.Steps, t.DecidedAt = true, t.Whole.Steps, s.Time
	}
	t.Whole.Add(s)
	t.Stages[s.Stage].Add(s)
	t.Stage = s.Stage
	if s.Channel == 0 {
		return
	}
	if t.Channels[s.Stage] == nil {
		t.Channels[s.Stage] = map[typev1.Channel]bool{}
	}
	t.Channels[s.Stage][s.Channel] = true
	if t.channel != 0 && t.channel != s.Channel {
		t.Switches++
	}
	t.channel = s.Channel
	if s.Ticket == "" {
		return
	}
	before, ok := t.tickets[s.Ticket]
	if ok && before.channel != s.Channel && s.Time-before.time <= t.soon {
		t.TicketSwitches++
	}
	t.tickets[s.Ticket] = contact{s.Channel, s.Time}
}

// Converted reports whether a decision came within a window that opens with the first
// step, and whether that is known as of an instant.
func (t *Trace) Converted(window time.Duration, asOf int64) (converted, known bool) {
	end := t.Whole.First + window.Microseconds()
	switch {
	case window <= 0 || t.Whole.Steps == 0:
		return false, false
	case t.Decided && t.DecidedAt <= end:
		return true, true
	}
	return false, t.Decided || asOf > end
}
