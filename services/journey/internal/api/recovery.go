package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	recoveryTime    = 14 * 24 * time.Hour // where nothing is said
	recoveryHorizon = 90 * 24 * time.Hour // where nothing is said

	recoveryCaution = "Association, not cause: who has more touchpoints has both more failures and more purchases, and customers who ask for help, or are helped, may differ from others in much else."
)

// AnalyzeRecovery implements InsightService.
func (s *Server) AnalyzeRecovery(ctx context.Context, req *journeyv1.AnalyzeRecoveryRequest) (*journeyv1.AnalyzeRecoveryResponse, error) {
	brand := name.Brand(req.GetParent())
	patience, horizon := recoveryTime, recoveryHorizon
	if req.GetRecoveryTime() != nil {
		patience = req.GetRecoveryTime().AsDuration()
	}
	if req.GetHorizon() != nil {
		horizon = req.GetHorizon().AsDuration()
	}
	answer := &journeyv1.AnalyzeRecoveryResponse{
		Basis:        &typev1.Basis{Population: req.GetPopulation(), ReadTime: timestamppb.New(s.now()), Sources: []string{source}},
		RecoveryTime: durationpb.New(patience), Horizon: durationpb.New(horizon), Caution: recoveryCaution,
	}
	definitions, err := s.definitionsByID(ctx, brand)
	if err != nil {
		return nil, err
	}
	r, end := insight.NewRecovery(patience.Microseconds(), horizon.Microseconds()), int64(0)
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		answer.Basis.Window, answer.Basis.AsOfTime = window, window.GetEndTime()
		_, last, _, err := snap.Span(ctx, brand)
		if err != nil {
			return err
		}
		end = last + 1
		filter := store.Filter{
			From: sqldb.Micros(window.GetStartTime().AsTime()), To: sqldb.Micros(window.GetEndTime().AsTime()),
			Channels: req.GetPopulation().GetChannels(), Stages: req.GetPopulation().GetStages(),
		}
		if err := snap.Scan(ctx, brand, filter, func(t *store.Touchpoint) error {
			r.Begin(t.Customer, t.EventTime, t.Expectation)
			return nil
		}); err != nil {
			return err
		}
		after := store.Filter{From: filter.From, To: min(filter.To+(patience+horizon).Microseconds(), end)}
		return snap.Scan(ctx, brand, after, func(t *store.Touchpoint) error {
			r.Follow(insight.Step{
				Customer: t.Customer, Time: t.EventTime, Service: t.Service,
				Solution: t.Definition == plan.SupportResolution && t.Expectation == typev1.Expectation_EXPECTATION_MET,
				Purchase: definitions[t.Definition].Kind == typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION,
			})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	r.Tell(answer, end)
	return answer, nil
}
