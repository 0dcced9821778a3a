package e2e

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// life is what cara lived through with a brand, oldest first: two years in all
// stages, the last moment at noon. The brand weighs tastings higher than the rest.
func life(brand string) []*journeyv1.RecordTouchpointRequest {
	var all []*journeyv1.RecordTouchpointRequest
	for i, definition := range []string{
		"online-ad", "website-visit", "tasting", "checkout", "delivery", "product-use",
		"support-interaction", "product-use", "renewal", "tasting", "review-written", "referral",
	} {
		p := &journeyv1.Touchpoint{
			Definition: brand + "/touchpointDefinitions/" + definition, Source: "till", EventId: fmt.Sprint("event-", i),
			EventTime:   timestamppb.New(noon.AddDate(0, 2*(i-11), -i)),
			Expectation: typev1.Expectation(i % 4), //nolint:gosec // an expectation, or none
		}
		if i%3 == 1 {
			p.Measurement = &journeyv1.Measurement{Rating: int32(i % 6), Min: 0, Max: 5} //nolint:gosec // small
		}
		all = append(all, &journeyv1.RecordTouchpointRequest{
			Parent: brand + "/customers/cara", Touchpoint: p, TouchpointId: fmt.Sprint("moment-", i),
		})
	}
	return all
}

// taster makes a brand with a touchpoint definition of its own.
func (c *clients) taster(t testing.TB) string {
	t.Helper()
	brand := c.brand(t)
	must(c.maps.CreateTouchpointDefinition(t.Context(), &journeyv1.CreateTouchpointDefinitionRequest{
		Parent: brand, TouchpointDefinitionId: "tasting",
		TouchpointDefinition: &journeyv1.TouchpointDefinition{
			DisplayName: "Tasting", Stage: typev1.Stage_STAGE_CONSIDERATION, Phase: typev1.Phase_PHASE_PRE_PURCHASE,
			Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT, Weight: proto.Float64(4),
		},
	}))(t)
	return brand
}

// orderOfLife: the same life, told in order one by one, and told backwards in
// batches with repeats and the answer first, gives the same bits.
func orderOfLife(t *testing.T, c *clients) {
	const rated = 7 // what the customer is asked about
	forth, back := c.taster(t), c.taster(t)
	for _, req := range life(forth) {
		must(c.touchpoints.RecordTouchpoint(t.Context(), req))(t)
	}
	c.rate(t, forth, rated)
	c.rate(t, back, rated)
	events := life(back)
	slices.Reverse(events)
	for _, batch := range [][]*journeyv1.RecordTouchpointRequest{events[:4], events[2:9], events[7:], events} {
		answer := must(c.touchpoints.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{
			Parent: back, Requests: slices.Concat(batch, batch[:1]),
		}))(t)
		for i, r := range answer.GetResults() {
			if r.GetOutcome() == journeyv1.RecordTouchpointResult_OUTCOME_REFUSED {
				t.Fatalf("touchpoint %d was refused: %v", i, r.GetError())
			}
		}
	}
	for _, brand := range []string{forth, back} {
		got := c.measured(t, brand+"/customers/cara/touchpoints/"+fmt.Sprint("moment-", rated))
		same(t, got.GetMeasurement(), &journeyv1.Measurement{Rating: 2, Min: 1, Max: 5})
		c.lived(t, brand+"/customers/cara", 12)
	}
	for _, at := range []time.Time{noon.AddDate(-1, 0, 0), noon, time.Now()} {
		one, other := c.bits(t, forth, at), c.bits(t, back, at)
		if !bytes.Equal(one, other) {
			t.Errorf("as of %v the scores differ:\n%s\n%s", at, one, other)
		}
		c.addsUp(t, forth+"/customers/cara/score", at)
		c.addsUp(t, back+"/customers/cara/score", at)
	}
}

// rate answers a survey about one of the moments, whether or not it is recorded.
func (c *clients) rate(t testing.TB, brand string, moment int) {
	t.Helper()
	survey := c.survey(t, brand, surveyv1.Question_KIND_STAR5, typev1.Subject_SUBJECT_EXPERIENCE)
	c.answer(t, survey, brand+"/customers/cara", 2, &surveyv1.Response{
		Attribution: &surveyv1.Attribution{Touchpoint: brand + "/customers/cara/touchpoints/" + fmt.Sprint("moment-", moment)},
	})
}

// scoreOfThePast: what comes later has no say in a score as of an earlier instant.
func scoreOfThePast(t *testing.T, c *clients) {
	brand := c.taster(t)
	events := life(brand)
	_, err := c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: brand + "/customers/cara/score"})
	refused(t, err, codes.NotFound, "NOT_FOUND")
	for _, req := range events[:6] {
		must(c.touchpoints.RecordTouchpoint(t.Context(), req))(t)
	}
	then := events[5].GetTouchpoint().GetEventTime().AsTime()
	before := c.bits(t, brand, then)
	for _, req := range events[6:] {
		must(c.touchpoints.RecordTouchpoint(t.Context(), req))(t)
	}
	if after := c.bits(t, brand, then); !bytes.Equal(before, after) {
		t.Errorf("the score of the past has changed:\n%s\n%s", before, after)
	}
	if now := c.bits(t, brand, noon); bytes.Equal(before, now) {
		t.Errorf("the score has not changed since: %s", now)
	}
	c.addsUp(t, brand+"/customers/cara/score", then)
	early := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{
		Name: brand + "/customers/cara/score", AsOfTime: timestamppb.New(noon.AddDate(-9, 0, 0)),
	}))(t)
	if e := early.GetEstimate(); e.GetN() != 0 || e.GetValue() != early.GetBaseline() || e.GetQuality() != typev1.Quality_QUALITY_NO_DATA {
		t.Errorf("before the first touchpoint the score is %v, want the baseline %v", e, early.GetBaseline())
	}
}

// bits returns cara's score without what says whose it is and when it was read.
func (c *clients) bits(t testing.TB, brand string, at time.Time) []byte {
	t.Helper()
	s := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: brand + "/customers/cara/score", AsOfTime: timestamppb.New(at)}))(t)
	return anonymous(t, brand, s)
}

func anonymous(t testing.TB, brand string, s *journeyv1.Score) []byte {
	t.Helper()
	s = proto.CloneOf(s)
	s.Name = strings.TrimPrefix(s.GetName(), brand)
	s.Basis.ScoringModelRevision = strings.TrimPrefix(s.GetBasis().GetScoringModelRevision(), brand)
	s.Basis.ReadTime = nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addsUp fails unless the explanation of a score adds up to it.
func (c *clients) addsUp(t testing.TB, score string, at time.Time) {
	t.Helper()
	e := must(c.scores.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{Name: score, AsOfTime: timestamppb.New(at)}))(t)
	sum := e.GetOtherPoints()
	for _, p := range e.GetContributions() {
		sum += p.GetPoints()
	}
	want := e.GetScore().GetEstimate().GetValue() - e.GetScore().GetBaseline()
	if math.Abs(sum-want) > 1e-9 || len(e.GetContributions()) == 0 {
		t.Errorf("%d contributions to %s add up to %v, want %v", len(e.GetContributions()), score, sum, want)
	}
	served := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: score, AsOfTime: timestamppb.New(at)}))(t)
	if a, b := anonymous(t, brandOf(score), served), anonymous(t, brandOf(score), e.GetScore()); !bytes.Equal(a, b) {
		t.Errorf("the score that is explained is not the one that is served:\n%s\n%s", prototext.Format(e.GetScore()), prototext.Format(served))
	}
}
