package api

import (
	"context"
	"encoding/json"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/backtest"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	backtestSpan  = 90 * 24 * time.Hour // after the cut
	backtestBatch = 200                 // customers at a time

	// What has been found is kept with each step, all of it: a step takes as many customers
	// as make up for that, unless they take too long.
	backtestWrite = 4               // counts for each customer of the step
	backtestStep  = 5 * time.Second // much less than an operation is held
)

// A backtesting is how far a back-test is: first all customers are tried, then the sums
// of the model are filled in.
type backtesting struct {
	Revision int64          `json:"revision"`
	Cut      int64          `json:"cut"`
	After    string         `json:"after"` // the last customer
	Filling  bool           `json:"filling"`
	Layout   int64          `json:"layout"`
	Trial    backtest.Trial `json:"trial"`
}

func encodeProgress(o operation.Operation, b any) (operation.Operation, error) {
	text, err := json.Marshal(b)
	o.Progress = text
	return o, err
}

// BacktestScoringModel implements ScoringService.
func (s *Server) BacktestScoringModel(ctx context.Context, req *journeyv1.BacktestScoringModelRequest) (*longrunningpb.Operation, error) {
	n := req.GetName()
	brand := name.Brand(n)
	if err := notBuiltin(n); err != nil {
		return nil, err
	}
	cut, err := s.cut(ctx, brand, req)
	if err != nil {
		return nil, err
	}
	total, err := s.store.CountCustomers(ctx, brand)
	if err != nil {
		return nil, err
	}
	asked := &journeyv1.BacktestScoringModelRequest{Name: n, CutTime: stamp(cut)}
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*longrunningpb.Operation, error) {
		if _, err := store.Models.Get(tx, brand, name.ID(n)); err != nil {
			return nil, resource.Explain(n, err)
		}
		return s.start(tx, brand, asked, 2*total)
	})
}

// cut returns the instant that splits a back-test.
func (s *Server) cut(ctx context.Context, brand string, req *journeyv1.BacktestScoringModelRequest) (int64, error) {
	if req.GetCutTime() != nil {
		cut := sqldb.Micros(req.GetCutTime().AsTime())
		if cut > sqldb.Micros(s.now().Add(-backtestSpan)) {
			return 0, fault.Invalid(fault.Field{Path: "cut_time", Reason: "CUT_TIME", Description: "must be at least 90 days ago"})
		}
		return cut, nil
	}
	last := sqldb.Micros(s.now())
	err := s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		_, at, ok, err := snap.Span(ctx, brand)
		if ok {
			last = min(last, at)
		}
		return err
	})
	return max(last-backtestSpan.Microseconds(), 0), err
}

// stepBacktest goes one step on with a back-test.
func (s *Server) stepBacktest(ctx context.Context, o operation.Operation, req *journeyv1.BacktestScoringModelRequest) (operation.Operation, error) {
	var b backtesting
	if len(o.Progress) > 0 {
		if err := json.Unmarshal(o.Progress, &b); err != nil {
			return o, err
		}
	}
	row, err := s.tested(ctx, o.Brand, name.ID(req.GetName()), b.Revision)
	if err != nil {
		if fault.Reason(resource.Explain(req.GetName(), err)) == "NOT_FOUND" { // deleted meanwhile
			o.Code, o.EndTime = int32(codes.NotFound), resource.Now()
			return o, nil
		}
		return o, err
	}
	b.Revision, b.Cut = row.Revision, sqldb.Micros(req.GetCutTime().AsTime())
	for start, n := time.Now(), backtestBatch; ; n += backtestBatch {
		more, err := s.nextBacktest(ctx, &o, &row, &b)
		if err != nil {
			return o, err
		}
		if !more {
			return s.finishBacktest(ctx, o, row, &b)
		}
		if n*backtestWrite >= b.Trial.Size() || time.Since(start) >= backtestStep {
			return encodeProgress(o, b)
		}
	}
}

// nextBacktest takes the next customers of a back-test, and reports whether there are more.
func (s *Server) nextBacktest(ctx context.Context, o *operation.Operation, row *store.Model, b *backtesting) (more bool, err error) {
	customers, err := s.store.Customers(ctx, o.Brand, b.After, backtestBatch)
	if err != nil {
		return false, err
	}
	again := false
	if b.Filling {
		again, err = s.fill(ctx, row, b, customers)
	} else {
		err = s.try(ctx, row.Brand, row.Kernel(), b, customers)
	}
	if err != nil {
		return false, err
	}
	o.Done = min(o.Done+int64(len(customers)), o.Total)
	switch {
	case again:
		b.After = ""
	case len(customers) == backtestBatch:
		b.After = customers[len(customers)-1]
	case !b.Filling:
		b.Filling, b.After = true, ""
	default:
		return false, nil
	}
	return true, nil
}

// tested returns the revision that is tested: the newest when the test begins, for which
// 0 stands.
func (s *Server) tested(ctx context.Context, brand, id string, revision int64) (row store.Model, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if revision != 0 {
			row, err = store.ModelRevision(tx, brand, id, revision)
			return err
		}
		row, err = store.Models.Get(tx, brand, id)
		return err
	})
	return row, err
}

// try scores customers as of the cut and counts what they did after it.
func (s *Server) try(ctx context.Context, brand string, model *score.Model, b *backtesting, customers []string) error {
	roots, err := s.store.Roots(ctx, brand)
	if err != nil {
		return err
	}
	for _, customer := range customers {
		if _, part := roots[customer]; part {
			continue
		}
		touchpoints, err := s.store.Touchpoints(ctx, brand, customer)
		if err != nil {
			return err
		}
		if err := s.tryOne(ctx, brand, model, b, touchpoints); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) tryOne(ctx context.Context, brand string, model *score.Model, b *backtesting, touchpoints []store.Touchpoint) error {
	var (
		touches []score.Touch
		seen    bool // by the cut
		then    backtest.Sequel
		rating  float64
		rated   float64
		tickets = map[string]bool{"": true} // that were counted, or there before
	)
	for i := range touchpoints {
		t := &touchpoints[i]
		switch {
		case t.EventTime <= b.Cut:
			seen = true
			if touch, known := t.Touch(model); known {
				touches = append(touches, touch)
			}
			tickets[t.Ticket] = true
		case t.EventTime <= b.Cut+backtestSpan.Microseconds():
			if err := s.follows(ctx, brand, t, &then); err != nil {
				return err
			}
			if !tickets[t.Ticket] {
				then.Contacts++
				tickets[t.Ticket] = true
			}
			if t.Rating.Given() {
				rating, rated = rating+t.Rating.Outcome(), rated+1
			}
		}
	}
	if seen {
		then.Rating, then.Rated = rating/max(rated, 1), rated > 0
		b.Trial.Add(model.Replay(touches, b.Cut).Value, then)
	}
	return nil
}

// follows notes whether a touchpoint is the customer's own doing, and no request for
// service, and whether something was bought.
func (s *Server) follows(ctx context.Context, brand string, t *store.Touchpoint, then *backtest.Sequel) error {
	if t.Service {
		return nil
	}
	d, err := s.catalog.find(ctx, brand, t.Definition)
	if fault.Reason(err) == "NOT_FOUND" {
		return nil // deleted since
	}
	switch d.Kind {
	case typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION:
		then.Back, then.Bought = true, true
	case typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT:
		then.Back = true
	}
	return err
}

// fill makes the sums that a model needs, so that it can become active at once. Where
// those that were filled so far are no longer kept, it has to begin again.
func (s *Server) fill(ctx context.Context, row *store.Model, b *backtesting, customers []string) (again bool, err error) {
	before := b.Layout
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		layout, ready, err := s.store.AddLayout(tx, row.Brand, row.Terms.Kernel())
		b.Layout, again = layout, !ready && layout != before && b.After != ""
		if err != nil || ready || again {
			return err
		}
		return s.store.Fill(tx, row.Brand, layout, customers)
	})
	return again, err
}

// finishBacktest stores what was found with the revision.
func (s *Server) finishBacktest(ctx context.Context, o operation.Operation, row store.Model, b *backtesting) (operation.Operation, error) {
	found := foundBy(b, modelName(row.Brand, row.Kernel().Revision))
	text, err := protojson.Marshal(found)
	if err != nil {
		return o, err
	}
	if o.Result, err = proto.Marshal(found); err != nil {
		return o, err
	}
	row.Layout = b.Layout
	lost := false
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		layout, _, err := s.store.AddLayout(tx, row.Brand, row.Terms.Kernel())
		if lost = layout != row.Layout; err != nil || lost {
			return err
		}
		head, err := store.Models.Lock(tx, row.Brand, row.ID)
		if err != nil {
			return resource.Explain(modelName(row.Brand, row.ID), err)
		}
		revision, err := store.ModelRevision(tx, row.Brand, row.ID, row.Revision)
		if err != nil {
			return err
		}
		if b.Layout != 0 {
			s.store.SetLayout(tx, row.Brand, row.Kernel(), store.LayoutReady)
		}
		revision.Layout, revision.Backtest = b.Layout, string(text)
		if revision.State == int32(journeyv1.ScoringModel_STATE_DRAFT) {
			revision.State = int32(journeyv1.ScoringModel_STATE_BACKTESTED)
		}
		store.SetRevision(tx, revision)
		if head.Revision == revision.Revision {
			head.State, head.Layout, head.Backtest, head.UpdateTime = revision.State, revision.Layout, revision.Backtest, resource.Now()
			if _, err = store.Models.Update(tx, head); err != nil {
				return err
			}
		}
		retired, err := s.store.RetireLayouts(tx, row.Brand, o.ID)
		if err == nil && retired > 0 {
			_, err = s.startRecompute(tx, row.Brand) // which removes their sums
		}
		return err
	})
	if lost {
		b.After, o.Result = "", nil
		return encodeProgress(o, b)
	}
	o.Done, o.EndTime = o.Total, resource.Now()
	return o, err
}

// foundBy returns what a back-test has found.
func foundBy(b *backtesting, revision string) *journeyv1.Backtest {
	all, back := b.Trial.Customers()
	found := &journeyv1.Backtest{
		CutTime: stamp(b.Cut), EndTime: timestamppb.New(sqldb.Time(b.Cut).Add(backtestSpan)), Customers: all, Returned: back,
		Auc:                  measure.Estimate(b.Trial.AUC(), typev1.Unit_UNIT_RATIO),
		ContactAuc:           measure.Estimate(b.Trial.ContactAUC(), typev1.Unit_UNIT_RATIO),
		RatingCorrelation:    measure.Estimate(b.Trial.Correlation(), typev1.Unit_UNIT_POINTS),
		ScoringModelRevision: revision,
	}
	for _, d := range b.Trial.Deciles() {
		acts := d.Acts
		contacts := stats.Rate{Events: acts.Contacts, Exposure: float64(acts.Customers)}
		found.Deciles = append(found.Deciles, &journeyv1.Backtest_Decile{
			Lowest: d.Lowest, Highest: d.Highest, Customers: d.N,
			Returned:    measure.Estimate(stats.Wilson(d.Back, d.N), typev1.Unit_UNIT_RATIO),
			Bought:      measure.Estimate(stats.Wilson(acts.Bought, acts.Customers), typev1.Unit_UNIT_RATIO),
			Contacted:   measure.Estimate(stats.Wilson(acts.Contacted, acts.Customers), typev1.Unit_UNIT_RATIO),
			ContactRate: measure.Estimate(contacts.Estimate(100), typev1.Unit_UNIT_COUNT),
		})
	}
	return found
}
