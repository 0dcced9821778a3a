package api

import (
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// announced is how many touchpoints one event speaks of at most.
const announced = 500

// announce tells other services of the touchpoints that are new, each of which has its
// reference in the same place. An event about one customer has the customer's key; one about
// several has none but the brand's.
func (s *Server) announce(tx *sqldb.Tx, brand string, recorded []store.Recorded, references []*eventv1.TouchpointRef) {
	fresh := make([]*eventv1.TouchpointRef, 0, len(recorded))
	for i := range recorded {
		if recorded[i].New {
			fresh = append(fresh, references[i])
		}
	}
	for some := range slices.Chunk(fresh, announced) {
		key := some[0].GetCustomer()
		if slices.ContainsFunc(some, func(t *eventv1.TouchpointRef) bool { return t.GetCustomer() != key }) {
			key = name.Join("brands", brand)
		}
		s.outbox.Emit(tx, &eventv1.Event{
			Brand: name.Join("brands", brand), Key: key, EventTime: some[0].GetEventTime(),
			Payload: &eventv1.Event_TouchpointsRecorded{TouchpointsRecorded: &eventv1.TouchpointsRecorded{Touchpoints: some}},
		})
	}
}

// A reference is the memory for what events say about a touchpoint.
type reference struct {
	ref  eventv1.TouchpointRef
	time timestamppb.Timestamp
}

// to returns what events say about a touchpoint of that kind, in the memory of r, which is
// used once.
func (r *reference) to(brand string, kind typev1.TouchpointKind, t *store.Touchpoint) *eventv1.TouchpointRef {
	at, whole := sqldb.Time(t.EventTime), touchpointName(brand, t.Customer, t.ID)
	r.time.Seconds, r.time.Nanos = at.Unix(), int32(at.Nanosecond()) //nolint:gosec // below a billion
	ref := &r.ref
	ref.Touchpoint, ref.Customer = whole, whole[:len(whole)-len(t.ID)-len("/touchpoints/")]
	ref.TouchpointDefinition, ref.Kind = definitionName(brand, t.Definition), kind
	ref.Channel, ref.Stage, ref.Phase, ref.EventTime = t.Channel, t.Stage, t.Phase, &r.time
	return ref
}

// announceChanged tells watchers of touchpoints that are other than they were. An event
// has the key that [Server.announce] gives it.
func (s *Server) announceChanged(tx *sqldb.Tx, brand string, changed ...store.Touchpoint) {
	for some := range slices.Chunk(changed, announced) {
		key, p := name.Join("brands", brand, "customers", some[0].Customer), &eventv1.TouchpointsChanged{}
		for i := range some {
			if some[i].Customer != some[0].Customer {
				key = name.Join("brands", brand)
			}
			p.Touchpoints = append(p.Touchpoints, touchpointName(brand, some[i].Customer, some[i].ID))
		}
		s.outbox.Emit(tx, &eventv1.Event{
			Brand: name.Join("brands", brand), Key: key,
			EventTime: timestamppb.New(s.now()), Payload: &eventv1.Event_TouchpointsChanged{TouchpointsChanged: p},
		})
	}
}
