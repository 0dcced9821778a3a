package lifecycle

import "time"

// An Oddity is something about a history that cannot be right, in the contract's
// numbers.
type Oddity int32

// The oddities of a history.
const (
	BeforeOpening Oddity = iota + 1
	ClosedUnresolved
	ClosedBeforeResolved
	IllegalTransition
	AfterClosing
)

// A Replay moves a ticket through a history of another system, entry by entry in the
// order of their times. It takes what it is told: a reopening of any time, a closing
// of any open ticket. What cannot be moves nothing and is noted.
type Replay struct {
	Opened   time.Time
	Status   Status
	Oddities map[Oddity]bool // those seen so far; made on first use
}

// note keeps an oddity.
func (r *Replay) note(o Oddity) {
	if r.Oddities == nil {
		r.Oddities = map[Oddity]bool{}
	}
	r.Oddities[o] = true
}

// begin notes what is odd about an entry of that time, whatever it says.
func (r *Replay) begin(at time.Time) {
	if at.Before(r.Opened) {
		r.note(BeforeOpening)
	}
}

// Act replays an interaction.
func (r *Replay) Act(i Interaction) {
	r.begin(i.Start)
	if r.Status.State == Closed {
		r.note(AfterClosing)
		return
	}
	if next, err := r.Status.Act(i); err == nil { // a late one reopens nothing
		r.Status = next
	}
}

// Move replays a move, one of the methods of [Status], and reports whether it was
// possible.
func (r *Replay) Move(at time.Time, to func(Status, time.Time) (Status, error)) bool {
	r.begin(at)
	next, err := to(r.Status, at)
	switch {
	case r.Status.State == Closed:
		r.note(AfterClosing)
		return false
	case err != nil:
		r.note(IllegalTransition)
		return false
	}
	r.Status = next
	return true
}

// Resolve replays a resolution. One after the closing gives the ticket its outcome and
// resolve time all the same.
func (r *Replay) Resolve(at time.Time, o Outcome) {
	r.begin(at)
	s := &r.Status
	if s.State == Resolved && s.Outcome == o && !at.Equal(s.ResolveTime) {
		r.note(IllegalTransition)
		return
	}
	if s.State == Closed {
		if !s.ResolveTime.IsZero() {
			r.note(AfterClosing)
			return
		}
		r.note(ClosedBeforeResolved)
	} else {
		s.State = Resolved
	}
	s.Outcome, s.ResolveTime = o, at
}

// Correct replays the correction of an outcome.
func (r *Replay) Correct(at time.Time, o Outcome) {
	r.begin(at)
	if r.Status.ResolveTime.IsZero() {
		r.note(IllegalTransition)
		return
	}
	r.Status.Outcome = o
}

// Reopen replays a reopening.
func (r *Replay) Reopen(at time.Time) {
	r.Move(at, func(s Status, _ time.Time) (Status, error) {
		if s.State != Resolved {
			return s, s.illegal()
		}
		return s.reopened(), nil
	})
}

// Close replays the closing.
func (r *Replay) Close(at time.Time) {
	r.Move(at, func(s Status, _ time.Time) (Status, error) {
		s.State, s.CloseTime = Closed, at
		return s, nil
	})
}

// End notes what is odd about the history as a whole.
func (r *Replay) End() {
	if r.Status.State == Closed && r.Status.ResolveTime.IsZero() {
		r.note(ClosedUnresolved)
	}
}
