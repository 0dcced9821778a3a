package api

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// RetractTouchpoint implements TouchpointService.
func (s *Server) RetractTouchpoint(ctx context.Context, req *journeyv1.RetractTouchpointRequest) (*journeyv1.Touchpoint, error) {
	brand, customer := name.Brand(req.GetName()), name.ID(name.Parent(req.GetName()))
	now := sqldb.Micros(s.now())
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Touchpoint, error) {
		t, changed, err := s.store.Retract(tx, brand, customer, name.ID(req.GetName()), req.GetReason(), now)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, fault.NotFound(req.GetName())
		case err != nil:
			return nil, err
		case changed:
			if err := s.announceRetracted(ctx, tx, brand, &t); err != nil {
				return nil, err
			}
		}
		return touchpointToProto(brand, t)
	})
}

// announceRetracted tells other services that a touchpoint was taken back.
func (s *Server) announceRetracted(ctx context.Context, tx *sqldb.Tx, brand string, t *store.Touchpoint) error {
	known, err := s.catalog.of(ctx, brand)
	if err != nil {
		return err
	}
	d, err := known.find(ctx, t.Definition)
	if err != nil {
		return err
	}
	ref, at := new(reference).to(brand, d.Kind, t), timestamppb.New(sqldb.Time(t.RetractTime))
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", brand), Key: ref.GetCustomer(), EventTime: at,
		Payload: &eventv1.Event_TouchpointRetracted{TouchpointRetracted: &eventv1.TouchpointRetracted{Touchpoint: ref, RetractTime: at}},
	})
	return nil
}
