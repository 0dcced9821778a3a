package journey_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// Those of whom nothing is known but their touchpoints.
func TestProspects(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){
		"others hear of the stage of one who was named before anybody looked": testNamedEarly,
		"are filtered by segments they do not have":                           testNoSegments,
		"who are part of one without touchpoints count for that one":          testMergedProspect,
		"have no score once all touchpoints are taken back":                   testNothingLeft,
	})
}

func testNamedEarly(t *testing.T, p *people) {
	at := time.Now().Add(-time.Hour)
	p.seen(t, "ann", "online-ad", at)
	if got := p.create(t, "ann"); got.GetStage() != typev1.Stage_STAGE_AWARENESS || got.GetTouchpointCount() != 1 {
		t.Errorf("created %v, want what follows from the touchpoint", got)
	}
	p.seen(t, "ben", "online-ad", at)
	p.seen(t, "cat", "delivery", at.Add(time.Minute))
	p.merge(t, "ben", "cat")
	p.work(t)
	p.followed(t)
	heard := map[string]int{}
	for _, e := range p.told(t, "stage_changed") {
		heard[e.GetKey()]++
	}
	if len(heard) != 2 || heard[who("ann")] != 1 || heard[who("ben")] != 1 {
		t.Errorf("others heard %v, want once of ann and once of ben", heard)
	}
	if got := p.get(t, "ann"); got.GetStage() != typev1.Stage_STAGE_AWARENESS || got.GetFirstTouch() == nil {
		t.Errorf("ann is %v, want what follows from the touchpoint", got)
	}
}

func testNoSegments(t *testing.T, p *people) {
	p.work(t)
	p.seen(t, "ann", "online-ad", time.Now().Add(-time.Hour))
	p.followed(t)
	for filter, want := range map[string]int{"segments:vip": 0, "NOT segments:vip": 1} {
		customers := must(p.ListCustomers(t.Context(), &journeyv1.ListCustomersRequest{Parent: "brands/acme", Filter: filter}))(t).GetCustomers()
		scores := must(p.ListScores(t.Context(), &journeyv1.ListScoresRequest{Parent: "brands/acme", Filter: filter}))(t).GetScores()
		if len(customers) != want || len(scores) != want {
			t.Errorf("%s: %v and %v, want %d each", filter, customers, scores, want)
		}
	}
}

func testMergedProspect(t *testing.T, p *people) {
	p.work(t)
	p.create(t, "zoe")
	now := time.Now()
	p.seen(t, "ann", "delivery", now.AddDate(0, 0, -100))
	p.seen(t, "ann", "delivery", now.Add(-time.Hour))
	p.merge(t, "zoe", "ann")
	p.createModel(t, "quick", &journeyv1.ScoringModel{})
	if found := p.backtest(t, model); found.GetCustomers() != 1 {
		t.Errorf("the back-test has %d customers, want 1: %v", found.GetCustomers(), found)
	}
	op := must(p.RecomputeScores(t.Context(), &journeyv1.RecomputeScoresRequest{Parent: "brands/acme"}))(t)
	recomputed := &journeyv1.RecomputeScoresResponse{}
	p.done(t, op, recomputed)
	if recomputed.GetCustomerCount() != 1 {
		t.Errorf("recomputed %v, want 1 customer", recomputed)
	}
}

func testNothingLeft(t *testing.T, p *people) {
	for _, at := range []time.Time{noon, noon.Add(time.Minute)} {
		touchpoint := p.had(t, "ann", "delivery", at, met)
		must(p.RetractTouchpoint(t.Context(), retraction(touchpoint)))(t)
	}
	for _, at := range []time.Time{noon.Add(time.Second), noon.Add(time.Hour)} {
		_, err := p.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: who("ann") + "/score", AsOfTime: timestamppb.New(at)})
		refused(t, err, codes.NotFound)
		_, err = p.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{Name: who("ann") + "/score", AsOfTime: timestamppb.New(at)})
		refused(t, err, codes.NotFound)
	}
}
