package signal

import "slices"

// A State is how far a signal has come. Its numbers are those of the contract.
type State int32

// The states. The last three are final.
const (
	Open         State = 1
	Acknowledged State = 2
	Actioned     State = 3
	Resolved     State = 4
	Dismissed    State = 5
	Expired      State = 6
)

// moves says where people, and for EXPIRED the clock, may take a signal. Who acts on
// an open one has acknowledged it.
var moves = map[State][]State{
	Open:         {Acknowledged, Actioned, Dismissed, Expired},
	Acknowledged: {Actioned, Dismissed, Expired},
	Actioned:     {Resolved, Dismissed},
}

// Moves returns where a signal may go from s. The caller must not change it.
func (s State) Moves() []State { return moves[s] }

// May reports whether a signal may go from s to another state.
func (s State) May(to State) bool { return slices.Contains(moves[s], to) }

// Closed reports whether nobody's attention is needed any more.
func (s State) Closed() bool { return len(moves[s]) == 0 }
