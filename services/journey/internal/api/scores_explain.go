package api

import (
	"cmp"
	"context"
	"math"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// maxContributions is how many touchpoints an explanation names.
const maxContributions = 10_000

// ExplainScore implements ScoringService.
func (s *Server) ExplainScore(ctx context.Context, req *journeyv1.ExplainScoreRequest) (*journeyv1.ExplainScoreResponse, error) {
	q, err := s.question(ctx, req.GetName(), req.GetAsOfTime(), req.GetReadTime())
	if err != nil {
		return nil, err
	}
	known, err := s.past(ctx, q)
	if err != nil {
		return nil, err
	}
	r, points := q.model.Explain(known.touches, q.asOf)
	answer := &journeyv1.ExplainScoreResponse{
		Score: s.scoreToProto(q, r, known.replayService(q.model, q.asOf), known.unscored(q.asOf)),
	}
	named := 0
	for _, i := range ranked(known.scored, points) {
		switch {
		case known.touches[i].Time > q.asOf:
		case named >= maxContributions:
			answer.OtherPoints += points[i]
		default:
			named++
			answer.Contributions = append(answer.Contributions, q.contribution(&known.scored[i], known.touches[i], points[i]))
		}
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

func (q *question) contribution(t *store.Touchpoint, touch score.Touch, points float64) *journeyv1.Contribution {
	m := q.model
	alone := m.Latest([]score.Cell{{Stage: touch.Stage, Bucket: m.Bucket(touch.Time), Sums: m.Add(touch)}}, q.asOf)
	return &journeyv1.Contribution{
		Touchpoint: touchpointName(q.brand, t.Customer, t.ID), Definition: definitionName(q.brand, t.Definition),
		Stage: t.Stage, Points: points, Outcome: touch.Value, Weight: alone.Stages[touch.Stage].Support, IsService: t.Service,
	}
}

// CompareScores implements ScoringService.
func (s *Server) CompareScores(ctx context.Context, req *journeyv1.CompareScoresRequest) (*journeyv1.CompareScoresResponse, error) {
	to, err := s.question(ctx, req.GetName(), nil, nil)
	if err == nil && req.GetToTime() != nil {
		to.asOf, err = past("to_time", req.GetToTime(), to.now)
	}
	if err != nil {
		return nil, err
	}
	earlier := *to
	if earlier.asOf, err = past("from_time", req.GetFromTime(), to.now); err != nil {
		return nil, err
	}
	known, err := s.past(ctx, to)
	if err != nil {
		return nil, err
	}
	earlier.customer = to.customer
	was, pointsWas := to.model.Explain(known.touches, earlier.asOf)
	is, pointsIs := to.model.Explain(known.touches, to.asOf)
	answer := &journeyv1.CompareScoresResponse{
		From:       s.scoreToProto(&earlier, was, known.replayService(to.model, earlier.asOf), known.unscored(earlier.asOf)),
		To:         s.scoreToProto(to, is, known.replayService(to.model, to.asOf), known.unscored(to.asOf)),
		Difference: is.Value - was.Value,
	}
	points := make([]float64, len(pointsIs))
	for i := range points {
		points[i] = pointsIs[i] - pointsWas[i]
	}
	for _, i := range ranked(known.scored, points) {
		t := &known.scored[i]
		switch {
		case t.EventTime > to.asOf:
		case len(answer.GetDifferences()) >= maxContributions:
			answer.OtherPoints += points[i]
		default:
			answer.Differences = append(answer.Differences, &journeyv1.ScoreDifference{
				Touchpoint: touchpointName(to.brand, t.Customer, t.ID), Definition: definitionName(to.brand, t.Definition),
				Stage: t.Stage, FromPoints: pointsWas[i], ToPoints: pointsIs[i], Points: points[i],
				IsNew: t.EventTime > earlier.asOf, IsService: t.Service,
			})
		}
	}
	return answer, nil
}

// SimulateScore implements ScoringService.
func (s *Server) SimulateScore(ctx context.Context, req *journeyv1.SimulateScoreRequest) (*journeyv1.SimulateScoreResponse, error) {
	q, err := s.question(ctx, req.GetName(), req.GetAsOfTime(), nil)
	if err != nil {
		return nil, err
	}
	would := *q
	if would.model, err = simulated(q.model, req); err != nil {
		return nil, err
	}
	known, err := s.past(ctx, q)
	if err != nil {
		return nil, err
	}
	would.customer = q.customer
	more := record{others: known.others, touches: slices.Clip(known.touches)}
	for _, t := range req.GetAdded() {
		more.touches = append(more.touches, addedTouch(would.model, t, q.asOf))
	}
	is, simulated := known.replay(q.model, q.asOf), more.replay(would.model, q.asOf)
	return &journeyv1.SimulateScoreResponse{
		Current:    s.scoreToProto(q, is, known.replayService(q.model, q.asOf), known.unscored(q.asOf)),
		Simulated:  s.scoreToProto(&would, simulated, more.replayService(would.model, q.asOf), more.unscored(q.asOf)),
		Difference: simulated.Value - is.Value,
	}, nil
}

// simulated returns the model with what req replaces.
func simulated(active *score.Model, req *journeyv1.SimulateScoreRequest) (*score.Model, error) {
	m := *active
	if len(req.GetStageWeights()) > 0 {
		var err error
		if m.StageWeights, err = stageWeights("stage_weights", req.GetStageWeights()); err != nil {
			return nil, err
		}
	}
	if req.GetHalfLife() != nil {
		m.HalfLife = req.GetHalfLife().AsDuration().Truncate(1000)
	}
	if req.PeakEnd != nil {
		m.PeakEnd = req.GetPeakEnd()
	}
	switch req.GetAggregation() {
	case journeyv1.ScoringModel_AGGREGATION_GEOMETRIC:
		m.Aggregation = score.Geometric
	case journeyv1.ScoringModel_AGGREGATION_ARITHMETIC:
		m.Aggregation = score.Arithmetic
	}
	return &m, nil
}

// addedTouch returns what the score sees of a touchpoint that did not happen.
func addedTouch(m *score.Model, p *journeyv1.SimulateScoreRequest_AddedTouchpoint, asOf int64) score.Touch {
	t := store.Touchpoint{
		EventTime: asOf, Stage: p.GetStage(), Channel: p.GetChannel(), Expectation: p.GetExpectation(), Weight: 1, Service: p.GetIsService(),
	}
	if p.GetEventTime() != nil {
		t.EventTime = micros(p.GetEventTime())
	}
	if p.Weight != nil {
		t.Weight = p.GetWeight()
	}
	touch, known := t.Touch(m)
	if !known {
		touch.Value = p.GetOutcome()
	}
	return touch
}

func micros(at *timestamppb.Timestamp) int64 { return at.AsTime().UnixMicro() }
