package tally

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestMeasuresDoNotDependOnOrder(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Ticket {
		some := rapid.Bool()
		wait := rapid.Int64Range(-1e15, 1e17)
		return Ticket{
			Opened: some.Draw(t, "opened"), OpenAtEnd: some.Draw(t, "open at end"), Reactive: some.Draw(t, "reactive"),
			Answered: some.Draw(t, "answered"), ResponseTime: time.Duration(wait.Draw(t, "response")),
			Resolved: some.Draw(t, "resolved"), ResolveTime: time.Duration(wait.Draw(t, "resolution")),
			Reopened: some.Draw(t, "reopened"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		tickets := rapid.SliceOfN(draw, 0, 60).Draw(t, "tickets")
		got, again := measures(tickets), measures(rapid.Permutation(tickets).Draw(t, "shuffled"))
		for i, m := range got {
			if !proto.Equal(m, again[i]) {
				t.Errorf("measure = %v, and %v in another order", m, again[i])
			}
		}
	})
}

func measures(tickets []Ticket) []*typev1.Measure {
	var all Tally
	for _, one := range tickets {
		all.Add(one)
	}
	return all.Measures()
}

func TestNothingHasEveryMeasureAndNoNumber(t *testing.T) {
	got, want := Nothing(), measures(nil)
	if len(got) != len(want) {
		t.Fatalf("%d measures, want %d", len(got), len(want))
	}
	for i, m := range got {
		e := m.GetEstimate()
		if m.GetMetric() != want[i].GetMetric() || e.Value != nil || e.GetQuality() != typev1.Quality_QUALITY_NO_DATA ||
			e.GetUnit() != want[i].GetEstimate().GetUnit() {
			t.Errorf("measure %d = %v, want %v without data", i, m, want[i].GetMetric())
		}
	}
}
