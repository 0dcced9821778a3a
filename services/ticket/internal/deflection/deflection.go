// Package deflection holds the rule by which a self-service session has spared a
// contact. It is pure.
package deflection

import "time"

// Window is how long after a session a ticket counts as a contact in spite of it.
const Window = 72 * time.Hour

// A Verdict is what the customer said about the help, in the contract's numbers.
// Zero is nothing.
type Verdict int32

// The verdicts.
const (
	Solved Verdict = iota + 1
	NotSolved
)

// A Sort is what became of a session, in the contract's numbers.
type Sort int32

// The sorts of deflection.
const (
	Confirmed Sort = iota + 1
	Implied
	False
	None
	Pending
	Unknown
)

// A Session is what is known of one when it is read.
type Session struct {
	Verdict   Verdict
	Customer  bool // somebody knows the customer, so that a contact would be seen
	Contacted bool // a ticket followed within the window
	Over      bool // the window is
}

// Sort returns what became of s. A session of a customer nobody knows waits for
// nothing: only what was said counts.
func (s Session) Sort() Sort {
	switch {
	case s.Contacted:
		return False
	case s.Customer && !s.Over:
		return Pending
	case s.Verdict == Solved:
		return Confirmed
	case s.Verdict == NotSolved:
		return None
	case !s.Customer:
		return Unknown
	}
	return Implied
}
