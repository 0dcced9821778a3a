package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// A found is why a rule opens a signal, and about whom.
type found struct {
	rule                          store.SignalRule
	window                        signal.Span
	definition, customer, segment string // one of them
	finding                       signal.Finding
	fell                          map[string]time.Time // the customers whose score fell, since when
}

// id is the only one of a signal about a subject in a window of a rule: so there is
// one at most.
func (f *found) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d", f.rule.ID, f.definition, f.customer, f.segment, sqldb.Micros(f.window.Start)))
	return hex.EncodeToString(sum[:16])
}

// judge returns what a rule, which judges by touchpoints, finds in windows.
func (r *signalRun) judge(ctx context.Context, rule store.SignalRule, windows []signal.Span) (all []found, err error) {
	for _, w := range windows {
		within, err := r.server.store.Tallies(ctx, r.brand, w)
		if err != nil {
			return nil, err
		}
		before := map[string]signal.Tally{}
		if rule.Rule.Baseline > 0 {
			if before, err = r.server.store.Tallies(ctx, r.brand, rule.Rule.Before(w)); err != nil {
				return nil, err
			}
		}
		all = append(all, judged(rule, w, within, before)...)
	}
	return all, nil
}

// judged returns what a rule finds in the tallies of a window and of the time before.
func judged(rule store.SignalRule, w signal.Span, within, before map[string]signal.Tally) (all []found) {
	for _, definition := range slices.Sorted(maps.Keys(within)) {
		if len(rule.Rule.Definitions) > 0 && !slices.Contains(rule.Rule.Definitions, definition) {
			continue
		}
		if f, opens := rule.Rule.Judge(within[definition], before[definition]); opens {
			all = append(all, found{rule: rule, window: w, definition: definition, finding: f})
		}
	}
	return all
}

// open opens signals for what was found, unless there are.
func (r *signalRun) open(ctx context.Context, all []found) error {
	for some := range slices.Chunk(all, signalBatch) {
		ids := make([]string, len(some))
		for i := range some {
			ids[i] = some[i].id()
		}
		opened, err := r.server.store.Opened(ctx, r.brand, ids)
		if err != nil {
			return err
		}
		var fresh []store.Signal
		var fell []map[string]time.Time
		for i := range some {
			if opened[ids[i]] {
				continue
			}
			v, opens, err := r.signal(ctx, &some[i])
			if err != nil {
				return err
			}
			if opens {
				fresh, fell = append(fresh, v), append(fell, some[i].fell)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		err = r.server.db.Write(ctx, func(tx *sqldb.Tx) error {
			for i, v := range fresh {
				added, err := store.OpenSignal(tx, v, fell[i])
				if err != nil {
					return err
				}
				if added {
					r.server.tellSignal(tx, v, true)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// signal returns the signal for what was found, and whether there are enough customers
// for one.
func (r *signalRun) signal(ctx context.Context, f *found) (v store.Signal, opens bool, err error) {
	owner, err := r.server.ownerOf(ctx, r.brand, f)
	if err != nil {
		return v, false, err
	}
	v = store.Signal{
		Record: table.Record{Brand: r.brand, ID: f.id(), CreateTime: r.now, UpdateTime: r.now, Version: 1},
		Rule:   f.rule.ID, Kind: f.rule.Rule.Kind, State: signal.Open, Owner: int32(owner),
		Definition: f.definition, Customer: f.customer, Segment: f.segment,
		Window: f.window, Finding: &f.finding, Expires: r.now.Add(f.rule.ExpireAfter),
	}
	if !v.Kind.Counts() {
		v.Figures, err = r.server.store.Fallen(ctx, &v, r.now, f.fell)
		return v, err == nil, err
	}
	figures, long, err := r.server.store.Figures(ctx, &v, r.now, f.rule.Rule.Patience)
	if err != nil {
		return v, false, err
	}
	v.Figures = figures
	if v.Kind == signal.Silence {
		f.finding.Observed = silent(long)
		return v, long >= f.rule.Rule.MinCount, nil
	}
	return v, true, nil
}

// silent is the count of those who say nothing, as a finding has it.
func silent(n int64) stats.Estimate {
	return stats.Estimate{Value: float64(n), Known: true, N: n, EffectiveN: float64(n), Method: stats.MethodExact, Quality: stats.QualityOK}
}

// ownerOf returns whom a signal is addressed to.
func (s *Server) ownerOf(ctx context.Context, brand string, f *found) (typev1.Function, error) {
	if f.rule.Owner != 0 {
		return typev1.Function(f.rule.Owner), nil
	}
	var d plan.Definition
	if f.definition != "" {
		var err error
		if d, err = s.catalog.find(ctx, brand, f.definition); err != nil && status.Code(err) != codes.NotFound {
			return 0, err
		}
	}
	if d.Owner == 0 {
		return typev1.Function_FUNCTION_EXECUTIVE, nil
	}
	return d.Owner, nil
}

// sweep looks for what only the clock brings about.
func (r *signalRun) sweep(ctx context.Context, rule store.SignalRule) error {
	var all []found
	var err error
	switch {
	case rule.Rule.Kind == signal.Silence:
		all, err = r.judge(ctx, rule, r.waiting(rule))
	case len(rule.Rule.Segments) > 0:
		all, err = r.segments(ctx, rule)
	default:
		all, err = r.customers(ctx, rule)
	}
	if err == nil {
		err = r.open(ctx, all)
	}
	if err != nil {
		return err
	}
	scan := r.scans[rule.ID]
	scan.Brand, scan.Rule, scan.Swept = r.brand, rule.ID, r.now
	r.scans[rule.ID] = scan
	return r.server.db.Write(ctx, func(tx *sqldb.Tx) error { store.SetScan(tx, scan); return nil })
}

// waitingFrom returns the beginning of the first window of a rule in which somebody's
// patience may have run out since the last sweep, however long ago that was.
func (r *signalRun) waitingFrom(rule store.SignalRule) time.Time {
	since := r.scans[rule.ID].Swept
	if since.Before(rule.CreateTime) {
		since = rule.CreateTime
	}
	from := since.Add(-rule.Rule.Patience - time.Hour)
	if oldest := r.now.Add(-signal.Lateness - rule.Rule.Window); from.Before(oldest) {
		from = oldest
	}
	return rule.Rule.WindowAt(from).Start
}

// waiting returns the windows of a rule in which somebody's patience may have run out
// since the last sweep.
func (r *signalRun) waiting(rule store.SignalRule) (all []signal.Span) {
	w := rule.Rule.WindowAt(r.waitingFrom(rule))
	for !w.Start.After(r.now) {
		if w.Live(rule.CreateTime, r.now) {
			all = append(all, w)
		}
		w = rule.Rule.WindowAt(w.End)
	}
	return all
}
