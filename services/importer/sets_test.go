package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// load imports a set of the sample data with the mapping that is shipped for it.
func load(t *testing.T, conn grpc.ClientConnInterface, set string) *Report {
	t.Helper()
	return mustRun(t, conn, Options{
		Brand: "b", Mapping: filepath.Join(root(t), "examples", set, "mapping.yaml"), Dir: filepath.Join(shared(t), set),
		StateDir: t.TempDir(),
	})
}

func mustRun(t *testing.T, conn grpc.ClientConnInterface, opt Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), conn, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantCounts compares what became of each resource: sent, repeated, refused, skipped.
func wantCounts(t *testing.T, r *Report, want map[string][4]int) {
	t.Helper()
	got := map[string][4]int{}
	for _, c := range r.Counts {
		got[c.Resource] = [4]int{c.Sent, c.Repeated, c.Refused, c.Skipped}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		var b strings.Builder
		r.Write(&b)
		t.Errorf("counts = %v, want %v\n%s", got, want, b.String())
	}
}

// twice imports the first rows of a set again and wants them to be there already, and
// nothing about the brand to change.
func twice(t *testing.T, conn grpc.ClientConnInterface, set, main string) {
	t.Helper()
	before := everything(t, conn)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(shared(t), set))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, main))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfterN(string(text), "\n", 102)
	if err := os.WriteFile(filepath.Join(dir, main), []byte(strings.Join(lines[:101], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	again := mustRun(t, conn, Options{Brand: "b", Mapping: filepath.Join(root(t), "examples", set, "mapping.yaml"), Dir: dir})
	for _, c := range again.Counts {
		if c.Sent != 0 || c.Refused != 0 {
			t.Errorf("second import of %s: %+v", set, c)
		}
	}
	if after := everything(t, conn); after != before {
		t.Errorf("the second import changed something: %s, before %s", after, before)
	}
}

// patient is a context for long answers, which the race detector makes longer still.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// everything is what the survey and ticket services measure, without when.
func everything(t *testing.T, conn grpc.ClientConnInterface) string {
	t.Helper()
	s, err := surveyv1.NewSurveyMetricsServiceClient(conn).QuerySurveyMetrics(patient(t), &surveyv1.QuerySurveyMetricsRequest{Parent: "brands/b"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := ticketv1.NewServiceMetricsServiceClient(conn).QueryServiceMetrics(patient(t), &ticketv1.QueryServiceMetricsRequest{Parent: "brands/b"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{s.GetBasis().GetIncluded(), s.GetMeasures(), k.GetBasis().GetIncluded(), k.GetMeasures()})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// measures returns n and value by "group metric"; the whole population has group "".
func measures(t *testing.T, conn grpc.ClientConnInterface, by ...string) map[string]*typev1.Estimate {
	t.Helper()
	res, err := surveyv1.NewSurveyMetricsServiceClient(conn).QuerySurveyMetrics(patient(t), &surveyv1.QuerySurveyMetricsRequest{
		Parent: "brands/b", GroupBy: by,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*typev1.Estimate{}
	add := func(group string, list []*typev1.Measure) {
		for _, m := range list {
			all[group+" "+m.GetMetric().String()] = m.GetEstimate()
		}
	}
	add("", res.GetMeasures())
	for _, g := range res.GetGroups() {
		add(g.GetKeys()[0].GetValue(), g.GetMeasures())
	}
	return all
}

func wantEstimate(t *testing.T, all map[string]*typev1.Estimate, key string, n int64, value float64) {
	t.Helper()
	e := all[key]
	if e.GetN() != n || e.Value == nil || math.Abs(e.GetValue()-value) > 1e-9 {
		t.Errorf("%s = %v of %d, want %v of %d", key, e.GetValue(), e.GetN(), value, n)
	}
}

func TestOlistGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Orders      int              `json:"orders"`
		ReviewRows  int64            `json:"review_rows"`
		Mean        float64          `json:"mean_score"`
		Share       float64          `json:"csat_share_4_5"`
		Scores      map[string]int64 `json:"score_counts"`
		Reached     struct{ Approved, Carrier, Customer int }
		UniqueCount int `json:"unique_customers"`
		Late        struct {
			MeanLate    float64 `json:"mean_score_late"`
			NLate       int64   `json:"n_late"`
			MeanOnTime  float64 `json:"mean_score_on_time"`
			NOnTime     int64   `json:"n_on_time"`
			ShareLate   float64 `json:"csat_late"`
			ShareOnTime float64 `json:"csat_on_time"`
		} `json:"late_by_instant"`
		ByStatus map[string][2]float64 `json:"mean_score_by_status"`
	}
	expected(t, "olist", &want)
	conn := start(t)
	report := load(t, conn, "olist")
	r := want.Reached
	touchpoints := want.Orders + r.Approved + r.Carrier + r.Customer
	wantCounts(t, report, map[string][4]int{
		"brands": {1}, "touchpoint definitions": {4}, "surveys": {1},
		"touchpoints": {touchpoints, 0, 0, 4*want.Orders - touchpoints}, "responses": {int(want.ReviewRows)},
	})
	all := measures(t, conn)
	wantEstimate(t, all, " METRIC_STAR", want.ReviewRows, want.Mean)
	wantEstimate(t, all, " METRIC_STAR_TOP2_SHARE", want.ReviewRows, want.Share)
	wantStudent(t, all[" METRIC_STAR"], want.Scores)
	wantWilson(t, all[" METRIC_STAR_TOP2_SHARE"], want.Scores["4"]+want.Scores["5"])
	all = measures(t, conn, "attributes.delivery")
	wantEstimate(t, all, "late METRIC_STAR", want.Late.NLate, want.Late.MeanLate)
	wantEstimate(t, all, "late METRIC_STAR_TOP2_SHARE", want.Late.NLate, want.Late.ShareLate)
	wantEstimate(t, all, "on_time METRIC_STAR", want.Late.NOnTime, want.Late.MeanOnTime)
	wantEstimate(t, all, "on_time METRIC_STAR_TOP2_SHARE", want.Late.NOnTime, want.Late.ShareOnTime)
	all = measures(t, conn, "attributes.order_status")
	for status, w := range want.ByStatus {
		if w[0] >= 5 { // fewer are withheld
			wantEstimate(t, all, status+" METRIC_STAR", int64(w[0]), w[1])
		}
	}
	twice(t, conn, "olist", "orders.csv")
}

func TestSupportContactsGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Interactions int                   `json:"interactions"`
		Mean         float64               `json:"mean_score"`
		Share        float64               `json:"csat_4_5"`
		Scores       map[string]int64      `json:"score_counts"`
		ByChannel    map[string][3]float64 `json:"by_channel"`
		ByTenure     map[string][3]float64 `json:"by_tenure"`
		ByShift      map[string][3]float64 `json:"by_shift"`
		ByManager    map[string][3]float64 `json:"by_manager"`
		ByCategory   map[string][3]float64 `json:"by_category"`
		Response     struct {
			Negative int64   `json:"negative_(dirty)"`
			Valid    int64   `json:"n_nonnegative"`
			Median   float64 `json:"median"`
		} `json:"response_minutes"`
	}
	expected(t, "csat_support", &want)
	conn := start(t)
	report := load(t, conn, "csat_support")
	n := want.Interactions
	wantCounts(t, report, map[string][4]int{
		"brands": {1}, "surveys": {1}, "tickets": {n}, "interactions": {n}, "resolutions": {n}, "responses": {n},
	})
	all := measures(t, conn)
	wantEstimate(t, all, " METRIC_CSAT_MEAN", int64(n), want.Mean)
	wantEstimate(t, all, " METRIC_CSAT", int64(n), want.Share)
	wantStudent(t, all[" METRIC_CSAT_MEAN"], want.Scores)
	wantWilson(t, all[" METRIC_CSAT"], want.Scores["4"]+want.Scores["5"])
	if len(want.ByChannel) != 3 || len(want.ByTenure) == 0 || len(want.ByShift) == 0 || len(want.ByManager) == 0 || len(want.ByCategory) == 0 {
		t.Fatalf("expected.json lacks a breakdown: %+v", want)
	}
	channel := map[string]string{"Inbound": "CHANNEL_PHONE", "Outcall": "CHANNEL_WEB", "Email": "CHANNEL_EMAIL"}
	for _, by := range []struct {
		dimension string
		groups    map[string][3]float64
		name      map[string]string
	}{
		{"channel", want.ByChannel, channel},
		{"attributes.contact", want.ByChannel, nil},
		{"attributes.tenure", want.ByTenure, nil},
		{"attributes.shift", want.ByShift, nil},
		{"attributes.manager", want.ByManager, nil},
		{"attributes.category", want.ByCategory, nil},
	} {
		all := measures(t, conn, by.dimension)
		for group, w := range by.groups {
			if by.name != nil {
				group = by.name[group]
			}
			if w[0] < 5 {
				continue // withheld
			}
			wantEstimate(t, all, group+" METRIC_CSAT_MEAN", int64(w[0]), w[1])
			wantEstimate(t, all, group+" METRIC_CSAT", int64(w[0]), w[2])
		}
	}
	wantFirstResponses(t, conn, want.Response.Valid, want.Response.Negative, 60*want.Response.Median)
	twice(t, conn, "csat_support", "interactions.csv")
}

// wantFirstResponses compares the median time to the first response, in seconds, and
// how many negative ones were left out.
func wantFirstResponses(t *testing.T, conn grpc.ClientConnInterface, n, negative int64, median float64) {
	t.Helper()
	res, err := ticketv1.NewServiceMetricsServiceClient(conn).QueryServiceMetrics(patient(t), &ticketv1.QueryServiceMetricsRequest{Parent: "brands/b"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.GetMeasures() {
		if m.GetMetric() != typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50 {
			continue
		}
		if e := m.GetEstimate(); e.GetN() != n || e.GetValue() != median {
			t.Errorf("median first response = %v s of %d, want %v s of %d", e.GetValue(), e.GetN(), median, n)
		}
		if x := m.GetExcluded(); len(x) != 1 || x[0].GetCount() != negative {
			t.Errorf("left out = %v, want %d negative durations", x, negative)
		}
	}
}

func TestNPSGivesWhatTheSetSays(t *testing.T) {
	type score struct {
		N          int64   `json:"n"`
		NPS        float64 `json:"nps"`
		Promoters  int64   `json:"promoters"`
		Passives   int64   `json:"passives"`
		Detractors int64   `json:"detractors"`
	}
	var want struct {
		Rows    int              `json:"rows"`
		Missing int              `json:"nps_missing"`
		NPS     score            `json:"nps"`
		With    score            `json:"nps_with_comment"`
		Without score            `json:"nps_without_comment"`
		Few     score            `json:"nps_visits_le6"`
		Many    score            `json:"nps_visits_ge15"`
		Months  map[string]score `json:"nps_by_months_since"`
	}
	expected(t, "nps_garden_retailer", &want)
	conn := start(t)
	report := load(t, conn, "nps")
	wantCounts(t, report, map[string][4]int{
		"brands": {1}, "surveys": {1}, "responses": {want.Rows - want.Missing, 0, 0, want.Missing},
	})
	all := measures(t, conn)
	wantEstimate(t, all, " METRIC_NPS", want.NPS.N, want.NPS.NPS)
	wantRocks(t, all[" METRIC_NPS"], stats.Recommendations{Promoters: want.NPS.Promoters, Passives: want.NPS.Passives, Detractors: want.NPS.Detractors})
	all = measures(t, conn, "attributes.comment")
	wantEstimate(t, all, "with METRIC_NPS", want.With.N, want.With.NPS)
	wantEstimate(t, all, "without METRIC_NPS", want.Without.N, want.Without.NPS)
	all = measures(t, conn, "attributes.visits")
	wantEstimate(t, all, "0-6 METRIC_NPS", want.Few.N, want.Few.NPS)
	wantEstimate(t, all, "15+ METRIC_NPS", want.Many.N, want.Many.NPS)
	all = measures(t, conn, "attributes.months_since")
	for months, w := range want.Months {
		wantEstimate(t, all, months+" METRIC_NPS", w.N, w.NPS)
	}
	twice(t, conn, "nps", "nps.csv")
}

func TestAirlineGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows        int64 `json:"rows"`
		Touchpoints map[string]struct {
			NotApplicable int64   `json:"not_applicable_0"`
			Mean          float64 `json:"mean"`
			Share         float64 `json:"share_4_5"`
		} `json:"touchpoints"`
	}
	expected(t, "airline", &want)
	conn := start(t)
	report := load(t, conn, "airline")
	ids := map[string]string{
		"Inflight wifi service": "wifi", "Departure/Arrival time convenient": "schedule", "Ease of Online booking": "booking",
		"Gate location": "gate", "Food and drink": "food", "Online boarding": "boarding", "Seat comfort": "seat",
		"Inflight entertainment": "entertainment", "On-board service": "onboard_service", "Leg room service": "legroom",
		"Baggage handling": "baggage", "Checkin service": "checkin", "Inflight service": "inflight_service", "Cleanliness": "cleanliness",
	}
	var absent int64
	all := measures(t, conn, "touchpoint_definition")
	for column, w := range want.Touchpoints {
		absent += w.NotApplicable
		id, n := ids[column], want.Rows-w.NotApplicable
		wantEstimate(t, all, "brands/b/touchpointDefinitions/"+id+" METRIC_STAR", n, w.Mean)
		wantEstimate(t, all, "brands/b/touchpointDefinitions/"+id+" METRIC_STAR_TOP2_SHARE", n, w.Share)
	}
	wantCounts(t, report, map[string][4]int{
		"brands": {1}, "touchpoint definitions": {14}, "surveys": {1},
		"touchpoints": {int(14*want.Rows - absent), 0, 0, int(absent)}, "responses": {int(want.Rows)},
	})
	res, err := journeyv1.NewInsightServiceClient(conn).QueryExperienceMetrics(patient(t), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/b"})
	if err != nil {
		t.Fatal(err)
	}
	if n := res.GetNesting(); n.GetTouchpoints() != 14*want.Rows-absent || n.GetServiceTouchpoints() != 4*want.Rows || n.GetCustomers() != want.Rows {
		t.Errorf("nesting = %v, want %d touchpoints of which 4 a passenger are service", n, 14*want.Rows-absent)
	}
	twice(t, conn, "airline", "airline.csv")
}
