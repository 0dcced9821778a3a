// Package rollup adds tickets up so that measuring does not read them one by one.
// It is pure: what it holds and the bytes it writes depend on the tickets alone, not
// on their order nor on how they were split and merged.
//
// A day of tickets is packed into a page: what measuring needs of each, and nothing
// else. A month of pages is counted into cells, one for each value of a dimension
// and for some combinations; see [Families]. The times at which tickets opened and
// were settled are kept by the day on which that happened, see [Flows], so that the
// backlog of any time is a sum over months, then days.
package rollup

import (
	"cmp"
	"math"
	"slices"
)

// None is a time or a wait that is not known, or never comes.
const None = math.MinInt64

// Never is when a ticket changes that changes no more by itself.
const Never = math.MaxInt64

// A Dim is a dimension by which tickets are kept apart.
type Dim int

// The dimensions. The first are enums, the others ids.
const (
	Channel Dim = iota
	Handling
	IssueKind
	Stage
	Phase
	Priority
	Partner
	Team
	Agent
	IssueType
	dims

	firstText = Partner
)

// Keys are the values of a ticket's dimensions.
type Keys struct {
	Numbers [int(firstText)]int32
	Texts   [int(dims - firstText)]string
}

// Number returns the value of a dimension that is an enum.
func (k *Keys) Number(d Dim) int32 { return k.Numbers[d] }

// Text returns the value of a dimension that is an id, and the empty text for others.
func (k *Keys) Text(d Dim) string {
	if d < firstText {
		return ""
	}
	return k.Texts[d-firstText]
}

// IsText reports whether the values of d are ids.
func (d Dim) IsText() bool { return d >= firstText }

// Only returns k with the values of set alone.
func (k *Keys) Only(set []Dim) Keys {
	var only Keys
	for _, d := range set {
		if d.IsText() {
			only.Texts[d-firstText] = k.Texts[d-firstText]
		} else {
			only.Numbers[d] = k.Numbers[d]
		}
	}
	return only
}

// Compare puts keys into an order.
func (k Keys) Compare(o Keys) int {
	return cmp.Or(slices.Compare(k.Numbers[:], o.Numbers[:]), slices.Compare(k.Texts[:], o.Texts[:]))
}

// A Flag is something that is true of a ticket.
type Flag uint8

// The flags.
const (
	Reactive     Flag = 1 << iota // the customer opened it
	Escalated                     // at least once
	Avoidable                     // marked as such
	ByAgent                       // an agent answered
	Shared                        // more than one agent answered
	InboundAfter                  // the customer wrote again after the first response
)

// A Repeat says whether the customer came again within a week of the resolution.
type Repeat uint8

// What is known of that. RepeatOpen: the week is not over.
const (
	RepeatNo Repeat = iota
	RepeatYes
	RepeatOpen
)

// The outcomes, in the contract's numbers.
const (
	Solved     = 1
	Partial    = 2
	Unsolved   = 3
	NoResponse = 4
)

// SLAMetrics is how many sorts of clocks there are.
const SLAMetrics = 6

// Clocks counts the clocks of one sort of one ticket.
type Clocks struct{ Met, Breached, Running int64 }

// A Flow is a change of the number of open tickets. It counts after At.
type Flow struct {
	At    int64
	Delta int64
}

// A Ticket is what measuring needs of one ticket as it is known at a time. Times are
// microseconds since 1970 and waits microseconds, below zero where the history says
// so.
type Ticket struct {
	Keys
	Open       int64
	Response   int64 // wait; None without
	Resolution int64 // wait; None while open
	Closing    int64 // wait; None before
	Flags      Flag
	Outcome    int32
	Repeat     Repeat
	Reopens    int64
	Handoffs   int64
	Contacts   int64
	Cost       int64 // in millionths
	Costed     int64 // interactions that state a cost

	Next               []int64 // waits of bursts that were answered
	NextOpen           int64   // bursts that were not
	Clocks             [SLAMetrics]Clocks
	FirstBusiness      int64  // what the clock of the first response counted, in nanoseconds; None without
	ResolutionBusiness int64  // the same of the resolution
	Flows              []Flow // in ascending order
	Due                int64  // when it changes by itself, or Never
}

// Resolved reports whether t is resolved.
func (t *Ticket) Resolved() bool { return t.Resolution != None }

// Has reports whether f is true of t.
func (t *Ticket) Has(f Flag) bool { return t.Flags&f != 0 }

// Breached reports whether a clock of t was.
func (t *Ticket) Breached() bool {
	return slices.ContainsFunc(t.Clocks[:], func(c Clocks) bool { return c.Breached > 0 })
}

// Failed reports whether t failed its customer: it ended without being solved, was
// reopened, or a clock of it was breached.
func (t *Ticket) Failed() bool {
	return t.Resolved() && Partial <= t.Outcome && t.Outcome <= NoResponse || t.Reopens > 0 || t.Breached()
}

// FirstContact reports whether t was solved at the first contact.
func (t *Ticket) FirstContact() bool {
	return t.Resolved() && t.Outcome == Solved && t.Reopens == 0 && !t.Has(InboundAfter)
}

// A Span is from when a ticket was settled until it was reopened, or None if it
// never was.
type Span struct{ Settled, Reopened int64 }

// FlowsOf returns when a ticket enters and leaves the backlog: it is open after it
// was opened, but for the spans, whatever their order.
func FlowsOf(open int64, spans []Span) []Flow {
	all := []Flow{{open, 1}}
	spans = slices.Clone(spans)
	for i, s := range spans {
		spans[i].Settled = max(s.Settled, open)
		if s.Reopened == None {
			spans[i].Reopened = Never
		}
	}
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.Settled, b.Settled) })
	until := int64(None) // where the last span ends
	for _, s := range spans {
		switch {
		case s.Reopened <= s.Settled || s.Reopened <= until:
			continue
		case s.Settled > until:
			all = append(all, Flow{s.Settled, -1})
		default:
			all = all[:len(all)-1] // it goes on
		}
		if until = s.Reopened; until != Never {
			all = append(all, Flow{until, 1})
		}
	}
	return all
}

// OpenAt reports whether t is in the backlog as of a time.
func (t *Ticket) OpenAt(at int64) bool {
	n := int64(0)
	for _, f := range t.Flows {
		if f.At < at {
			n += f.Delta
		}
	}
	return n > 0
}
