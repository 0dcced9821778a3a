package compose

import (
	"math"
	"testing"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

func measured(metric typev1.Metric, e stats.Estimate, unit typev1.Unit) *typev1.Measure {
	return &typev1.Measure{Metric: metric, Subject: inner, Estimate: measure.Estimate(e, unit)}
}

func moments(values ...int64) (m stats.Moments) {
	for _, v := range values {
		m.Add(v, 1)
	}
	return m
}

// TestTheRestIsWhatItWouldBeByItself takes a part out of a whole and finds what the rest says
// when it is measured alone.
func TestTheRestIsWhatItWouldBeByItself(t *testing.T) {
	own, rest := moments(1, 2, 2, 3, 4, 5, 5, 5, 5, 5, 5), moments(4, 4, 3, 5, 5, 2, 1, 4)
	all := own
	all.N, all.Sum, all.SumSq = own.N+rest.N, own.Sum+rest.Sum, own.SumSq+rest.SumSq
	scale := stats.Scale{Low: 1, High: 5}
	nps := func(promoters, passives, detractors int64) *typev1.Measure {
		m := measured(typev1.Metric_METRIC_NPS, stats.NPS(promoters, passives, detractors), typev1.Unit_UNIT_POINTS)
		m.Histogram = []*typev1.ScaleCount{{Value: 3, Count: detractors}, {Value: 8, Count: passives}, {Value: 9, Count: 0}, {Value: 10, Count: promoters}}
		return m
	}
	for name, tt := range map[string]struct {
		own, all *typev1.Measure
		want     *typev1.Estimate
	}{
		"share": {
			measured(typev1.Metric_METRIC_CSAT, stats.Wilson(7, 31), typev1.Unit_UNIT_RATIO),
			measured(typev1.Metric_METRIC_CSAT, stats.Wilson(20, 90), typev1.Unit_UNIT_RATIO),
			measure.Estimate(stats.Wilson(13, 59), typev1.Unit_UNIT_RATIO),
		},
		"mean": {
			measured(typev1.Metric_METRIC_STAR, stats.Mean(own, scale), typev1.Unit_UNIT_POINTS),
			measured(typev1.Metric_METRIC_STAR, stats.Mean(all, scale), typev1.Unit_UNIT_POINTS),
			measure.Estimate(stats.Mean(rest, stats.Scale{}), typev1.Unit_UNIT_POINTS),
		},
		"mean whose interval was cut": {
			measured(typev1.Metric_METRIC_STAR, stats.Mean(moments(5, 5, 5, 5, 4), scale), typev1.Unit_UNIT_POINTS),
			measured(typev1.Metric_METRIC_STAR, stats.Mean(moments(5, 5, 5, 5, 4, 4, 4, 3, 2, 1), scale), typev1.Unit_UNIT_POINTS),
			measure.Estimate(stats.Mean(moments(4, 4, 3, 2, 1), stats.Scale{}), typev1.Unit_UNIT_POINTS),
		},
		"net promoter score": {nps(10, 5, 5), nps(30, 20, 10), measure.Estimate(stats.NPS(20, 15, 5), typev1.Unit_UNIT_POINTS)},
	} {
		got := Compare([]*typev1.Measure{tt.own}, []*typev1.Measure{tt.all})[0]
		for what, pair := range map[string][2]float64{
			"value": {got.GetRest().GetValue(), tt.want.GetValue()}, "lower": {got.GetRest().GetLower(), tt.want.GetLower()},
			"upper": {got.GetRest().GetUpper(), tt.want.GetUpper()}, "n": {float64(got.GetRest().GetN()), float64(tt.want.GetN())},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-9 {
				t.Errorf("%s: %s = %v, want %v", name, what, pair[0], pair[1])
			}
		}
		if got.PValue == nil || got.GetDifference() == nil {
			t.Errorf("%s: is not compared: %v", name, got)
		}
	}
}

func TestWhatCannotBeComparedIsNot(t *testing.T) {
	p90 := measured(typev1.Metric_METRIC_RESOLUTION_TIME_P90, stats.Quantile([]float64{1, 2, 3, 4, 5, 6, 7, 8}, 0.5), typev1.Unit_UNIT_SECONDS)
	repeat := measured(typev1.Metric_METRIC_REPEAT_CUSTOMER_RATE, stats.Wilson(20, 40), typev1.Unit_UNIT_RATIO)
	few := measured(typev1.Metric_METRIC_CSAT, stats.Wilson(3, 4), typev1.Unit_UNIT_RATIO)
	all := measured(typev1.Metric_METRIC_CSAT, stats.Wilson(30, 40), typev1.Unit_UNIT_RATIO)
	for _, c := range Compare([]*typev1.Measure{p90, repeat, few}, []*typev1.Measure{p90, repeat, all}) {
		if c.GetVerdict() != gatewayv1.Verdict_VERDICT_INSUFFICIENT || c.PValue != nil || c.GetDifference() != nil {
			t.Errorf("%v is compared: %v", c.GetMeasure().GetMetric(), c)
		}
	}
	count := &typev1.Measure{Metric: typev1.Metric_METRIC_TICKET_COUNT, Subject: inner, Estimate: measure.Count(7)}
	whole := &typev1.Measure{Metric: typev1.Metric_METRIC_TICKET_COUNT, Subject: inner, Estimate: measure.Count(20)}
	if c := Compare([]*typev1.Measure{count}, []*typev1.Measure{whole})[0]; c.GetRest().GetValue() != 13 || c.PValue != nil {
		t.Errorf("the rest of a count is %v", c)
	}
}

// TestManyComparisonsMakeEachLessSure: among twenty like groups hardly one stands out.
func TestManyComparisonsMakeEachLessSure(t *testing.T) {
	var own, all []*typev1.Measure
	for metric := range typev1.Metric(20) {
		own = append(own, measured(metric+1, stats.Wilson(12, 40), typev1.Unit_UNIT_RATIO))
		all = append(all, measured(metric+1, stats.Wilson(60, 120), typev1.Unit_UNIT_RATIO))
	}
	if alone := Compare(own[:1], all[:1])[0]; alone.GetVerdict() != gatewayv1.Verdict_VERDICT_LOWER || alone.GetPValue() > 0.01 {
		t.Errorf("alone it is %v", alone)
	}
	for _, c := range Compare(own, all) {
		if want := 20 * Compare(own[:1], all[:1])[0].GetPValue(); math.Abs(c.GetPValue()-want) > 1e-12 {
			t.Errorf("p = %v, want %v", c.GetPValue(), want)
		}
	}
}

func TestContainmentHolds(t *testing.T) {
	p := Parts{Journey: &journeyv1.QueryExperienceMetricsResponse{Nesting: &journeyv1.Nesting{Touchpoints: 90, ServiceTouchpoints: 30, Customers: 20, ServiceCustomers: 10}}}
	if c := Containment(p); !c.GetHolds() || c.GetTouchpointShare().GetValue() != 1.0/3 || c.GetCustomerShare().GetN() != 20 {
		t.Errorf("containment = %v", c)
	}
	p.Journey.Nesting.ServiceCustomers = 21
	if Containment(p).GetHolds() {
		t.Error("a part greater than its set is held for one")
	}
	if Containment(Parts{}) != nil {
		t.Error("without its part there is a containment")
	}
}

func TestContactRatesNeedBothParts(t *testing.T) {
	tickets := &ticketv1.QueryServiceMetricsResponse{
		Basis:    &typev1.Basis{},
		Measures: []*typev1.Measure{{Metric: typev1.Metric_METRIC_TICKET_COUNT, Estimate: measure.Count(12)}},
		Groups:   []*typev1.MeasureGroup{group("PHONE", &typev1.Measure{Metric: typev1.Metric_METRIC_TICKET_COUNT, Estimate: measure.Count(12)})},
	}
	lived := &journeyv1.QueryExperienceMetricsResponse{Nesting: &journeyv1.Nesting{Customers: 50}}
	if all, groups := ContactRates(Contacts{Tickets: tickets}, Contacts{Tickets: tickets, Journey: lived}); all != nil || groups != nil {
		t.Errorf("without customers the rate is %v", all)
	}
	all, groups := ContactRates(Contacts{tickets, lived}, Contacts{})
	if all.GetRate().GetValue() != 24 || all.GetVerdict() != gatewayv1.Verdict_VERDICT_INSUFFICIENT || len(groups) != 1 {
		t.Errorf("without a baseline the rate is %v by %v", all, groups)
	}
}
