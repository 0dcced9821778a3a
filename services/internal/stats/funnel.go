package stats

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Band is where a share is to be expected by chance.
type Band struct{ Lower, Upper float64 }

// A Funnel tells partners that differ by chance from those that stand out.
type Funnel struct {
	Warning Band // 95 %: 1 in 20 on target lies outside
	Alarm   Band // 99.8 %: 1 in 500 on target lies outside
}

// FunnelOf returns the limits of a share of n observations whose target is known:
// those of the binomial distribution, interpolated (Spiegelhalter 2005, appendix
// A.1.1). The upper ones are the lower ones of the opposite share, where the paper
// counts from below again and so raises more alarms above than below. Without
// observations everything is to be expected.
func FunnelOf(target float64, n int64) Funnel {
	return Funnel{
		Warning: Band{funnelLimit(target, n, tail), 1 - funnelLimit(1-target, n, tail)},
		Alarm:   Band{funnelLimit(target, n, 0.001), 1 - funnelLimit(1-target, n, 0.001)},
	}
}

// funnelLimit returns the share below which lies less than p of what chance does.
func funnelLimit(target float64, n int64, p float64) float64 {
	switch {
	case n <= 0 || target <= 0:
		return 0
	case target >= 1:
		return 1
	case n > manyRanks:
		return max(target+distuv.UnitNormal.Quantile(p)*math.Sqrt(target*(1-target)/float64(n)), 0)
	}
	count := distuv.Binomial{N: float64(n), P: target}
	r := float64(sort.Search(int(n), func(k int) bool { return count.CDF(float64(k)) > p }))
	at := count.CDF(r)
	over := (at - p) / (at - count.CDF(r-1))
	return max((r-over)/float64(n), 0)
}
