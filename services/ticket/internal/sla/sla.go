// Package sla is the arithmetic of service levels: for how long a team is open,
// and what the clocks of a ticket say.
//
// It is pure: no I/O, no clock of its own. Times are instants, lengths are whole
// nanoseconds; no minute is cut off and none is counted twice.
package sla
