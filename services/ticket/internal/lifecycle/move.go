package lifecycle

import "time"

// at returns the status as a move at that time meets it: a ticket whose reopen
// window has ended is closed, though nobody may have written that yet.
func (s Status) at(t time.Time) Status {
	if s.State == Resolved && t.Sub(s.ResolveTime) > ReopenWindow {
		s.State, s.CloseTime = Closed, s.ResolveTime.Add(ReopenWindow)
	}
	return s
}

// to returns the status in another state, or an [*Illegal] unless it is in one of
// the states given.
func (s Status) to(state State, from ...State) (Status, error) {
	for _, f := range from {
		if s.State == f {
			s.State = state
			return s, nil
		}
	}
	return s, s.illegal()
}

func (s Status) illegal() error { return &Illegal{From: s.State, Allowed: moves[s.State]} }

// Assign returns the status after the ticket went to somebody: a NEW one opens.
// The error is an [*Illegal] for a CLOSED or MERGED ticket.
func (s Status) Assign(at time.Time) (Status, error) {
	if now := s.at(at); now.State.final() {
		return s, now.illegal()
	}
	if s.State == New {
		s.State = Open
	}
	return s, nil
}

// Escalate returns the status after an escalation, to somebody else if handed says
// so. The error is an [*Illegal] for a ticket that is not open.
func (s Status) Escalate(at time.Time, handed bool) (Status, error) {
	if s.State >= Resolved {
		return s, s.at(at).illegal()
	}
	if handed {
		return s.Assign(at)
	}
	return s, nil
}

// Pend returns the status of a ticket that waits for the customer. The error is an
// [*Illegal] unless it is OPEN or waits already.
func (s Status) Pend(at time.Time) (Status, error) { return s.wait(Pending, at) }

// Hold returns the status of a ticket that waits for a third party. The error is an
// [*Illegal] unless it is OPEN or waits already.
func (s Status) Hold(at time.Time) (Status, error) { return s.wait(OnHold, at) }

func (s Status) wait(state State, at time.Time) (Status, error) {
	return s.at(at).to(state, Open, state)
}

// Resume returns the status of a ticket that waits no longer. The error is an
// [*Illegal] unless it waited or is OPEN.
func (s Status) Resume(at time.Time) (Status, error) {
	return s.at(at).to(Open, Pending, OnHold, Open)
}

// Reopen returns the status of a RESOLVED ticket that is taken up again. The error
// is an [*Illegal] for any other, and after [ReopenWindow].
func (s Status) Reopen(at time.Time) (Status, error) {
	if now := s.at(at); now.State != Resolved {
		return s, now.illegal()
	}
	return s.reopened(), nil
}

func (s Status) reopened() Status {
	s.State, s.ResolveTime, s.Outcome, s.Confirmed = Open, time.Time{}, 0, false
	s.ReopenCount++
	return s
}

// Close returns the status of a RESOLVED ticket that is settled for good, at the
// latest when its reopen window ends. The error is an [*Illegal] for any other.
func (s Status) Close(at time.Time) (Status, error) {
	if s.State != Resolved {
		return s, s.illegal()
	}
	if last := s.ResolveTime.Add(ReopenWindow); at.After(last) {
		at = last
	}
	s.State, s.CloseTime = Closed, at
	return s, nil
}

// Merge returns the status of a ticket that is folded into another. The error is an
// [*Illegal] unless it is open.
func (s Status) Merge() (Status, error) { return s.to(Merged, New, Open, Pending, OnHold) }

// Open reports whether a ticket in s still waits for its resolution.
func (s State) Open() bool { return s < Resolved }
