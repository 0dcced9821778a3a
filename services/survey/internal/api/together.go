package api

import (
	"errors"
	"slices"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// ApplyAll is [Server.Apply] of events one after another. What follows from touchpoints of
// a brand that were told of in a row takes as many statements as it does for one event.
func (s *Server) ApplyAll(tx *sqldb.Tx, all []*eventv1.Event) error {
	if len(all) > 1 && slices.ContainsFunc(all, s.lifts) {
		return errAlone
	}
	for len(all) > 0 {
		n := run(all)
		e := all[0]
		if n > 1 {
			joined := &eventv1.TouchpointsRecorded{}
			for _, part := range all[:n] {
				joined.Touchpoints = append(joined.Touchpoints, part.GetTouchpointsRecorded().GetTouchpoints()...)
			}
			e = &eventv1.Event{Brand: e.GetBrand(), EventTime: e.GetEventTime(), Payload: &eventv1.Event_TouchpointsRecorded{TouchpointsRecorded: joined}}
		}
		if err := s.Apply(tx, e); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// errAlone says that events are to be applied one by one.
var errAlone = errors.New("an event has an effect that shows after its commit only")

// lifts reports whether e is a consent of somebody who was erased: those behind it are then
// to be heard of again.
func (s *Server) lifts(e *eventv1.Event) bool {
	p := e.GetConsentChanged()
	return p.GetGranted() && s.refuse(name.Brand(p.GetCustomer()), name.ID(p.GetCustomer())) != nil
}

// run returns how many of the first events tell of touchpoints of one brand; at least one.
func run(all []*eventv1.Event) int {
	n := 1
	for n < len(all) && all[0].GetTouchpointsRecorded() != nil && all[n].GetTouchpointsRecorded() != nil && all[n].GetBrand() == all[0].GetBrand() {
		n++
	}
	return n
}
