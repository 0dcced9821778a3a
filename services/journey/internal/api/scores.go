package api

import (
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

// GetScore implements ScoringService.
func (s *Server) GetScore(ctx context.Context, req *journeyv1.GetScoreRequest) (*journeyv1.Score, error) {
	q, err := s.question(ctx, req.GetName(), req.GetAsOfTime(), req.GetReadTime())
	if err != nil {
		return nil, err
	}
	return s.score(ctx, q)
}

// BatchGetScores implements ScoringService.
func (s *Server) BatchGetScores(ctx context.Context, req *journeyv1.BatchGetScoresRequest) (*journeyv1.BatchGetScoresResponse, error) {
	brand := name.Brand(req.GetParent())
	answer := &journeyv1.BatchGetScoresResponse{}
	q := &question{brand: brand}
	err := s.ask(ctx, q, req.GetAsOfTime(), nil)
	if err != nil {
		return nil, err
	}
	for _, n := range req.GetNames() {
		if name.Brand(n) != brand {
			return nil, fault.NotFound(n)
		}
	}
	size := len(req.GetNames())
	if q.model.PeakEnd > 0 {
		size = maxMoments
	}
	for some := range slices.Chunk(req.GetNames(), size) {
		if err := s.scores(ctx, q, some, answer); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// maxMoments is of how many customers all touchpoints are held at a time.
const maxMoments = 20

// scores adds to answer the scores of some names as of what q says.
func (s *Server) scores(ctx context.Context, q *question, names []string, answer *journeyv1.BatchGetScoresResponse) error {
	customers := make([]string, len(names))
	for i, n := range names {
		_, customers[i] = ofScore(n)
	}
	courses, err := s.store.Courses(ctx, q.brand, customers, q.asOf, q.model)
	if err != nil {
		return err
	}
	for i, n := range names {
		c := courses[customers[i]]
		if !c.Exists {
			answer.NotFound = append(answer.NotFound, n)
			continue
		}
		of := *q
		of.customer = c.Root
		result := func(cells []score.Cell, touches []score.Touch) score.Result {
			r := q.model.Latest(cells, q.asOf)
			if q.model.PeakEnd > 0 {
				r = q.model.Remember(r, q.model.Moments(touches, q.asOf))
			}
			return r
		}
		service := result(score.ServiceCells(c.Cells), score.ServiceTouches(c.Touches))
		answer.Scores = append(answer.Scores, s.scoreToProto(&of, result(c.Cells, c.Touches), service, c.Unscored))
	}
	return nil
}

// A question is what is asked of a customer's score.
type question struct {
	brand, customer string
	asOf            int64
	now             time.Time
	read            int64 // only what was recorded by then counts; everything if it is everything
	model           *score.Model
}

// everything is the read time of what is known now.
const everything = math.MaxInt64

// question returns what a call asks of a score. The instants must not lie in the future.
func (s *Server) question(ctx context.Context, full string, asOf, read *timestamppb.Timestamp) (*question, error) {
	q := &question{}
	q.brand, q.customer = ofScore(full)
	return q, s.ask(ctx, q, asOf, read)
}

// ask gives q the instants that a call asks for, which must not lie in the future, and the
// model.
func (s *Server) ask(ctx context.Context, q *question, asOf, read *timestamppb.Timestamp) (err error) {
	q.now, q.read = s.now(), everything
	q.asOf = sqldb.Micros(q.now)
	if asOf != nil {
		if q.asOf, err = past("as_of_time", asOf, q.now); err != nil {
			return err
		}
	}
	if read != nil {
		if q.read, err = past("read_time", read, q.now); err != nil {
			return err
		}
	}
	if q.model, err = s.models.active(ctx, q.brand); err != nil || read == nil {
		return err
	}
	q.model, err = store.KernelOf(s.store.ActiveAt(ctx, q.brand, q.read))
	return err
}

// past returns an instant, which must not lie in the future.
func past(field string, at *timestamppb.Timestamp, now time.Time) (int64, error) {
	us := sqldb.Micros(at.AsTime())
	if us > sqldb.Micros(now) {
		return 0, fault.Invalid(fault.Field{Path: field, Reason: "FUTURE", Description: "must not lie in the future"})
	}
	return us, nil
}

// name returns the name of the score.
func (q *question) name() string {
	return name.Join("brands", q.brand, "customers", q.customer, "score")
}

// score answers q from the sums where they say enough, else from the touchpoints.
func (s *Server) score(ctx context.Context, q *question) (*journeyv1.Score, error) {
	if q.read != everything || q.model.PeakEnd > 0 {
		p, err := s.past(ctx, q)
		if err != nil {
			return nil, err
		}
		return s.scoreToProto(q, p.replay(q.model, q.asOf), p.replayService(q.model, q.asOf), p.unscored(q.asOf)), nil
	}
	j, err := s.store.Journey(ctx, q.brand, q.customer, q.asOf, q.model)
	if err != nil {
		return nil, err
	}
	if !j.Exists {
		return nil, fault.NotFound(q.name())
	}
	if j.Root != "" {
		q.customer = j.Root
	}
	of := func(cells []score.Cell, partial []score.Touch) score.Result {
		if j.Whole {
			return q.model.Latest(cells, q.asOf)
		}
		return q.model.Score(cells, partial, q.asOf)
	}
	service := of(score.ServiceCells(j.Cells), score.ServiceTouches(j.Partial))
	return s.scoreToProto(q, of(j.Cells, j.Partial), service, j.Unscored), nil
}

// A record is the touchpoints of a customer, and of whoever is part of it.
type record struct {
	scored  []store.Touchpoint
	touches []score.Touch // as the model sees them, in the same order
	others  []int64       // the times of those whose outcome nobody knows
}

// past reads what q asks for. It is not found without any touchpoint; where there was none
// yet at the read time, it is empty.
func (s *Server) past(ctx context.Context, q *question) (*record, error) {
	var touchpoints []store.Touchpoint
	var err error
	if q.read != everything {
		q.customer, touchpoints, err = s.store.Known(ctx, q.brand, q.customer, q.read)
	} else if q.customer, err = s.store.Root(ctx, q.brand, q.customer); err == nil {
		touchpoints, err = s.store.Touchpoints(ctx, q.brand, q.customer)
	}
	if err != nil {
		return nil, err
	}
	if len(touchpoints) == 0 {
		now, err := s.models.active(ctx, q.brand) // whose sums are kept
		if err != nil {
			return nil, err
		}
		j, err := s.store.Journey(ctx, q.brand, q.customer, q.asOf, now)
		if err != nil {
			return nil, err
		}
		if !j.Exists {
			return nil, fault.NotFound(q.name())
		}
	}
	r := &record{}
	for _, t := range touchpoints {
		if touch, known := t.Touch(q.model); known {
			r.scored, r.touches = append(r.scored, t), append(r.touches, touch)
		} else {
			r.others = append(r.others, t.EventTime)
		}
	}
	return r, nil
}

func (r *record) replay(m *score.Model, asOf int64) score.Result { return m.Replay(r.touches, asOf) }

func (r *record) replayService(m *score.Model, asOf int64) score.Result {
	return m.Replay(score.ServiceTouches(r.touches), asOf)
}

// unscored counts the touchpoints up to asOf whose outcome nobody knows.
func (r *record) unscored(asOf int64) (n int64) {
	for _, at := range r.others {
		if at <= asOf {
			n++
		}
	}
	return n
}

// ofScore takes the name of a score apart, brands/{brand}/customers/{customer}/score.
func ofScore(full string) (brand, customer string) {
	return name.Brand(full), name.ID(full[:len(full)-len("/score")])
}

func (s *Server) scoreToProto(q *question, r, service score.Result, unscored int64) *journeyv1.Score {
	p := &journeyv1.Score{
		Name: q.name(), Estimate: measure.Estimate(r.Estimate(), typev1.Unit_UNIT_POINTS),
		Baseline: r.Baseline, Stages: stagesToProto(r), WeakestStage: stageOf(r.Weakest()),
		ServiceEstimate: measure.Estimate(service.Estimate(), typev1.Unit_UNIT_POINTS), ServiceStages: stagesToProto(service),
		Basis: q.basis(r.N, unscored),
	}
	for i, stage := range r.Stages {
		if stage.Thin {
			p.ThinStages = append(p.ThinStages, stageOf(i))
		}
	}
	return p
}

func stagesToProto(r score.Result) []*journeyv1.StageScore {
	all, scores := make([]*journeyv1.StageScore, len(r.Stages)), make([]journeyv1.StageScore, len(r.Stages)) // one block is cheaper than many
	for i, stage := range r.Stages {
		all[i] = &scores[i]
		all[i].Stage, all[i].Mean = stageOf(i), stageMean(stage)
		all[i].Weight, all[i].Support, all[i].N = stage.Share, stage.Support, stage.N
	}
	return all
}

// stageMean is the mean of one stage; the kernel knows its interval.
func stageMean(s score.StageScore) *typev1.Estimate {
	return measure.Estimate(s.Estimate(), typev1.Unit_UNIT_RATIO)
}

// basis is what a customer's score rests on.
func (q *question) basis(included, unscored int64) *typev1.Basis {
	read := timestamppb.New(q.now)
	if q.read != everything {
		read = stamp(q.read)
	}
	return &typev1.Basis{
		AsOfTime: stamp(q.asOf), ReadTime: read, ScoringModelRevision: modelName(q.brand, q.model.Revision),
		Included: included, Excluded: measure.Exclusions(map[string]int64{insight.NoOutcome: unscored}), Sources: []string{source},
	}
}
