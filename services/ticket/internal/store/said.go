package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Said is what a clock needs of an interaction. Reading the words as well would cost
// several times as much.
type Said struct {
	Ticket   string
	Number   int64
	Act      lifecycle.Interaction
	From, To lifecycle.State
}

const (
	saidColumns = `ticket, number, kind, direction, actor, start_time, from_state, to_state`
	saidOrder   = ` ORDER BY ticket, number, start_time, id`
)

func scanSaid(scan func(...any) error) (Said, error) {
	var (
		s                                Said
		kind, direction, actor, from, to int32
		started                          int64
	)
	if err := scan(&s.Ticket, &s.Number, &kind, &direction, &actor, &started, &from, &to); err != nil {
		return Said{}, missing("interaction", err)
	}
	s.Act = lifecycle.Interaction{
		Kind: lifecycle.Kind(kind), Direction: lifecycle.Direction(direction), Actor: lifecycle.Actor(actor),
		Start: sqldb.Time(started),
	}
	s.From, s.To = lifecycle.State(from), lifecycle.State(to)
	return s, nil
}
