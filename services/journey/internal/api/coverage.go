package api

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// notOnMap is why a touchpoint does not enter the coverage of a map.
const notOnMap = "NOT_ON_MAP"

// GetMapCoverage implements JourneyMapService.
func (s *Server) GetMapCoverage(ctx context.Context, req *journeyv1.GetMapCoverageRequest) (*journeyv1.GetMapCoverageResponse, error) {
	brand := name.Brand(req.GetName())
	m, err := s.maps().get(ctx, req.GetName())
	if m, err = s.staged(ctx, m, err); err != nil {
		return nil, err
	}
	answer := &journeyv1.GetMapCoverageResponse{Basis: &typev1.Basis{ReadTime: timestamppb.New(s.now()), Sources: []string{source}}}
	var observed []store.Observed
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		answer.Basis.Window = window
		observed, err = snap.Observed(ctx, brand, sqldb.Micros(window.GetStartTime().AsTime()), sqldb.Micros(window.GetEndTime().AsTime()))
		return err
	})
	if err != nil {
		return nil, err
	}
	cover(brand, m.GetStages(), observed, answer)
	return answer, nil
}

// cover compares what is planned with what was observed.
func cover(brand string, stages []*journeyv1.MapStage, observed []store.Observed, answer *journeyv1.GetMapCoverageResponse) {
	met := make(map[string]store.Observed, len(observed))
	for _, o := range observed {
		met[definitionName(brand, o.Definition)] = o
	}
	for _, stage := range stages {
		c := &journeyv1.StageCoverage{Stage: stage.GetStage(), PlannedCount: int64(len(stage.GetTouchpointDefinitions()))}
		for _, d := range stage.GetTouchpointDefinitions() {
			o, ok := met[d.GetName()]
			if !ok {
				answer.NeverObserved = append(answer.NeverObserved, d)
				continue
			}
			delete(met, d.GetName())
			answer.Observed = append(answer.Observed, coverage(d.GetName(), o))
			c.ObservedCount++
			c.TouchpointCount += o.Touchpoints
		}
		answer.Stages = append(answer.Stages, c)
		answer.Basis.Included += c.GetTouchpointCount()
	}
	var others int64
	for n, o := range met {
		answer.Unplanned = append(answer.Unplanned, coverage(n, o))
		others += o.Touchpoints
	}
	slices.SortFunc(answer.Unplanned, func(a, b *journeyv1.DefinitionCoverage) int {
		return cmp.Compare(a.GetTouchpointDefinition(), b.GetTouchpointDefinition())
	})
	answer.Basis.Excluded = measure.Exclusions(map[string]int64{notOnMap: others})
}

func coverage(definition string, o store.Observed) *journeyv1.DefinitionCoverage {
	return &journeyv1.DefinitionCoverage{
		TouchpointDefinition: definition, TouchpointCount: o.Touchpoints, CustomerCount: o.Customers, ServiceTouchpointCount: o.Service,
		Expectations: expectations(o.Expectations), FirstEventTime: stamp(o.First), LastEventTime: stamp(o.Last),
	}
}

// expectations returns counts by how touchpoints compare with what was expected.
func expectations(n [4]int64) *journeyv1.ExpectationCounts {
	return &journeyv1.ExpectationCounts{
		Unmet: n[typev1.Expectation_EXPECTATION_UNMET], Met: n[typev1.Expectation_EXPECTATION_MET],
		Exceeded: n[typev1.Expectation_EXPECTATION_EXCEEDED], Unknown: n[typev1.Expectation_EXPECTATION_UNSPECIFIED],
	}
}
