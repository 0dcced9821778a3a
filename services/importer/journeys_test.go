package importer

import (
	"math"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// moments counts the touchpoints of each group, whose keys are joined by "/".
func moments(t *testing.T, conn grpc.ClientConnInterface, by ...string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for key, m := range experience(t, conn, nil, by...) {
		all[key] = int64(m[typev1.Metric_METRIC_TOUCHPOINT_COUNT].GetValue())
	}
	return all
}

// experience measures each group, and everything as the group "".
func experience(t *testing.T, conn grpc.ClientConnInterface, window *typev1.Window, by ...string) map[string]map[typev1.Metric]*typev1.Estimate {
	t.Helper()
	res, err := journeyv1.NewInsightServiceClient(conn).QueryExperienceMetrics(patient(t), &journeyv1.QueryExperienceMetricsRequest{
		Parent: "brands/b", Window: window, GroupBy: by,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[typev1.Metric]*typev1.Estimate{}
	add := func(key string, measures []*typev1.Measure) {
		all[key] = map[typev1.Metric]*typev1.Estimate{}
		for _, m := range measures {
			all[key][m.GetMetric()] = m.GetEstimate()
		}
	}
	add("", res.GetMeasures())
	for _, g := range res.GetGroups() {
		key := ""
		for i, k := range g.GetKeys() {
			if i > 0 {
				key += "/"
			}
			key += k.GetValue()
		}
		add(key, g.GetMeasures())
	}
	return all
}

// wantRates compares, for each value of an attribute, how many had one touchpoint and
// which share of them another.
func wantRates(t *testing.T, conn grpc.ClientConnInterface, attribute, all, some string, want map[string][2]float64) {
	t.Helper()
	if len(want) < 2 {
		t.Fatalf("expected.json says nothing about %s", attribute)
	}
	got := moments(t, conn, "attributes."+attribute, "touchpoint_definition")
	for value, w := range want {
		n := got[value+"/brands/b/touchpointDefinitions/"+all]
		k := got[value+"/brands/b/touchpointDefinitions/"+some]
		if float64(n) != w[0] || math.Abs(float64(k)/float64(n)-w[1]) > 1e-12 {
			t.Errorf("%s %q: %d of %d, want the share %v of %v", attribute, value, k, n, w[1], w[0])
		}
	}
}

func TestTelcoGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Customers  int
		Churned    int
		Referrers  int
		Contract   map[string][2]float64 `json:"churn_by_contract"`
		Support    map[string][2]float64 `json:"churn_by_tech_support"`
		Stars      map[string][2]float64 `json:"churn_by_satisfaction_score"`
		Referred   map[string][2]float64 `json:"churn_by_referred_a_friend"`
		Internet   map[string][2]float64 `json:"churn_by_internet_service"`
		Senior     map[string][2]float64 `json:"churn_by_senior_citizen"`
		Tenure     map[string][2]float64 `json:"tenure_bucket_churn"`
		Categories map[string]int64      `json:"churn_category"`
		Reasons    map[string]int64      `json:"churn_reason"`
	}
	expected(t, "telco", &want)
	conn := start(t)
	n := want.Customers
	sent := 2*n + want.Referrers + want.Churned
	wantCounts(t, load(t, conn, "telco"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {4}, "touchpoints": {sent, 0, 0, 4*n - sent},
	})
	for attribute, rates := range map[string]map[string][2]float64{
		"contract": want.Contract, "tech_support": want.Support, "satisfaction": want.Stars, "referred": want.Referred,
		"internet_service": want.Internet, "senior": want.Senior, "tenure": want.Tenure,
	} {
		wantRates(t, conn, attribute, "contract-signed", "contract-ended", rates)
	}
	for attribute, counts := range map[string]map[string]int64{"churn_category": want.Categories, "churn_reason": want.Reasons} {
		got := moments(t, conn, "attributes."+attribute, "touchpoint_definition")
		for value, count := range counts {
			if n := got[value+"/brands/b/touchpointDefinitions/contract-ended"]; n != count {
				t.Errorf("%s %q: %d, want %d", attribute, value, n, count)
			}
		}
	}
	twice(t, conn, "telco", "telco.csv")
}

func TestBankCampaignGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Contacts   int
		Converted  int
		Contact    map[string][2]float64 `json:"conversion_by_contact"`
		Before     map[string][2]float64 `json:"conversion_by_poutcome"`
		Month      map[string][2]float64 `json:"conversion_by_month"`
		InCampaign map[string][2]float64 `json:"conversion_by_contacts_in_campaign"`
	}
	expected(t, "bank_campaign", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "bank_campaign"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {2},
		"touchpoints": {want.Contacts + want.Converted, 0, 0, want.Contacts - want.Converted},
	})
	for attribute, rates := range map[string]map[string][2]float64{
		"contact": want.Contact, "before": want.Before, "month": want.Month, "contacts": want.InCampaign,
	} {
		wantRates(t, conn, attribute, "campaign-call", "deposit-opened", rates)
	}
	twice(t, conn, "bank_campaign", "bank.csv")
}

func TestShoppersGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Sessions  int
		Purchases int
		Visitor   map[string][2]float64 `json:"conversion_by_VisitorType"`
		Weekend   map[string][2]float64 `json:"conversion_by_Weekend"`
		Month     map[string][2]float64 `json:"conversion_by_Month"`
	}
	expected(t, "shoppers", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "shoppers"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {2},
		"touchpoints": {want.Sessions + want.Purchases, 0, 0, want.Sessions - want.Purchases},
	})
	for attribute, rates := range map[string]map[string][2]float64{"visitor": want.Visitor, "weekend": want.Weekend, "month": want.Month} {
		wantRates(t, conn, attribute, "shop-session", "shop-purchase", rates)
	}
	twice(t, conn, "shoppers", "shoppers.csv")
}

func TestOlistFunnelGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Leads  int
		Deals  int
		Origin map[string][3]float64 `json:"by_origin"`
	}
	expected(t, "olist_funnel", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "olist_funnel"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {2}, "touchpoints": {want.Leads + want.Deals, 0, 0, want.Leads - want.Deals},
	})
	rates := map[string][2]float64{}
	for origin, w := range want.Origin {
		rates[origin] = [2]float64{w[0], w[2]}
	}
	wantRates(t, conn, "origin", "first-contact", "deal-won", rates)
	twice(t, conn, "olist_funnel", "qualified_leads.csv")
}

func TestCDNOWGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Customers  int64
		WithRepeat int64 `json:"customers_with_repeat"` // until the end of September 1997
	}
	expected(t, "cdnow_1_of_10", &want)
	conn := start(t)
	const lines = 6919
	wantCounts(t, load(t, conn, "cdnow"), map[string][4]int{"brands": {1}, "touchpoint definitions": {1}, "touchpoints": {lines}})
	calibration := &typev1.Window{
		StartTime: timestamppb.New(time.Date(1997, 1, 1, 0, 0, 0, 0, time.UTC)),
		EndTime:   timestamppb.New(time.Date(1997, 10, 1, 0, 0, 0, 0, time.UTC)),
	}
	again := experience(t, conn, calibration)[""][typev1.Metric_METRIC_REPEAT_CUSTOMER_RATE]
	if rate := float64(want.WithRepeat) / float64(want.Customers); again.GetN() != want.Customers || math.Abs(again.GetValue()-rate) > 1e-12 {
		t.Errorf("%v of %d came back, want %v of %d", again.GetValue(), again.GetN(), rate, want.Customers)
	}
	twice(t, conn, "cdnow", "cdnow_sample.csv")
}
