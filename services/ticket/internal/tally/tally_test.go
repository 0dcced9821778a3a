package tally

import (
	"math"
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

func TestMeasuresComeInTheOrderOfTheContract(t *testing.T) {
	all := Sum{Cell: new(rollup.Cell)}.Measures(nil)
	want := map[typev1.Metric]bool{}
	for n := range typev1.Metric_name {
		if 20 <= n && n < 40 || 60 <= n && n < 100 {
			want[typev1.Metric(n)] = true
		}
	}
	last := typev1.Metric(0)
	for _, m := range all {
		if m.GetMetric() <= last || !want[m.GetMetric()] || m.GetSubject() != typev1.Subject_SUBJECT_SERVICE {
			t.Errorf("%v after %v, want the metrics of this service in order", m, last)
		}
		last = m.GetMetric()
	}
	if len(all) != len(want) {
		t.Errorf("%d measures, want %d", len(all), len(want))
	}
}

func TestOnlyTheChosenMetricsAreMeasured(t *testing.T) {
	got := Nothing(Choose([]typev1.Metric{typev1.Metric_METRIC_REOPEN_MEAN, typev1.Metric_METRIC_NPS, typev1.Metric_METRIC_BACKLOG}))
	if len(got) != 2 || got[0].GetMetric() != typev1.Metric_METRIC_BACKLOG || got[1].GetMetric() != typev1.Metric_METRIC_REOPEN_MEAN {
		t.Errorf("measures = %v, want the backlog and the mean of reopenings", got)
	}
}

func TestNothingHasEveryMeasureAndNoNumber(t *testing.T) {
	want := Sum{Cell: new(rollup.Cell)}.Measures(nil)
	for i, m := range Nothing(nil) {
		e := m.GetEstimate()
		if m.GetMetric() != want[i].GetMetric() || e.Value != nil || e.GetQuality() != typev1.Quality_QUALITY_NO_DATA ||
			e.GetUnit() != want[i].GetEstimate().GetUnit() {
			t.Errorf("measure %d = %v, want %v without data", i, m, want[i].GetMetric())
		}
	}
}

func TestCostPerContactIsARatioOfMeans(t *testing.T) {
	// Six tickets: r = 63/12 = 5.25, residuals -.5 -2 1.75 .5 .25 0, whose squares sum to 7.625;
	// t(5) = 2.570582.
	var cell rollup.Cell
	for _, one := range [][2]int64{{10, 2}, {3, 1}, {7, 1}, {11, 2}, {16, 3}, {16, 3}} {
		cell.Add(&rollup.Ticket{Cost: one[0] * 1e6, Costed: one[1]})
	}
	cell.Add(&rollup.Ticket{})
	got, excluded := costPerContact(Sum{Cell: &cell})
	r := 63.0 / 12
	squares := 0.0
	for _, one := range [][2]float64{{10, 2}, {3, 1}, {7, 1}, {11, 2}, {16, 3}, {16, 3}} {
		squares += math.Pow(one[0]-r*one[1], 2)
	}
	half := 2.570582 * math.Sqrt(squares*6/5) / 12
	if math.Abs(got.GetValue()-r) > 1e-12 || math.Abs(got.GetUpper()-r-half) > 1e-6 || got.GetN() != 6 || excluded[noCost] != 1 {
		t.Errorf("cost = %v, %v, want %g up to %g", got, excluded, r, r+half)
	}
}
