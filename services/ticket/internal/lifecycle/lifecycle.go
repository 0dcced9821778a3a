// Package lifecycle holds the rules by which a ticket moves: what an interaction
// and a resolution do to it, and what is not possible. It is pure; times are those
// of the events, so history years old moves a ticket as it did then.
package lifecycle

import (
	"slices"
	"time"
)

// ReopenWindow is how long after its resolution an inbound interaction reopens
// a ticket.
const ReopenWindow = 72 * time.Hour

// A State is how far a ticket has come. The numbers are the contract's.
type State int32

// The states of a ticket.
const (
	New State = iota + 1
	Open
	Pending
	OnHold
	Resolved
	Closed
	Merged
)

// moves lists where a ticket may go from each state. CLOSED and MERGED are final.
var moves = map[State][]State{
	New:      {Open, Resolved, Merged},
	Open:     {Pending, OnHold, Resolved, Merged},
	Pending:  {Open, Resolved, Merged},
	OnHold:   {Open, Resolved, Merged},
	Resolved: {Open, Closed},
}

// final reports whether a ticket in s stays there and takes nothing more.
func (s State) final() bool { return len(moves[s]) == 0 }

// An Outcome is how a ticket ended, in the contract's numbers. Zero is none yet.
type Outcome int32

// A Status is what moves on a ticket. The zero time stands for "not yet".
type Status struct {
	State         State
	FirstResponse time.Time // when the earliest interaction that counts as a response began
	ResolveTime   time.Time // zero while the ticket is open
	Outcome       Outcome   // zero while the ticket is open
	ReopenCount   int32
}

// An Illegal error says that a ticket cannot make a move.
type Illegal struct {
	From    State
	Allowed []State // where it may go instead; none from a final state
	Late    bool    // the move was possible until the reopen window ended
}

// Error says what was refused, for a log.
func (e *Illegal) Error() string {
	if e.Late {
		return "the reopen window has ended"
	}
	return "the ticket takes no moves"
}

// Act returns the status after an interaction.
//
// A response opens a NEW ticket. An inbound interaction brings a PENDING ticket
// back to OPEN and reopens a RESOLVED one within [ReopenWindow] of its resolution;
// one that began before the resolution and was only recorded later does not. The
// error is an [*Illegal] for a CLOSED or MERGED ticket and for an inbound
// interaction after the window.
func (s Status) Act(i Interaction) (Status, error) {
	switch {
	case s.State.final():
		return s, &Illegal{From: s.State}
	case s.State == Resolved && i.Direction == Inbound && !i.Start.Before(s.ResolveTime):
		if i.Start.Sub(s.ResolveTime) > ReopenWindow {
			return s, &Illegal{From: s.State, Allowed: without(moves[s.State], Open), Late: true}
		}
		s.State, s.ResolveTime, s.Outcome = Open, time.Time{}, 0
		s.ReopenCount++
	case s.State == Pending && i.Direction == Inbound:
		s.State = Open
	case s.State == New && i.CountsAsResponse():
		s.State = Open
	}
	if i.CountsAsResponse() && (s.FirstResponse.IsZero() || i.Start.Before(s.FirstResponse)) {
		s.FirstResponse = i.Start
	}
	return s, nil
}

// Resolve returns the status after a resolution at the time given, or now if that
// is zero. A RESOLVED ticket with the same outcome stays as it is; with another
// one it takes it and, unless a time is given, keeps its resolve time. The error
// is an [*Illegal] for a CLOSED or MERGED ticket.
func (s Status) Resolve(o Outcome, given, now time.Time) (Status, error) {
	at := given
	switch {
	case s.State.final():
		return s, &Illegal{From: s.State}
	case s.State == Resolved && s.Outcome == o:
		return s, nil
	case s.State == Resolved && given.IsZero():
		at = s.ResolveTime
	case given.IsZero():
		at = now
	}
	s.State, s.Outcome, s.ResolveTime = Resolved, o, at
	return s, nil
}

func without(states []State, s State) []State {
	return slices.DeleteFunc(slices.Clone(states), func(x State) bool { return x == s })
}
