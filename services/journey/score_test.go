package journey_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func forgetRequests(tx *sqldb.Tx) error {
	_, err := tx.Exec(`DELETE FROM request`)
	return err
}

// score returns the score of a customer of acme, without the moment it was read.
func (s *suite) score(t fataler, customer string, asOf time.Time) *journeyv1.Score {
	t.Helper()
	score, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{
		Name: "brands/acme/customers/" + customer + "/score", AsOfTime: timestamppb.New(asOf),
	})
	if err != nil {
		t.Fatalf("score of %s: %v", customer, err)
	}
	score.GetBasis().ReadTime = nil
	return score
}

func (s *suite) explain(t fataler, customer string, asOf time.Time) *journeyv1.ExplainScoreResponse {
	t.Helper()
	answer, err := s.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{
		Name: "brands/acme/customers/" + customer + "/score", AsOfTime: timestamppb.New(asOf),
	})
	if err != nil {
		t.Fatalf("explanation of %s: %v", customer, err)
	}
	answer.GetScore().GetBasis().ReadTime = nil
	return answer
}

// consistent checks that the sums say what the touchpoints do.
func (s *suite) consistent(t *testing.T, customer string, asOf time.Time) {
	t.Helper()
	same(t, s.score(t, customer, asOf), s.explain(t, customer, asOf).GetScore())
}

func TestGetScore(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"without touchpoints there is no score": func(t *testing.T, s *suite) {
			s.record(t, visit("bob", "b", noon))
			name := "brands/acme/customers/ann/score"
			_, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: name})
			refused(t, err, codes.NotFound)
			_, err = s.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{Name: name})
			refused(t, err, codes.NotFound)
		},
		"before the first touchpoint the score is the baseline": func(t *testing.T, s *suite) {
			s.record(t, visit("ann", "a", noon))
			got := s.score(t, "ann", noon.Add(-time.Hour))
			if got.GetEstimate().GetValue() != 75 || got.GetEstimate().GetQuality() != typev1.Quality_QUALITY_NO_DATA || got.GetBaseline() != 75 {
				t.Errorf("score = %v, want the baseline of 75 and no data", got)
			}
			s.consistent(t, "ann", noon.Add(-time.Hour))
		},
		"a score counts what happened up to its instant": testAsOf,
		"an outcome is a rating before an expectation":   testOutcome,
		"a touchpoint without outcome is left out":       testNoOutcome,
		"points add up to the score":                     testExplain,
	})
}

func testAsOf(t *testing.T, s *suite) {
	const halfLife = 90 * 24 * time.Hour
	start := time.UnixMicro((noon.UnixMicro() / halfLife.Microseconds()) * halfLife.Microseconds()).UTC()
	var times []time.Time
	for _, offset := range []time.Duration{-400 * 24 * time.Hour, -time.Microsecond, 0, time.Microsecond, 40 * 24 * time.Hour, halfLife - time.Microsecond, halfLife} {
		times = append(times, start.Add(offset))
	}
	for i, at := range times {
		req := visit("ann", fmt.Sprint(i), at)
		req.Touchpoint.Expectation = typev1.Expectation(i%3 + 1)
		s.record(t, req)
	}
	for i, at := range times {
		for _, asOf := range []time.Time{at, at.Add(time.Hour)} {
			s.consistent(t, "ann", asOf)
		}
		if got := s.score(t, "ann", at).GetEstimate().GetN(); got != int64(i+1) {
			t.Errorf("as of touchpoint %d: n = %d, want %d", i, got, i+1)
		}
	}
	s.record(t, visit("bob", "b1", noon))
	s.record(t, visit("bob", "b2", noon.Add(time.Microsecond)))
	s.consistent(t, "bob", noon)
	got := s.score(t, "ann", noon)
	if got.GetBasis().GetScoringModelRevision() != "brands/acme/scoringModels/default@1" || !got.GetBasis().GetAsOfTime().AsTime().Equal(noon) {
		t.Errorf("basis = %v", got.GetBasis())
	}
	if len(got.GetStages()) != 5 || got.GetStages()[1].GetN() != 5 || len(got.GetThinStages()) == 0 {
		t.Errorf("stages = %v, thin %v", got.GetStages(), got.GetThinStages())
	}
}

func testOutcome(t *testing.T, s *suite) {
	for i, tt := range []struct {
		rating, low, high int32
		lower             bool
		expectation       typev1.Expectation
		want              float64
	}{
		{5, 1, 5, false, 1, 1},
		{1, 1, 5, false, 3, 0},
		{0, 0, 10, false, 0, 0},
		{4, 1, 5, true, 0, 0.25},
		{7, 0, 10, false, 2, 0.7},
		{0, 0, 0, false, 1, 0},
		{0, 0, 0, false, 2, 0.75},
		{0, 0, 0, false, 3, 1},
	} {
		customer := fmt.Sprint("c", i)
		req := visit(customer, customer, noon)
		req.Touchpoint.Expectation = tt.expectation
		if tt.high > 0 {
			req.Touchpoint.Measurement = &journeyv1.Measurement{Rating: tt.rating, Min: tt.low, Max: tt.high, LowerIsBetter: tt.lower}
		}
		s.record(t, req)
		c := s.explain(t, customer, noon).GetContributions()
		if len(c) != 1 || c[0].GetOutcome() != tt.want || math.Abs(c[0].GetWeight()-1) > 1e-9 {
			t.Errorf("%v: contributions %v, want an outcome of %v", tt, c, tt.want)
		}
		s.consistent(t, customer, noon)
	}
}

func testNoOutcome(t *testing.T, s *suite) {
	req := visit("ann", "a", noon)
	req.Touchpoint.Expectation = 0
	s.record(t, req)
	s.record(t, visit("ann", "later", noon.Add(time.Hour)))
	for asOf, want := range map[time.Time][2]int64{noon.Add(-1): {0, 0}, noon: {0, 1}, noon.Add(2 * time.Hour): {1, 1}} {
		got := s.score(t, "ann", asOf).GetBasis()
		excluded := int64(0)
		for _, e := range got.GetExcluded() {
			if e.GetReason() == "NO_OUTCOME" {
				excluded += e.GetCount()
			}
		}
		if got.GetIncluded() != want[0] || excluded != want[1] {
			t.Errorf("as of %v: included %d, excluded %d, want %v", asOf, got.GetIncluded(), excluded, want)
		}
		s.consistent(t, "ann", asOf)
	}
}

func testExplain(t *testing.T, s *suite) {
	s.batch(t, thousand("e"))
	answer := s.explain(t, "c3", noon)
	var sum float64
	for i, c := range answer.GetContributions() {
		sum += c.GetPoints()
		if i > 0 && math.Abs(c.GetPoints()) > math.Abs(answer.GetContributions()[i-1].GetPoints()) {
			t.Errorf("contribution %d has more points than the one before", i)
		}
	}
	want := answer.GetScore().GetEstimate().GetValue() - answer.GetScore().GetBaseline()
	if len(answer.GetContributions()) != 10 || math.Abs(sum+answer.GetOtherPoints()-want) > 1e-9 {
		t.Errorf("%d contributions of %v points, want 10 of %v", len(answer.GetContributions()), sum, want)
	}
}

// A fataler is a *testing.T or *rapid.T.
type fataler interface {
	Helper()
	Context() context.Context
	Fatalf(format string, args ...any)
}

// TestScoreDependsOnTheSetOfTouchpointsAlone records the same touchpoints twice,
// the second time in another order, with repeats and in other batches, and wants
// the same bytes.
func TestScoreDependsOnTheSetOfTouchpointsAlone(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s := start(t, open(t))
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			one, two := fmt.Sprint("one", run), fmt.Sprint("two", run)
			n := rapid.IntRange(1, 60).Draw(t, "n")
			var set []*journeyv1.RecordTouchpointRequest
			for i := range n {
				r := visit(one, fmt.Sprint(run, "-", i), noon.Add(-time.Duration(rapid.Int64Range(0, 300*24*3600).Draw(t, "ago"))*time.Second))
				r.Touchpoint.Expectation = typev1.Expectation(rapid.Int32Range(0, 3).Draw(t, "expectation"))
				r.Touchpoint.Stage = typev1.Stage(rapid.Int32Range(1, 5).Draw(t, "stage"))
				if rapid.Bool().Draw(t, "rated") {
					r.Touchpoint.Measurement = &journeyv1.Measurement{Rating: rapid.Int32Range(1, 7).Draw(t, "rating"), Min: 1, Max: 7}
				}
				set = append(set, r)
			}
			s.send(t, set)
			var other []*journeyv1.RecordTouchpointRequest
			for _, r := range set {
				r = proto.Clone(r).(*journeyv1.RecordTouchpointRequest)
				r.Parent, r.Touchpoint.Source = "brands/acme/customers/"+two, "second"
				other = append(other, r)
				if rapid.Bool().Draw(t, "twice") {
					other = append(other, r)
				}
			}
			other = rapid.Permutation(other).Draw(t, "order")
			for len(other) > 0 {
				k := rapid.IntRange(1, len(other)).Draw(t, "part")
				s.send(t, other[:k])
				other = other[k:]
			}
			asOf := noon.Add(-time.Duration(rapid.Int64Range(0, 320*24*3600).Draw(t, "as of")) * time.Second)
			got, want := s.score(t, two, asOf), s.score(t, one, asOf)
			got.Name = want.GetName()
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if replayed := s.explain(t, one, asOf).GetScore(); !proto.Equal(replayed, want) {
				t.Errorf("replayed %v\nwant     %v", replayed, want)
			}
		})
	})
}

func (s *suite) send(t fataler, requests []*journeyv1.RecordTouchpointRequest) {
	t.Helper()
	if len(requests) == 1 {
		if _, err := s.RecordTouchpoint(t.Context(), requests[0]); err != nil {
			t.Fatalf("record: %v", err)
		}
		return
	}
	if _, err := s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: requests}); err != nil {
		t.Fatalf("record: %v", err)
	}
}
