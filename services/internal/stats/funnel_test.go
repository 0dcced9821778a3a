package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestFunnelOfInterpolatesTheBinomial(t *testing.T) {
	// Ten tosses: at most 1 head .0107421875, at most 2 .0546875; none .0009765625.
	got := FunnelOf(.5, 10)
	warning := (2 - (.0546875-.025)/(.0546875-.0107421875)) / 10
	alarm := (1 - (.0107421875-.001)/(.0107421875-.0009765625)) / 10
	near(t, "warning", got.Warning.Lower, warning, 1e-12)
	near(t, "alarm", got.Alarm.Lower, alarm, 1e-12)
	near(t, "upper warning", got.Warning.Upper, 1-warning, 1e-12)
	near(t, "upper alarm", got.Alarm.Upper, 1-alarm, 1e-12)
}

func TestTheFunnelAlarmsNoMoreOftenThanItSays(t *testing.T) {
	for _, n := range []int64{1, 2, 7, 40, 333, 2000} {
		for _, target := range []float64{.02, .3, .5, .85, .99} {
			f := FunnelOf(target, n)
			outside := func(b Band) (below, above float64) {
				for k := range n + 1 {
					p := probability([]int64{k, n - k}, []float64{target, 1 - target})
					if s := float64(k) / float64(n); s < b.Lower-1e-12 {
						below += p
					} else if s > b.Upper+1e-12 {
						above += p
					}
				}
				return below, above
			}
			below, above := outside(f.Warning)
			if below > .025+1e-9 || above > .025+1e-9 {
				t.Errorf("%g of %d: warns with %g below and %g above", target, n, below, above)
			}
			if n == 2000 && (below < .018 || above < .018) {
				t.Errorf("%g of %d: warns with %g below and %g above, want nearly .025", target, n, below, above)
			}
			if below, above = outside(f.Alarm); below > .001+1e-9 || above > .001+1e-9 {
				t.Errorf("%g of %d: alarms with %g below and %g above", target, n, below, above)
			}
		}
	}
}

func TestTheFunnelHoldsItsTargetAndNarrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1e10).Draw(t, "n")
		target := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1})).Draw(t, "target")
		f, mirror, more := FunnelOf(target, n), FunnelOf(1-target, n), FunnelOf(target, 4*n+8)
		step := 1 / float64(max(n, 1)) // what interpolation may take
		if f.Alarm.Lower < 0 || f.Alarm.Lower > f.Warning.Lower || f.Warning.Lower > target+1e-12 || target > f.Warning.Upper+1e-12 || f.Warning.Upper > f.Alarm.Upper || f.Alarm.Upper > 1 {
			t.Errorf("%g of %d: %+v, want the bands around the target", target, n, f)
		}
		if math.Abs(f.Alarm.Lower+mirror.Alarm.Upper-1) > 1e-9 {
			t.Errorf("%g of %d: %+v, mirrored %+v", target, n, f, mirror)
		}
		if more.Warning.Upper-more.Warning.Lower > f.Warning.Upper-f.Warning.Lower+step {
			t.Errorf("%g of %d: as wide with four times the cases", target, n)
		}
	})
	near(t, "either side of the switch", FunnelOf(.3, manyRanks).Alarm.Lower, FunnelOf(.3, manyRanks+1).Alarm.Lower, 2e-6)
}
