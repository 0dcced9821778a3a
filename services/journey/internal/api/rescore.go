package api

import (
	"context"
	"database/sql"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	rescoreBatch = 500                 // customers whose scores are made at a time
	changeSpan   = 30 * 24 * time.Hour // over which a stored score says how it changed
	scoreAge     = 24 * time.Hour      // after which a stored score is made anew
	refreshEvery = time.Minute
	tellChange   = 0.01 // points, from which on others are told
)

// rescore makes the stored scores of customers what they are now, and tells others of
// those that changed. A customer that is part of another, is deleted, or has no touchpoint
// any more, has none afterwards.
func (s *Server) rescore(tx *sqldb.Tx, brand string, roots []string, now time.Time) error {
	roots = slices.Compact(slices.Sorted(slices.Values(roots)))
	for some := range slices.Chunk(roots, rescoreBatch) {
		j, err := s.judge(tx, brand, store.Listed(some), now)
		if err != nil {
			return err
		}
		if _, _, err := s.settle(tx, brand, j); err != nil {
			return err
		}
	}
	return nil
}

// A judgment is the scores of customers, in the order of their ids, and who of them, or
// part of them, has none.
type judgment struct {
	scores []store.Score
	none   []string
}

// judge returns what the scores of people are now, which is no later than what r reads.
func (s *Server) judge(r store.Reader, brand string, people store.People, now time.Time) (judgment, error) {
	model, err := store.Kernel(r, brand)
	if err != nil {
		return judgment{}, err
	}
	asOf := sqldb.Micros(now)
	before := asOf - changeSpan.Microseconds()
	after := before
	if model.PeakEnd > 0 {
		after = math.MinInt64 // the moments are among all touchpoints
	}
	standings, members, err := s.store.Standings(r, brand, people, model, after)
	if err != nil {
		return judgment{}, err
	}
	deleted, err := s.store.Deleted(r, brand, people)
	if err != nil {
		return judgment{}, err
	}
	j := judgment{scores: make([]store.Score, 0, len(standings)), none: members}
	unserved := model.Past(nil, nil, asOf)
	for _, customer := range slices.Sorted(maps.Keys(standings)) {
		standing := standings[customer]
		if !standing.Exists || deleted[customer] {
			j.none = append(j.none, customer)
			continue
		}
		made := stored(model, standing, &unserved, asOf, before)
		made.Customer = customer
		j.scores = append(j.scores, made)
	}
	for _, customer := range people.List() {
		if standings[customer] == nil {
			j.none = append(j.none, customer)
		}
	}
	slices.Sort(j.none)
	j.none = slices.Compact(j.none)
	return j, nil
}

// settle stores scores, and tells others of those that changed. It returns how many did,
// and whose score it left as it is because somebody has made it at a later instant.
func (s *Server) settle(tx *sqldb.Tx, brand string, j judgment) (changed int64, late []string, err error) {
	s.store.DropScores(tx, brand, j.none)
	if len(j.scores) == 0 {
		return 0, nil, nil
	}
	customers := make([]string, 0, len(j.scores))
	for i := range j.scores {
		customers = append(customers, j.scores[i].Customer)
	}
	was, err := s.store.Scores(tx, brand, customers)
	if err != nil {
		return 0, nil, err
	}
	fresh := make([]store.Score, 0, len(j.scores))
	for _, r := range j.scores {
		old, known := was[r.Customer]
		if known && old.AsOf > r.AsOf {
			late = append(late, r.Customer)
			continue
		}
		r.Announced = old.Announced
		if !known || math.Abs(r.Estimate.Value-old.Announced) >= tellChange {
			changed++
			r.Announced = r.Estimate.Value
			s.tellScore(tx, brand, r, old, known)
		}
		fresh = append(fresh, r)
	}
	s.store.SaveScores(tx, brand, fresh)
	return changed, late, nil
}

// stored returns the score of a customer as it is stored. Unserved is the service score of
// whoever had no service, which many have not.
func stored(model *score.Model, standing *store.Standing, unserved *score.Result, now, before int64) store.Score {
	at := func(cells []score.Cell, touches []score.Touch, asOf int64) score.Result {
		r := model.Past(cells, touches, asOf)
		if model.PeakEnd > 0 {
			r = model.Remember(r, model.Moments(touches, asOf))
		}
		return r
	}
	r := at(standing.Cells, standing.Later, now)
	service := *unserved
	if cells, touches := score.ServiceCells(standing.Cells), score.ServiceTouches(standing.Later); len(cells)+len(touches) > 0 {
		service = at(cells, touches, now)
	}
	s := store.Score{
		AsOf: now, Revision: model.Revision, Estimate: r.Estimate(), Service: service.Estimate(),
		Weakest: typev1.Stage(r.Weakest() + 1), //nolint:gosec // 1 to 5
	}
	if earlier := at(standing.Cells, standing.Later, before); earlier.N > 0 {
		s.Change = sql.NullFloat64{Float64: r.Value - earlier.Value, Valid: true}
	}
	return s
}

// tellScore tells others that the score of a customer is another than they know, or
// that there is one.
func (s *Server) tellScore(tx *sqldb.Tx, brand string, r, old store.Score, known bool) {
	customer := name.Join("brands", brand, "customers", r.Customer)
	p := &eventv1.ScoreChanged{
		Customer: customer, Value: r.Estimate.Value, Lower: r.Estimate.Lower, Upper: r.Estimate.Upper,
		WeakestStage: r.Weakest, AsOfTime: stamp(r.AsOf), ScoringModelRevision: modelName(brand, r.Revision),
	}
	if known {
		p.PreviousValue = &old.Announced
	}
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", brand), Key: customer, EventTime: timestamppb.New(s.now()),
		Payload: &eventv1.Event_ScoreChanged{ScoreChanged: p},
	})
}

// modelName returns the name of a revision of a model, or of the model.
func modelName(brand, id string) string { return name.Join("brands", brand, "scoringModels", id) }

// RunRefresh makes stored scores anew that are a day old, until ctx ends. Replicas may
// run it at the same time.
func (s *Server) RunRefresh(ctx context.Context) {
	var idle worker.Alarm
	for again := (worker.Retry{}); ctx.Err() == nil; {
		n, err := s.refresh(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "stored scores are not refreshed", slog.String("error", err.Error()))
		}
		if again.Wait(ctx, err); err == nil && n == 0 {
			idle.Wait(ctx, time.Time{}, refreshEvery)
		}
	}
}

// refresh makes the oldest stored scores of one brand anew, if they are old enough, and
// returns how many.
func (s *Server) refresh(ctx context.Context) (n int, err error) {
	now := s.now()
	old := sqldb.Micros(now.Add(-scoreAge))
	waits, err := s.store.OldScores(ctx, old)
	if err != nil || !waits {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		brand, customers, err := s.store.ClaimOldScores(tx, old, rescoreBatch)
		if err != nil {
			return err
		}
		n = len(customers)
		return s.rescore(tx, brand, customers, now)
	})
	return n, err
}
