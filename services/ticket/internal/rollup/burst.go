package rollup

import (
	"cmp"
	"slices"
)

// A Turn is whose turn something was in a conversation.
type Turn int

// The turns.
const (
	Message  Turn = iota // of the customer
	Response             // one that counts
	Settle               // the ticket was resolved
)

// A Said is a turn and when it was.
type Said struct {
	At   int64
	Turn Turn
}

// Bursts returns how long customers waited who wrote after a response: from the
// first message that nobody had answered to the next response or the resolution. Open
// counts those that were not answered. What was said at one time stays in its order.
func Bursts(said []Said) (waits []int64, open int64) {
	said = slices.SortedStableFunc(slices.Values(said), func(a, b Said) int { return cmp.Compare(a.At, b.At) })
	answered, since := false, int64(None)
	for _, s := range said {
		switch {
		case s.Turn == Message && answered && since == None:
			since = s.At
		case s.Turn != Message && since != None:
			waits = append(waits, s.At-since)
			since = None
		}
		answered = answered || s.Turn == Response
	}
	return waits, one(since != None)
}
