package tally

import (
	"math"
	"testing"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// solve adds n tickets of a partner and channel, k of them solved at the first
// contact, whose resolutions took the hours given in turn.
func solve(c *Contest, partner string, channel int32, k, n int, hours ...int64) {
	for i := range n {
		t := rollup.Ticket{Outcome: rollup.Unsolved, Response: rollup.None, Resolution: 3.6e9}
		t.Texts[0], t.Numbers[rollup.Channel] = partner, channel
		if i < k {
			t.Outcome = rollup.Solved
		}
		if len(hours) > 0 {
			t.Resolution *= hours[i%len(hours)]
		}
		c.Add(&t)
	}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestTheMixDoesNotDecide is Simpson's paradox: a does better with easy and with hard
// tickets, and worse as a whole, since most of its tickets are hard.
func TestTheMixDoesNotDecide(t *testing.T) {
	c := NewContest(typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION, []rollup.Dim{rollup.Channel}, nil)
	solve(c, "a", 1, 81, 87)
	solve(c, "a", 2, 192, 263)
	solve(c, "b", 1, 234, 270)
	solve(c, "b", 2, 55, 80)
	got := c.Comparison()
	if len(got.GetEntries()) != 2 || !got.GetHigherIsBetter() {
		t.Fatalf("comparison = %v", got)
	}
	a, b := got.GetEntries()[0], got.GetEntries()[1]
	if a.GetPartner() != "a" || a.GetRank() != 1 || b.GetRank() != 2 {
		t.Errorf("entries = %v, want a first", got.GetEntries())
	}
	near(t, "raw a", a.GetRaw().GetValue(), .78, 1e-12)
	near(t, "raw b", b.GetRaw().GetValue(), 289.0/350, 1e-12)
	near(t, "adjusted a", a.GetAdjusted().GetValue(), (357*81.0/87+343*192.0/263)/700, 1e-12)
	near(t, "adjusted b", b.GetAdjusted().GetValue(), (357*234.0/270+343*55.0/80)/700, 1e-12)
	near(t, "overall", got.GetOverall().GetValue(), 562.0/700, 1e-12)
	near(t, "coverage", a.GetCoverage(), 1, 1e-12)
	for _, e := range got.GetEntries() {
		between := (e.GetShrunk().GetValue() - e.GetAdjusted().GetValue()) * (e.GetShrunk().GetValue() - got.GetOverall().GetValue())
		if between > 0 || e.GetPosition() != ticketv1.PartnerComparison_Entry_POSITION_INSIDE || e.GetFunnelLower() > e.GetAdjusted().GetValue() {
			t.Errorf("entry = %v, want it drawn towards the mean and within the funnel", e)
		}
	}
	if p := got.GetPairs(); len(p) != 1 || p[0].GetDistinguishable() || p[0].GetPValue() < .05 {
		t.Errorf("pairs = %v, want one that chance explains", p)
	}
}

func TestPartnersThatDifferAreToldApart(t *testing.T) {
	c := NewContest(typev1.Metric_METRIC_HANDOFF_SHARE, nil, []string{"", "good", "bad", "tiny"})
	for i, partner := range []string{"good", "bad", ""} {
		for n := range 400 {
			one := rollup.Ticket{Response: rollup.None, Resolution: rollup.None}
			one.Texts[0] = partner
			if n%10 < []int{1, 6, 3}[i] {
				one.Handoffs = 1
			}
			c.Add(&one)
		}
	}
	one := rollup.Ticket{}
	one.Texts[0] = "tiny"
	c.Add(&one)
	got := c.Comparison()
	var order []string
	for _, e := range got.GetEntries() {
		order = append(order, e.GetPartner())
	}
	if len(order) != 4 || order[0] != "good" || order[1] != "" || order[2] != "bad" || order[3] != "tiny" || got.GetHigherIsBetter() {
		t.Fatalf("order = %q", order)
	}
	best, worst, tiny := got.GetEntries()[0], got.GetEntries()[2], got.GetEntries()[3]
	if best.GetPosition() != ticketv1.PartnerComparison_Entry_POSITION_MUCH_BETTER || worst.GetPosition() != ticketv1.PartnerComparison_Entry_POSITION_MUCH_WORSE {
		t.Errorf("positions = %v, %v", best.GetPosition(), worst.GetPosition())
	}
	if tiny.GetRank() != 0 || tiny.GetAdjusted().Value != nil || tiny.GetShrunk().Value != nil || tiny.GetPosition() != 0 {
		t.Errorf("entry = %v, want one ticket to tell nothing", tiny)
	}
	told := 0
	for _, p := range got.GetPairs() {
		if p.GetDistinguishable() {
			told++
		}
	}
	if told != 3 || len(got.GetPairs()) != 6 {
		t.Errorf("pairs = %v, want three of six told apart", got.GetPairs())
	}
}

func TestWaitsAreCompared(t *testing.T) {
	for _, metric := range []typev1.Metric{typev1.Metric_METRIC_RESOLUTION_TIME_MEAN, typev1.Metric_METRIC_RESOLUTION_TIME_P90} {
		c := NewContest(metric, []rollup.Dim{rollup.Channel}, nil)
		solve(c, "slow", 1, 0, 100, 10, 11, 12, 13)
		solve(c, "slow", 2, 0, 20, 2, 3)
		solve(c, "fast", 1, 0, 20, 8, 9)
		solve(c, "fast", 2, 0, 100, 1, 2, 3)
		solve(c, "fast", 1, 0, 1, -5) // not counted
		got := c.Comparison()
		first, last := got.GetEntries()[0], got.GetEntries()[1]
		if first.GetPartner() != "fast" || first.GetRank() != 1 || got.GetHigherIsBetter() || first.GetPosition() != 0 || first.FunnelLower != nil {
			t.Errorf("%v: entries = %v, want fast before slow, and no funnel", metric, got.GetEntries())
		}
		if first.GetAdjusted().GetUnit() != typev1.Unit_UNIT_SECONDS || first.GetAdjusted().GetN() != 120 {
			t.Errorf("%v: %v, want seconds over 120 tickets", metric, first.GetAdjusted())
		}
		if metric == typev1.Metric_METRIC_RESOLUTION_TIME_MEAN {
			near(t, "adjusted slow", last.GetAdjusted().GetValue(), 3600*(11.5+2.5)/2, 1)
			near(t, "adjusted fast", first.GetAdjusted().GetValue(), 3600*(8.5+1.99)/2, 1)
			near(t, "overall", got.GetOverall().GetValue(), 3600*(1150.0+50+170+199)/240, 1)
		} else if first.Shrunk != nil {
			t.Errorf("%v: shrunk = %v, want none", metric, first.GetShrunk())
		}
	}
}
