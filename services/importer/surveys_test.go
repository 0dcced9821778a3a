package importer

import (
	"math"
	"strconv"
	"testing"

	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

func TestTheSatisfactionIndexGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows  int                                   `json:"rows"`
		Means map[string]float64                    `json:"means"`
		Gap   struct{ Exceeded, Met, Missed int64 } `json:"expectation_gap_PERQ1_minus_CUEX1"`
		NPS   struct {
			N, Promoters, Passives, Detractors int64
			NPS                                float64 `json:"nps"`
		} `json:"nps_style_on_CUSL3_1_10"`
	}
	expected(t, "ecsi_mobi", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "ecsi"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {8}, "surveys": {1}, "touchpoints": {8 * want.Rows}, "responses": {want.Rows},
	})
	quality := experience(t, conn, nil, "touchpoint_definition")["brands/b/touchpointDefinitions/overall-quality"]
	for metric, k := range map[typev1.Metric]int64{
		typev1.Metric_METRIC_DELIGHT_RATE:          want.Gap.Exceeded,
		typev1.Metric_METRIC_EXPECTATION_MET_SHARE: want.Gap.Exceeded + want.Gap.Met,
		typev1.Metric_METRIC_UNMET_SHARE:           want.Gap.Missed,
	} {
		if e := quality[metric]; e.GetN() != int64(want.Rows) || math.Abs(e.GetValue()-float64(k)/float64(want.Rows)) > 1e-12 {
			t.Errorf("%v of the overall quality = %v of %d, want %d of %d", metric, e.GetValue(), e.GetN(), k, want.Rows)
		}
	}
	all, n := measures(t, conn), int64(want.Rows)
	wantEstimate(t, all, " METRIC_NPS", want.NPS.N, want.NPS.NPS)
	wantRocks(t, all[" METRIC_NPS"], stats.Recommendations{Promoters: want.NPS.Promoters, Passives: want.NPS.Passives, Detractors: want.NPS.Detractors})
	wantEstimate(t, all, " METRIC_ANSWERED_EXCEEDED_SHARE", n, float64(want.Gap.Exceeded)/float64(n))
	wantEstimate(t, all, " METRIC_ANSWERED_UNMET_SHARE", n, float64(want.Gap.Missed)/float64(n))
	wantWilson(t, all[" METRIC_ANSWERED_EXCEEDED_SHARE"], want.Gap.Exceeded)
	for attribute, item := range map[string]string{"satisfaction": "CUSA1", "customer_service": "PERQ3", "complaint_handling": "CUSCO", "would_stay": "CUSL1"} {
		sum, count := 0.0, 0.0
		for value, responses := range counts(t, conn, "attributes."+attribute) {
			score, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum, count = sum+score*responses, count+responses
		}
		if math.Abs(sum/count-want.Means[item]) > 1e-9 || count != float64(n) {
			t.Errorf("mean of %s = %g of %g, want %g of %d", item, sum/count, count, want.Means[item], n)
		}
	}
	twice(t, conn, "ecsi", "mobi.csv")
}

// counts returns how many responses each group has.
func counts(t *testing.T, conn grpc.ClientConnInterface, by string) map[string]float64 {
	t.Helper()
	res, err := surveyv1.NewSurveyMetricsServiceClient(conn).QuerySurveyMetrics(patient(t), &surveyv1.QuerySurveyMetricsRequest{
		Parent: "brands/b", GroupBy: []string{by},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, g := range res.GetGroups() {
		for _, m := range g.GetMeasures() {
			if m.GetMetric() == typev1.Metric_METRIC_RESPONSE_COUNT {
				all[g.GetKeys()[0].GetValue()] = m.GetEstimate().GetValue()
			}
		}
	}
	return all
}

// The intervals below are written out from their formulas, not taken from what is
// tested.

// wantRocks compares the interval with the adjusted Wald one of the answers.
func wantRocks(t *testing.T, e *typev1.Estimate, of stats.Recommendations) {
	t.Helper()
	n := float64(of.N()) + 3
	p, d := (float64(of.Promoters)+.75)/n, (float64(of.Detractors)+.75)/n
	half := 1.959963984540054 * math.Sqrt((p+d-(p-d)*(p-d))/n)
	wantInterval(t, e, 100*(p-d-half), 100*(p-d+half))
}

// wantWilson compares the interval with Wilson's of k.
func wantWilson(t *testing.T, e *typev1.Estimate, k int64) {
	t.Helper()
	const z = 1.959963984540054
	n := float64(e.GetN())
	p := float64(k) / n
	half := z * math.Sqrt(p*(1-p)/n+z*z/4/n/n)
	wantInterval(t, e, (p+z*z/2/n-half)/(1+z*z/n), (p+z*z/2/n+half)/(1+z*z/n))
}

// wantStudent compares the interval with Student's of answers counted by their value. The
// quantile of t is by its expansion, which is exact to 1e-9 for these many.
func wantStudent(t *testing.T, e *typev1.Estimate, scores map[string]int64) {
	t.Helper()
	n, sum := 0.0, 0.0
	each := func(visit func(v, k float64)) {
		for value, k := range scores {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			visit(v, float64(k))
		}
	}
	each(func(v, k float64) { n, sum = n+k, sum+v*k })
	squares := 0.0
	each(func(v, k float64) { squares += k * (v - sum/n) * (v - sum/n) })
	const z = 1.959963984540054
	nu := n - 1
	quantile := z + (z*z*z+z)/4/nu + (5*math.Pow(z, 5)+16*math.Pow(z, 3)+3*z)/96/nu/nu
	half := quantile * math.Sqrt(squares/nu/n)
	wantInterval(t, e, sum/n-half, sum/n+half)
}

func wantInterval(t *testing.T, e *typev1.Estimate, lower, upper float64) {
	t.Helper()
	if e.Lower == nil || math.Abs(e.GetLower()-lower) > 1e-6 || math.Abs(e.GetUpper()-upper) > 1e-6 {
		t.Errorf("interval of %v, want %v to %v", e, lower, upper)
	}
}
