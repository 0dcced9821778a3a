// Package tally adds tickets up to the measures of customer service. It is pure:
// the same tickets, in whatever order, give the same measures.
package tally

import (
	"slices"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Why a ticket does not enter a measure.
const (
	notAnswered      = "NOT_ANSWERED"
	notResolved      = "NOT_RESOLVED"
	negativeDuration = "NEGATIVE_DURATION"
)

// A Ticket is what a tally needs of one ticket.
type Ticket struct {
	Opened       bool // in the window; the rest is about the backlog otherwise
	OpenAtEnd    bool // of the window
	Reactive     bool // the customer opened it
	Answered     bool
	ResponseTime time.Duration // if answered; negative where the history says so
	Resolved     bool          // now
	ResolveTime  time.Duration // if resolved; negative where the history says so
	Reopened     bool          // at least once
}

// A Tally is a count of tickets. The zero Tally is empty. It is for one
// goroutine.
type Tally struct {
	opened, reactive, resolved int64
	openAtEnd                  int64
	settled, reopened          int64 // resolved at least once
	response, resolution       durations
}

// durations are those that could be measured, and why the others could not.
type durations struct {
	all      []time.Duration
	excluded map[string]int64
}

func (d *durations) add(t time.Duration, known bool, unknown string) {
	switch {
	case !known:
		d.exclude(unknown)
	case t < 0:
		d.exclude(negativeDuration)
	default:
		d.all = append(d.all, t)
	}
}

func (d *durations) exclude(reason string) {
	if d.excluded == nil {
		d.excluded = map[string]int64{}
	}
	d.excluded[reason]++
}

// Add counts t.
func (t *Tally) Add(one Ticket) {
	t.openAtEnd += count(one.OpenAtEnd)
	if !one.Opened {
		return
	}
	t.opened++
	t.reactive += count(one.Reactive)
	t.resolved += count(one.Resolved)
	t.settled += count(one.Resolved || one.Reopened)
	t.reopened += count(one.Reopened)
	t.response.add(one.ResponseTime, one.Answered, notAnswered)
	t.resolution.add(one.ResolveTime, one.Resolved, notResolved)
}

// Opened returns how many of the tickets were opened in the window.
func (t *Tally) Opened() int64 { return t.opened }

// Measures returns every measure of customer service, in the order of the
// contract.
func (t *Tally) Measures() []*typev1.Measure {
	reopen := of(typev1.Metric_METRIC_REOPEN_RATE, share(t.reopened, t.settled))
	reopen.Excluded = measure.Exclusions(map[string]int64{notResolved: t.opened - t.settled})
	return slices.Concat(
		[]*typev1.Measure{
			of(typev1.Metric_METRIC_TICKET_COUNT, measure.Count(t.opened)),
			of(typev1.Metric_METRIC_BACKLOG, measure.Count(t.openAtEnd)),
			reopen,
			of(typev1.Metric_METRIC_RESOLUTION_RATE, share(t.resolved, t.opened)),
		},
		t.response.measures(typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50, typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P90),
		t.resolution.measures(typev1.Metric_METRIC_RESOLUTION_TIME_P50, typev1.Metric_METRIC_RESOLUTION_TIME_P90),
		[]*typev1.Measure{of(typev1.Metric_METRIC_REACTIVE_SHARE, share(t.reactive, t.opened))},
	)
}

// Nothing returns the measures of a brand that has no data, and so no window in
// which even a count could be zero.
func Nothing() []*typev1.Measure {
	all := new(Tally).Measures()
	for _, m := range all {
		m.Estimate = measure.Estimate(stats.Estimate{}, m.GetEstimate().GetUnit())
	}
	return all
}

// measures returns the median and the 90th percentile in seconds.
func (d *durations) measures(p50, p90 typev1.Metric) []*typev1.Measure {
	slices.Sort(d.all)
	var all []*typev1.Measure
	for _, q := range []struct {
		metric typev1.Metric
		at     float64
	}{{p50, .5}, {p90, .9}} {
		e := stats.Quantile(d.all, q.at)
		e.Value, e.Lower, e.Upper = seconds(e.Value), seconds(e.Lower), seconds(e.Upper)
		m := of(q.metric, measure.Estimate(e, typev1.Unit_UNIT_SECONDS))
		m.Excluded = measure.Exclusions(d.excluded)
		all = append(all, m)
	}
	return all
}

func of(m typev1.Metric, e *typev1.Estimate) *typev1.Measure {
	return &typev1.Measure{Metric: m, Subject: typev1.Subject_SUBJECT_SERVICE, Estimate: e}
}

func share(k, n int64) *typev1.Estimate {
	return measure.Estimate(stats.Wilson(k, n), typev1.Unit_UNIT_RATIO)
}

func seconds(nanos float64) float64 { return nanos / float64(time.Second) }

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
