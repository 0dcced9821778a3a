package api

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// maxContributions is how many touchpoints an explanation names.
const maxContributions = 10_000

// GetScore implements ScoringService.
func (s *Server) GetScore(ctx context.Context, req *journeyv1.GetScoreRequest) (*journeyv1.Score, error) {
	now := s.now()
	asOf := instant(req.GetAsOfTime(), now)
	brand, customer := ofScore(req.GetName())
	j, err := s.store.Journey(ctx, brand, customer, asOf)
	if err != nil {
		return nil, err
	}
	if !j.Exists {
		return nil, fault.NotFound(req.GetName())
	}
	model := s.store.Model()
	var r score.Result
	if j.Whole {
		r = model.Latest(j.Cells, asOf)
	} else {
		r = model.Score(j.Cells, j.Partial, asOf)
	}
	return s.scoreToProto(req.GetName(), r, s.basis(brand, r.N, j.Unscored, asOf, now)), nil
}

// ExplainScore implements ScoringService.
func (s *Server) ExplainScore(ctx context.Context, req *journeyv1.ExplainScoreRequest) (*journeyv1.ExplainScoreResponse, error) {
	now := s.now()
	asOf := instant(req.GetAsOfTime(), now)
	brand, customer := ofScore(req.GetName())
	touchpoints, err := s.store.Touchpoints(ctx, brand, customer)
	if err != nil {
		return nil, err
	}
	if len(touchpoints) == 0 {
		return nil, fault.NotFound(req.GetName())
	}
	model := s.store.Model()
	var (
		scored   []store.Touchpoint
		touches  []score.Touch
		unscored int64
	)
	for _, t := range touchpoints {
		switch touch, known := t.Touch(model); {
		case t.EventTime > asOf:
		case known:
			scored, touches = append(scored, t), append(touches, touch)
		default:
			unscored++
		}
	}
	r, points := model.Explain(touches, asOf)
	answer := &journeyv1.ExplainScoreResponse{
		Score: s.scoreToProto(req.GetName(), r, s.basis(brand, r.N, unscored, asOf, now)),
	}
	for n, i := range ranked(scored, points) {
		if n >= maxContributions {
			answer.OtherPoints += points[i]
			continue
		}
		answer.Contributions = append(answer.Contributions, s.contribution(brand, &scored[i], touches[i], points[i], asOf))
	}
	return answer, nil
}

// ranked returns the positions of the touchpoints, the largest effect first. Of
// equal effects the later touchpoint comes first, then the one of the greater id.
func ranked(touchpoints []store.Touchpoint, points []float64) []int {
	order := make([]int, len(touchpoints))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &touchpoints[i], &touchpoints[j]
		return cmp.Or(cmp.Compare(math.Abs(points[j]), math.Abs(points[i])),
			cmp.Compare(b.EventTime, a.EventTime), cmp.Compare(b.ID, a.ID))
	})
	return order
}

func (s *Server) contribution(brand string, t *store.Touchpoint, touch score.Touch, points float64, asOf int64) *journeyv1.Contribution {
	model := s.store.Model()
	alone := model.Latest([]score.Cell{{Stage: touch.Stage, Bucket: model.Bucket(touch.Time), Sums: model.Add(touch)}}, asOf)
	return &journeyv1.Contribution{
		Touchpoint: touchpointName(brand, t.Customer, t.ID), Definition: definitionName(brand, t.Definition),
		Stage: t.Stage, Points: points, Outcome: touch.Value, Weight: alone.Stages[touch.Stage].Support, IsService: t.Service,
	}
}

// instant is what an as-of time means: now if it is not given.
func instant(asOf *timestamppb.Timestamp, now time.Time) int64 {
	if asOf == nil {
		return sqldb.Micros(now)
	}
	return sqldb.Micros(asOf.AsTime())
}

// ofScore takes the name of a score apart, brands/{brand}/customers/{customer}/score.
func ofScore(full string) (brand, customer string) {
	return name.Brand(full), name.ID(full[:len(full)-len("/score")])
}

func (s *Server) scoreToProto(full string, r score.Result, basis *typev1.Basis) *journeyv1.Score {
	p := &journeyv1.Score{
		Name: full, Estimate: measure.Estimate(r.Estimate(), typev1.Unit_UNIT_POINTS),
		Baseline: r.Baseline, Stages: make([]*journeyv1.StageScore, len(r.Stages)), Basis: basis,
	}
	for i, stage := range r.Stages {
		number := typev1.Stage(i + 1) //nolint:gosec // 1 to 5
		p.Stages[i] = &journeyv1.StageScore{
			Stage: number, Mean: stageMean(stage), Weight: stage.Share, Support: stage.Support, N: stage.N,
		}
		if stage.Thin {
			p.ThinStages = append(p.ThinStages, number)
		}
	}
	return p
}

// stageMean is the mean of one stage; the kernel knows its interval.
func stageMean(s score.StageScore) *typev1.Estimate {
	return measure.Estimate(s.Estimate(), typev1.Unit_UNIT_RATIO)
}

// basis is what a customer's score rests on.
func (s *Server) basis(brand string, included, unscored, asOf int64, read time.Time) *typev1.Basis {
	return &typev1.Basis{
		AsOfTime: stamp(asOf), ReadTime: timestamppb.New(read), ScoringModelRevision: s.revision(brand),
		Included: included, Excluded: measure.Exclusions(map[string]int64{insight.NoOutcome: unscored}), Sources: []string{source},
	}
}

// revision names the model that the brand's scores come from.
func (s *Server) revision(brand string) string {
	return name.Join("brands", brand, "scoringModels", s.store.Model().Revision+"@1")
}
