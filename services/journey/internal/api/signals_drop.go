package api

import (
	"context"
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	// dropOverlap is how late a score may be stored after the instant it is of.
	dropOverlap = 10 * time.Second
	// segmentCustomers is how many customers stand for a segment.
	segmentCustomers = 2000
)

// customers returns the customers whose score was stored anew since the last sweep and
// has fallen.
func (r *signalRun) customers(ctx context.Context, rule store.SignalRule) (all []found, err error) {
	scored, err := r.server.store.ScoredSince(ctx, r.brand, r.scoresSince(rule))
	if err != nil || len(scored) == 0 {
		return nil, err
	}
	model, err := store.KernelOf(r.server.store.Active(ctx, r.brand))
	if err != nil {
		return nil, err
	}
	window := rule.Rule.WindowAt(r.now)
	for _, customer := range scored {
		was, is, known, err := r.server.scoresOf(ctx, model, customerOf{r.brand, customer}, r.now.Add(-rule.Rule.Window), r.now)
		if err != nil {
			return nil, err
		}
		if !known {
			continue
		}
		if f, fell := rule.Rule.Fell(was.Estimate(), is.Estimate()); fell {
			all = append(all, found{
				rule: rule, window: window, customer: customer, finding: f,
				fell: map[string]time.Time{customer: r.now.Add(-rule.Rule.Window)},
			})
		}
	}
	return all, nil
}

// scoresSince returns since when scores that were stored may be news to a rule.
func (r *signalRun) scoresSince(rule store.SignalRule) time.Time {
	since := r.scans[rule.ID].Swept
	if since.Before(rule.CreateTime) {
		since = rule.CreateTime
	}
	return since.Add(-dropOverlap)
}

// segments returns the segments whose mean has fallen. One that has a signal in this
// window is left alone.
func (r *signalRun) segments(ctx context.Context, rule store.SignalRule) (all []found, err error) {
	model, err := store.KernelOf(r.server.store.Active(ctx, r.brand))
	if err != nil {
		return nil, err
	}
	window, since := rule.Rule.WindowAt(r.now), r.now.Add(-rule.Rule.Window)
	for _, segment := range rule.Rule.Segments {
		f := found{rule: rule, window: window, segment: segment, fell: map[string]time.Time{}}
		opened, err := r.server.store.Opened(ctx, r.brand, []string{f.id()})
		if err != nil {
			return nil, err
		}
		if opened[f.id()] {
			continue
		}
		customers, err := r.server.store.SegmentSample(ctx, r.brand, segment, segmentCustomers)
		if err != nil {
			return nil, err
		}
		var pairs []signal.Pair
		for _, customer := range customers {
			was, is, known, err := r.server.scoresOf(ctx, model, customerOf{r.brand, customer}, since, r.now)
			if err != nil {
				return nil, err
			}
			if !known {
				continue
			}
			pairs = append(pairs, signal.Pair{Was: was.Value, Is: is.Value})
			if was.Value-is.Value >= rule.Rule.Points {
				f.fell[customer] = since
			}
		}
		var fell bool
		if f.finding, fell = rule.Rule.FellTogether(pairs); fell {
			all = append(all, f)
		}
	}
	return all, nil
}

// A customerOf is a customer of a brand.
type customerOf struct{ brand, id string }

// scoresOf returns the score of a customer at two instants, and whether there was any
// touchpoint to score by the first.
func (s *Server) scoresOf(ctx context.Context, m *score.Model, c customerOf, was, is time.Time) (before, after score.Result, known bool, err error) {
	if m.PeakEnd > 0 {
		_, touchpoints, err := s.store.Known(ctx, c.brand, c.id, math.MaxInt64)
		touches := touchesOf(touchpoints, m)
		before, after = m.Replay(touches, sqldb.Micros(was)), m.Replay(touches, sqldb.Micros(is))
		return before, after, before.N > 0, err
	}
	if before, err = s.scoreAt(ctx, m, c, was); err != nil || before.N == 0 {
		return before, after, false, err
	}
	after, err = s.scoreAt(ctx, m, c, is)
	return before, after, true, err
}

// scoreAt returns the score of a customer by a model without a peak-end share.
func (s *Server) scoreAt(ctx context.Context, m *score.Model, c customerOf, at time.Time) (score.Result, error) {
	j, err := s.store.Journey(ctx, c.brand, c.id, sqldb.Micros(at), m)
	if err != nil {
		return score.Result{}, err
	}
	if j.Whole {
		return m.Latest(j.Cells, sqldb.Micros(at)), nil
	}
	return m.Score(j.Cells, j.Partial, sqldb.Micros(at)), nil
}

// touchesOf returns what m sees of touchpoints.
func touchesOf(touchpoints []store.Touchpoint, m *score.Model) (all []score.Touch) {
	for i := range touchpoints {
		if touch, known := touchpoints[i].Touch(m); known {
			all = append(all, touch)
		}
	}
	return all
}
