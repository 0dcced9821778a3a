package sla

import (
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A State is what has become of an instance. The numbers are the contract's.
type State int32

// The states of an instance. It is breached once more than its target has run: a
// target used up to the nanosecond is kept.
const (
	Active    State = iota + 1 // running, or waiting for opening hours
	Paused                     // not running in the ticket's present state
	Met                        // stopped in time
	Breached                   // going on, paused or not, with the target exceeded
	MetLate                    // stopped with the target exceeded
	Cancelled                  // merged, spam, or the target was taken away
)

// An Instance is one clock of a ticket: a metric from a start to a stop. Metric and
// Episode name it for good; the rest is a function of the history and the time of
// the question. All times are in UTC.
type Instance struct {
	Metric  Metric
	Episode int // 1 for the first of its metric

	// The policy in force when it stopped or, if it runs, at the time of the question.
	Policy         string
	PolicyRevision int64
	Target         Target

	Start time.Time
	Stop  time.Time // zero while it runs
	State State

	Elapsed             time.Duration // what ran, by the schedules then in force
	ElapsedLastSchedule time.Duration // the same, had the last schedule always been in force
	Remaining           time.Duration // of the target; negative once breached

	Due        time.Time // when the target is or was used up, if nothing else happens; zero while paused or stopped
	WarnTime   time.Time // when the share that warns was used up; zero before
	BreachTime time.Time // the last instant at which the target was kept; zero unless it was exceeded
	Wake       time.Time // the next instant at which it is to warn or is breached, if nothing else happens; zero if none

	Segments []Segment // from Start up to Stop or the time of the question, without gaps
}

// A SegmentState says whether a clock ran.
type SegmentState int32

// The states of a segment. The numbers are the contract's.
const (
	Running SegmentState = iota + 1
	Halted
	OffHours
)

// A Segment is a stretch of an instance in which nothing changed. It has length.
type Segment struct {
	Start, End time.Time // up to but without End
	State      SegmentState
	Schedule   string // that was in force, if business time counts and the clock was not paused
	Reason     string // the state of the ticket that paused the clock
}

// Clocks returns the instances that have started by a time, in the order of their
// starts, as they stand then: an event, policy or schedule from later is not known
// yet, one of that instant is.
//
// Which messages start and stop a clock is up to the policy in force when they were
// sent. Everything else is up to the policy in force when the clock stopped or, if
// it runs, at the time of the question: its target, pauses and schedules count from
// the start, so nothing that happened under another policy is forgotten. An instance
// for which that policy has no target was cancelled when the last target was taken
// away, and lives again if there is one later. One for which there was none at any
// time is left out.
//
// Of the segments of an instance it returns the last [MaxSegments].
func Clocks(h History, at time.Time) []Instance { return clocks(h, at, extent{last: MaxSegments}) }

// First returns what [Clocks] does, but the first n segments of an instance.
func First(h History, at time.Time, n int) []Instance { return clocks(h, at, extent{first: n}) }

// Brief returns what [Clocks] does, but for the segments, at a cost that does not grow
// with the days that a clock runs.
func Brief(h History, at time.Time) []Instance { return clocks(h, at, extent{}) }

func clocks(h History, at time.Time, segments extent) []Instance {
	m := measurer{at: nanos(at), policies: newTimeline(h.Policies), extent: segments}
	brief := segments == extent{}
	if !brief {
		m.segments = make([]Segment, 0, 4*len(h.Events))
	}
	m.log = read(h.Events, m.policies, m.at)
	instances := make([]Instance, 0, len(m.log.episodes))
	ends := make([]int, 0, len(m.log.episodes))
	for i := range m.log.episodes {
		if instance, ok := m.measure(&m.log.episodes[i]); ok {
			instances = append(instances, instance)
			ends = append(ends, len(m.segments))
		}
	}
	if brief {
		return instances
	}
	from := 0
	for i, end := range ends { // only now that segments has stopped growing
		instances[i].Segments = m.segments[from:end:end]
		from = end
	}
	return instances
}

// Next returns the next instant after at at which one of the instances is to warn or
// is breached if nothing else happens, or zero. They are those of [Clocks] at at.
func Next(instances []Instance, at time.Time) time.Time {
	var next time.Time
	for i := range instances {
		if w := instances[i].Wake; w.After(at) && (next.IsZero() || w.Before(next)) {
			next = w
		}
	}
	return next
}

// reason names a state of a ticket as the contract does.
func reason(s lifecycle.State) string {
	names := [...]string{
		lifecycle.New: "NEW", lifecycle.Open: "OPEN", lifecycle.Pending: "PENDING", lifecycle.OnHold: "ON_HOLD",
		lifecycle.Resolved: "RESOLVED", lifecycle.Closed: "CLOSED", lifecycle.Merged: "MERGED",
	}
	return names[min(uint(s), uint(lifecycle.Merged))]
}
