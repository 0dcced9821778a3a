package compose

import (
	"cmp"
	"slices"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// perCustomers is how many active customers a contact rate is about.
const perCustomers = 100

// Contacts are the tickets and the touchpoints of one window; nil where a part is missing.
type Contacts struct {
	Tickets *ticketv1.QueryServiceMetricsResponse
	Journey *journeyv1.QueryExperienceMetricsResponse
}

// Customers returns how many customers were active.
func (c Contacts) Customers() int64 { return c.Journey.GetNesting().GetCustomers() }

// Basis returns what the rate rests on.
func (c Contacts) Basis(window *typev1.Window, population *typev1.Population) *typev1.Basis {
	b := scope(window, population, layer{"ticket", c.Tickets}, layer{"journey", c.Journey})
	b.Included = Counted(c.Tickets.GetMeasures(), typev1.Metric_METRIC_TICKET_COUNT)
	return b
}

// ContactRates returns how often customers had to contact the brand, against a baseline: of
// all tickets and of each group of them; nothing if a part is missing.
func ContactRates(now, before Contacts) (all *gatewayv1.ContactRate, groups []*gatewayv1.ContactRate) {
	if now.Tickets == nil || now.Journey == nil {
		return nil, nil
	}
	rate := func(keys []*typev1.GroupKey, measures, baseline []*typev1.Measure) *gatewayv1.ContactRate {
		r := &gatewayv1.ContactRate{
			Keys: keys, Tickets: Counted(measures, typev1.Metric_METRIC_TICKET_COUNT), Verdict: gatewayv1.Verdict_VERDICT_INSUFFICIENT,
		}
		a := stats.Rate{Events: r.GetTickets(), Exposure: float64(now.Customers())}
		r.Rate = measure.Estimate(a.Estimate(perCustomers), typev1.Unit_UNIT_COUNT)
		if before.Tickets == nil || before.Journey == nil {
			return r
		}
		r.BaselineTickets = Counted(baseline, typev1.Metric_METRIC_TICKET_COUNT)
		b := stats.Rate{Events: r.GetBaselineTickets(), Exposure: float64(before.Customers())}
		r.BaselineRate = measure.Estimate(b.Estimate(perCustomers), typev1.Unit_UNIT_COUNT)
		ratio := stats.Ratio(a, b)
		r.Ratio = measure.Estimate(ratio, typev1.Unit_UNIT_RATIO)
		if ratio.Known && r.GetRate().Value != nil && r.GetBaselineRate().Value != nil {
			p := stats.RatioP(a, b)
			r.PValue, r.Verdict = &p, verdict(ratio.Value-1, p)
		}
		return r
	}
	all = rate(nil, now.Tickets.GetMeasures(), before.Tickets.GetMeasures())
	keys := map[string][]*typev1.GroupKey{}
	for _, g := range slices.Concat(now.Tickets.GetGroups(), before.Tickets.GetGroups()) {
		keys[measure.Key(g.GetKeys())] = g.GetKeys()
	}
	for value, k := range keys {
		groups = append(groups, rate(k, groupOf(now.Tickets, value), groupOf(before.Tickets, value)))
	}
	slices.SortFunc(groups, func(a, b *gatewayv1.ContactRate) int {
		return cmp.Compare(measure.Key(a.GetKeys()), measure.Key(b.GetKeys()))
	})
	adjust(groups)
	return all, groups
}

// adjust corrects the p of groups for being that many.
func adjust(groups []*gatewayv1.ContactRate) {
	var tested []*gatewayv1.ContactRate
	var p []float64
	for _, g := range groups {
		if g.PValue != nil {
			tested, p = append(tested, g), append(p, g.GetPValue())
		}
	}
	for i, adjusted := range stats.Holm(p) {
		tested[i].PValue, tested[i].Verdict = &adjusted, verdict(tested[i].GetRatio().GetValue()-1, adjusted)
	}
}
