package store

import (
	"github.com/concentric-cx/concentric/services/internal/table"
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
	var s Said
	a := &s.Act
	if err := scan(&s.Ticket, &s.Number, (*int32)(&a.Kind), (*int32)(&a.Direction), (*int32)(&a.Actor), table.Micros{Of: &a.Start},
		(*int32)(&s.From), (*int32)(&s.To)); err != nil {
		return Said{}, missing("interaction", err)
	}
	return s, nil
}
