package lifecycle

import "time"

// A Kind is the form of an interaction. The numbers are the contract's.
type Kind int32

// The kinds of an interaction.
const (
	Message Kind = iota + 1
	Call
	Visit
	Note
	StatusUpdate
)

// A Direction is who spoke to whom. The numbers are the contract's.
type Direction int32

// The directions of an interaction.
const (
	Inbound Direction = iota + 1
	Outbound
	Internal
)

// An Actor is the sort of party that acted. The numbers are the contract's.
type Actor int32

// The actors of an interaction.
const (
	Agent Actor = iota + 1
	Bot
	Customer
	System
)

// An Interaction is what the rules need to know of one.
type Interaction struct {
	Kind      Kind
	Direction Direction
	Actor     Actor
	Start     time.Time
}

// CountsAsResponse reports whether i answers the customer: a message, call or
// visit by an agent or bot, outbound.
func (i Interaction) CountsAsResponse() bool {
	return i.Direction == Outbound && (i.Actor == Agent || i.Actor == Bot) &&
		(i.Kind == Message || i.Kind == Call || i.Kind == Visit)
}
