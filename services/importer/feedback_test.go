package importer

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// figures returns what is measured of the feedback that nobody asked for, by keys and
// metric.
func figures(t *testing.T, conn grpc.ClientConnInterface, by ...string) map[string]*typev1.Measure {
	t.Helper()
	res, err := surveyv1.NewFeedbackServiceClient(conn).QueryFeedbackMetrics(patient(t), &surveyv1.QueryFeedbackMetricsRequest{
		Parent: "brands/b", GroupBy: by,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*typev1.Measure{}
	for _, g := range res.GetGroups() {
		keys := ""
		for i, k := range g.GetKeys() {
			if i == 0 && k.GetValue() != "SOLICITATION_UNSOLICITED" {
				t.Errorf("there is feedback that is %s", k.GetValue())
			}
			if i > 0 {
				keys += k.GetValue() + " "
			}
		}
		for _, m := range g.GetMeasures() {
			all[keys+m.GetMetric().String()] = m
		}
	}
	return all
}

func wantFeedback(t *testing.T, all map[string]*typev1.Measure, key string, n int64) {
	t.Helper()
	if got := all[key+"METRIC_FEEDBACK_COUNT"].GetEstimate().GetN(); got != n {
		t.Errorf("%q are %d, want %d", key, got, n)
	}
}

// said returns all feedback of the brand.
func said(t *testing.T, conn grpc.ClientConnInterface) (all []*surveyv1.Feedback) {
	t.Helper()
	req := &surveyv1.ListFeedbackRequest{Parent: "brands/b", PageSize: 200}
	for range 100 {
		res, err := surveyv1.NewFeedbackServiceClient(conn).ListFeedback(patient(t), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, res.GetFeedback()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
	t.Fatal("the pages have no end")
	return nil
}

// again imports a set a second time and wants nothing to change.
func again(t *testing.T, conn grpc.ClientConnInterface, set string) {
	t.Helper()
	before := said(t, conn)
	report := mustRun(t, conn, Options{
		Brand: "b", Mapping: filepath.Join(root(t), "examples", set, "mapping.yaml"), Dir: filepath.Join(shared(t), set),
	})
	for _, c := range report.Counts {
		if c.Sent != 0 || c.Refused != 0 {
			t.Errorf("the second import of %s: %+v", set, c)
		}
	}
	after := said(t, conn)
	if len(after) != len(before) {
		t.Fatalf("the second import left %d, before %d", len(after), len(before))
	}
	for i := range after {
		if !proto.Equal(before[i], after[i]) {
			t.Fatalf("the second import changed %v to %v", before[i], after[i])
		}
	}
}

func TestTweetsGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows      int                   `json:"rows"`
		Sentiment map[string]int64      `json:"sentiment"`
		Reasons   map[string]int64      `json:"negative_reason"`
		Airlines  map[string][2]float64 `json:"by_airline"`
		Service   float64               `json:"share_of_negative_due_to_customer_service"`
	}
	expected(t, "tweets_airline", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "tweets"), map[string][4]int{"brands": {1}, "feedback": {want.Rows}})
	all := figures(t, conn)
	wantFeedback(t, all, "", int64(want.Rows))
	all = figures(t, conn, "attributes.read_as")
	for read, n := range want.Sentiment {
		wantFeedback(t, all, read+" ", n)
	}
	all = figures(t, conn, "cluster")
	for reason, n := range want.Reasons {
		wantFeedback(t, all, reason+" ", n)
	}
	service := float64(all["Customer Service Issue METRIC_FEEDBACK_COUNT"].GetEstimate().GetN()) / float64(want.Sentiment["negative"])
	if math.Abs(service-want.Service) > 1e-12 {
		t.Errorf("of the negative ones %v are about service, want %v", service, want.Service)
	}
	both := figures(t, conn, "attributes.airline", "attributes.read_as")
	all = figures(t, conn, "attributes.airline")
	for airline, w := range want.Airlines {
		wantFeedback(t, all, airline+" ", int64(w[0]))
		wantFeedback(t, both, airline+" negative ", int64(math.Round(w[0]*w[1])))
	}
	again(t, conn, "tweets")
}

func TestSpeakerReviewsGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows    int              `json:"rows"`
		Ratings map[string]int64 `json:"rating_counts"`
		Mean    float64          `json:"mean"`
		Good    int64            `json:"feedback_1"`
		Kinds   int              `json:"variations"`
	}
	expected(t, "reviews_alexa", &want)
	conn := start(t)
	wantCounts(t, load(t, conn, "reviews_alexa"), map[string][4]int{"brands": {1}, "feedback": {want.Rows}})
	all := figures(t, conn)
	wantFeedback(t, all, "", int64(want.Rows))
	rating := all["METRIC_FEEDBACK_RATING_MEAN"]
	var m stats.Moments
	for _, c := range rating.GetHistogram() {
		if n := want.Ratings[fmt.Sprint(c.GetValue())]; c.GetCount() != n {
			t.Errorf("%d stars were given %d times, want %d", c.GetValue(), c.GetCount(), n)
		}
		m.Add(int64(c.GetValue()), c.GetCount())
	}
	e, interval := rating.GetEstimate(), stats.Mean(m, stats.Scale{Low: 1, High: 5})
	if math.Abs(e.GetValue()-want.Mean) > 1e-12 || math.Abs(e.GetLower()-interval.Lower) > 1e-12 || math.Abs(e.GetUpper()-interval.Upper) > 1e-12 {
		t.Errorf("the mean is %v, want %v", e, want.Mean)
	}
	wantFeedback(t, figures(t, conn, "attributes.good"), "1 ", want.Good)
	kinds := map[string]bool{}
	for _, f := range said(t, conn) {
		kinds[f.GetAttributes()["variation"]] = true
	}
	if len(kinds) != want.Kinds {
		t.Errorf("there are %d variations, want %d", len(kinds), want.Kinds)
	}
	again(t, conn, "reviews_alexa")
}

func TestAirlineReviewsGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows        int                   `json:"rows"`
		N           int                   `json:"overall_n"`
		Mean        float64               `json:"overall_mean"`
		Ratings     map[string]int        `json:"overall_counts"`
		Recommended map[string]int64      `json:"recommended"`
		Seats       map[string][2]float64 `json:"by_seat_type"`
		Touchpoints map[string]struct{ N int }
	}
	expected(t, "reviews_ba", &want)
	conn := start(t)
	touchpoints := want.N + 5 // expected.json leaves out the five parts of the one review without an overall rating
	for _, part := range want.Touchpoints {
		touchpoints += part.N
	}
	wantCounts(t, load(t, conn, "reviews_ba"), map[string][4]int{
		"brands": {1}, "touchpoint definitions": {8}, "touchpoints": {touchpoints, 0, 0, 8*want.Rows - touchpoints}, "feedback": {want.Rows},
	})
	all := figures(t, conn)
	wantFeedback(t, all, "", int64(want.Rows))
	if m := all["METRIC_FEEDBACK_RATING_MEAN"]; m != nil {
		t.Errorf("ratings from 1 to 10 are measured as %v", m)
	}
	all = figures(t, conn, "attributes.recommended")
	for answer, n := range want.Recommended {
		wantFeedback(t, all, answer+" ", n)
	}
	n, sum, counts := 0, 0.0, map[string]int{}
	seats := map[string][2]float64{}
	for _, f := range said(t, conn) {
		if f.Rating == nil {
			continue
		}
		n, sum = n+1, sum+float64(f.GetRating())
		counts[fmt.Sprint(f.GetRating())]++
		seat := seats[f.GetAttributes()["seat"]]
		seats[f.GetAttributes()["seat"]] = [2]float64{seat[0] + 1, seat[1] + float64(f.GetRating())}
		if s := f.GetRatingScale(); s.GetMin() != 1 || s.GetMax() != 10 || !s.GetHigherIsBetter() {
			t.Fatalf("a rating is on %v, want 1 to 10", s)
		}
	}
	if n != want.N || math.Abs(sum/float64(n)-want.Mean) > 1e-12 || fmt.Sprint(counts) != fmt.Sprint(want.Ratings) {
		t.Errorf("%d ratings have the mean %v, %v, want %v of %d, %v", n, sum/float64(n), counts, want.Mean, want.N, want.Ratings)
	}
	for seat, w := range want.Seats {
		if got := seats[seat]; got[0] != w[0] || math.Abs(got[1]/got[0]-w[1]) > 1e-12 {
			t.Errorf("%s: %v, want %v", seat, got, w)
		}
	}
	again(t, conn, "reviews_ba")
}
