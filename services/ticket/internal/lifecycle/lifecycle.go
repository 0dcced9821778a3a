// Package lifecycle holds the rules by which a ticket moves: what an interaction
// and a resolution do to it, and what is not possible. It is pure; times are those
// of the events, so history years old moves a ticket as it did then.
package lifecycle

import "time"

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
	Confirmed     bool      // the outcome, by the customer
	ReopenCount   int32
	CloseTime     time.Time // zero unless it is closed
}

// An Illegal error says that a ticket cannot make a move.
type Illegal struct {
	From    State
	Allowed []State // where it may go instead; none from a final state
}

// Error says what was refused, for a log.
func (e *Illegal) Error() string { return "the ticket cannot make this move" }

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
		return s, s.illegal()
	case s.State == Resolved && i.Direction == Inbound && !i.Start.Before(s.ResolveTime):
		if now := s.at(i.Start); now.State.final() {
			return s, now.illegal()
		}
		s = s.reopened()
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

// A Resolution is how and when a ticket was settled.
type Resolution struct {
	Outcome   Outcome
	Confirmed bool      // by the customer
	Time      time.Time // zero for now, or for the time of the resolution that it corrects
}

// Resolve returns the status after a resolution.
//
// On a RESOLVED ticket another outcome corrects the first and, unless it comes with
// a time, keeps its time. The same outcome at the same time changes nothing, but for
// the customer's word. The error is an [*Illegal] for the same outcome without that
// time, and for a CLOSED or MERGED ticket.
func (s Status) Resolve(r Resolution, now time.Time) (Status, error) {
	at := r.Time
	switch {
	case s.State.final():
		return s, s.illegal()
	case s.State == Resolved && s.Outcome == r.Outcome:
		if !r.Time.Equal(s.ResolveTime) {
			return s, s.illegal()
		}
		s.Confirmed = s.Confirmed || r.Confirmed
		return s, nil
	case s.State == Resolved && at.IsZero():
		at = s.ResolveTime
	case at.IsZero():
		at = now
	}
	s.State, s.Outcome, s.Confirmed, s.ResolveTime = Resolved, r.Outcome, r.Confirmed, at
	return s, nil
}
