package api

import (
	"cmp"
	"context"
	"maps"
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
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	trialSpan      = 366 * 24 * time.Hour
	trialDefault   = 30 * 24 * time.Hour
	trialWindows   = 1000
	trialSignals   = 200    // that are told in full
	trialCustomers = 1000   // whose scores are looked at
	trialScores    = 50_000 // of customers times windows
)

// TestSignalRule implements SignalService.
func (s *Server) TestSignalRule(ctx context.Context, req *journeyv1.TestSignalRuleRequest) (*journeyv1.TestSignalRuleResponse, error) {
	brand, now := name.Brand(req.GetParent()), s.signalNow()
	if err := s.definitionsOf(ctx, brand, req.GetSignalRule()); err != nil {
		return nil, err
	}
	rule, err := newSignalRule(req.GetSignalRule(), table.Record{Brand: brand})
	if err != nil {
		return nil, err
	}
	t := &trial{run: signalRun{server: s, brand: brand, now: now}, rule: rule}
	if t.windows, err = trialOf(rule.Rule, req.GetWindow(), now); err != nil {
		return nil, err
	}
	if rule.Rule.Kind.Counts() {
		err = t.count(ctx)
	} else {
		err = t.compare(ctx)
	}
	if err != nil {
		return nil, err
	}
	first, last := t.windows[0], t.windows[len(t.windows)-1]
	answer := &journeyv1.TestSignalRuleResponse{
		Basis: &typev1.Basis{
			Window: measure.Window(first.Start, last.End), ReadTime: timestamppb.New(now), Included: t.included,
			ScoringModelRevision: t.revision, Sources: []string{source},
		},
		TestedCount: t.tested,
	}
	return answer, t.tell(ctx, answer)
}

// trialOf returns the windows of a rule that begin in a span of the past and are over,
// or under way.
func trialOf(r *signal.Rule, span *typev1.Window, now time.Time) (all []signal.Span, err error) {
	from, to := now.Add(-trialDefault), now
	if span != nil {
		from, to = span.GetStartTime().AsTime(), span.GetEndTime().AsTime()
	}
	if to.After(now) {
		to = now
	}
	w := r.WindowAt(from)
	if w.Start.Before(from) {
		w = r.WindowAt(w.End)
	}
	for ; w.Start.Before(to); w = r.WindowAt(w.End) {
		all = append(all, w)
		if len(all) > trialWindows || to.Sub(from) > trialSpan {
			return nil, fault.Invalid(fault.Field{
				Path: "window", Reason: "TOO_LONG", Description: "must be at most 366 days and 1,000 windows of the rule",
			})
		}
	}
	if len(all) == 0 {
		return nil, fault.Invalid(fault.Field{
			Path: "window", Reason: "NO_WINDOW", Description: "must hold the beginning of a window of the rule, not after now",
		})
	}
	return all, nil
}

// A trial is what a rule would have found.
type trial struct {
	run      signalRun
	rule     store.SignalRule
	windows  []signal.Span // at least one, in order
	found    []found
	tested   int32
	included int64
	revision string
}

// count judges the touchpoints of the windows.
func (t *trial) count(ctx context.Context) error {
	r := t.rule.Rule
	first, last := t.windows[0], t.windows[len(t.windows)-1]
	all, err := t.run.server.store.Count(ctx, t.run.brand, max(store.HourOf(r.Before(first).Start), 0), store.HourOf(last.End))
	if err != nil {
		return err
	}
	hours := map[string]map[int64]signal.Tally{} // by definition and hour
	for _, one := range all {
		if hours[one.Definition] == nil {
			hours[one.Definition] = map[int64]signal.Tally{}
		}
		hours[one.Definition][one.Hour] = one.Tally
		if one.Hour >= store.HourOf(first.Start) {
			t.included += one.Tally.Judged
		}
	}
	for _, definition := range slices.Sorted(maps.Keys(hours)) {
		line := newTimeline(hours[definition])
		for _, w := range t.windows {
			within := line.sum(w)
			if within == (signal.Tally{}) {
				continue
			}
			before := line.sum(r.Before(w))
			one := judged(t.rule, w, map[string]signal.Tally{definition: within}, map[string]signal.Tally{definition: before})
			t.tested++
			t.found = append(t.found, one...)
		}
	}
	return t.keepSilent(ctx)
}

// keepSilent leaves of what a rule for silence found that for which enough customers
// said nothing.
func (t *trial) keepSilent(ctx context.Context) error {
	if t.rule.Rule.Kind != signal.Silence {
		return nil
	}
	kept := t.found[:0]
	for _, f := range t.found {
		v := store.Signal{Kind: signal.Silence, Definition: f.definition, Window: f.window}
		v.Brand = t.run.brand
		n, err := t.run.server.store.SilentFor(ctx, &v, t.rule.Rule.Patience)
		if err != nil {
			return err
		}
		if f.finding.Observed = silent(n); n >= t.rule.Rule.MinCount {
			kept = append(kept, f)
		}
	}
	t.found = kept
	return nil
}

// A timeline is the tallies of one definition, to be summed from one hour to another.
type timeline struct {
	hours []int64
	sums  []signal.Tally // before each hour, and of all at the end
}

func newTimeline(byHour map[int64]signal.Tally) timeline {
	l := timeline{hours: slices.Sorted(maps.Keys(byHour)), sums: []signal.Tally{{}}}
	for i, h := range l.hours {
		l.sums = append(l.sums, l.sums[i].Plus(byHour[h]))
	}
	return l
}

func (l *timeline) sum(s signal.Span) signal.Tally {
	from, _ := slices.BinarySearch(l.hours, store.HourOf(s.Start))
	to, _ := slices.BinarySearch(l.hours, store.HourOf(s.End))
	return l.sums[to].Minus(l.sums[from])
}

// compare compares scores at the end of each window with those a window before.
func (t *trial) compare(ctx context.Context) error {
	s, r := t.run.server, t.rule.Rule
	model, err := store.KernelOf(s.store.Active(ctx, t.run.brand))
	if err != nil {
		return err
	}
	t.revision = name.Join("brands", t.run.brand, "scoringModels", model.Revision)
	most := min(trialCustomers, trialScores/len(t.windows))
	if len(r.Segments) == 0 {
		customers, err := s.store.CustomersBetween(ctx, t.run.brand, t.windows[0].Start, t.windows[len(t.windows)-1].End, most)
		if err != nil {
			return err
		}
		return t.histories(ctx, model, customers, func(i int, customer string, h history) {
			t.tested++
			if f, fell := r.Fell(h.was.Estimate(), h.is.Estimate()); fell {
				t.found = append(t.found, found{
					rule: t.rule, window: t.windows[i], customer: customer, finding: f, fell: map[string]time.Time{customer: h.since},
				})
			}
		})
	}
	for _, segment := range r.Segments {
		customers, err := s.store.SegmentSample(ctx, t.run.brand, segment, most)
		if err != nil {
			return err
		}
		pairs, fell := make([][]signal.Pair, len(t.windows)), make([]map[string]time.Time, len(t.windows))
		err = t.histories(ctx, model, customers, func(i int, customer string, h history) {
			pairs[i] = append(pairs[i], signal.Pair{Was: h.was.Value, Is: h.is.Value})
			if h.was.Value-h.is.Value >= r.Points {
				if fell[i] == nil {
					fell[i] = map[string]time.Time{}
				}
				fell[i][customer] = h.since
			}
		})
		if err != nil {
			return err
		}
		for i := range t.windows {
			t.tested++
			if f, opens := r.FellTogether(pairs[i]); opens {
				t.found = append(t.found, found{rule: t.rule, window: t.windows[i], segment: segment, finding: f, fell: fell[i]})
			}
		}
	}
	return nil
}

// A history is the score of a customer at the end of a window and a window before.
type history struct {
	was, is score.Result
	since   time.Time
}

// histories calls f with the scores of customers, window by window, where there was any
// touchpoint to score by the first.
func (t *trial) histories(ctx context.Context, m *score.Model, customers []string, f func(int, string, history)) error {
	t.included += int64(len(customers))
	for _, customer := range customers {
		_, touchpoints, err := t.run.server.store.Known(ctx, t.run.brand, customer, math.MaxInt64)
		if err != nil {
			return err
		}
		touches := touchesOf(touchpoints, m)
		for i, w := range t.windows {
			end := w.End
			if end.After(t.run.now) {
				end = t.run.now
			}
			h := history{since: end.Add(-t.rule.Rule.Window)}
			if h.was = m.Replay(touches, sqldb.Micros(h.since)); h.was.N == 0 {
				continue
			}
			h.is = m.Replay(touches, sqldb.Micros(end))
			f(i, customer, h)
		}
	}
	return nil
}

// tell puts what was found into the answer, the oldest window first.
func (t *trial) tell(ctx context.Context, answer *journeyv1.TestSignalRuleResponse) error {
	slices.SortStableFunc(t.found, func(a, b found) int {
		return cmp.Or(a.window.Start.Compare(b.window.Start), cmp.Compare(a.definition, b.definition),
			cmp.Compare(a.customer, b.customer), cmp.Compare(a.segment, b.segment))
	})
	answer.TotalCount = int32(len(t.found)) //nolint:gosec // far fewer
	for _, f := range t.found[:min(len(t.found), trialSignals)] {
		observed := f.finding.Observed // then; how many are silent by now is another matter
		v, _, err := t.run.signal(ctx, &f)
		if err != nil {
			return err
		}
		v.Finding.Observed = observed
		p := toSignal(v)
		p.Name, p.SignalRule, p.OpenTime, p.ExpireTime, p.UpdateTime, p.Etag = "", "", nil, nil, nil, ""
		answer.Signals = append(answer.Signals, p)
	}
	return nil
}
