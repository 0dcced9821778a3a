package abuse

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// scoreRows are about what touchpoints add up to.
func scoreRows() []row {
	score := ann + "/score"
	return []row{
		each("P24", "many events at one instant", func(t *testing.T, s *suite, way surface) {
			sameScore(t, s, way, "instant", func(i int, r *visit) { r.Touchpoint.EventTime = noon }, reversed)
		}),
		each("P25", "events in reverse", func(t *testing.T, s *suite, way surface) { sameScore(t, s, way, "reverse", hourly, reversed) }),
		each("P26", "every event twice", func(t *testing.T, s *suite, way surface) { sameScore(t, s, way, "twice", hourly, doubled) }),
		both("P55", "the score of nobody", ask{req: &journeyv1.GetScoreRequest{Name: acme + "/customers/nobody/score"}, code: notFound}),
		both("P56", "a score of the future", ask{req: &journeyv1.GetScoreRequest{Name: score, AsOfTime: later()}, code: invalid, field: "as_of_time"}),
		both("P56", "a score as known in the future", ask{req: &journeyv1.GetScoreRequest{Name: score, ReadTime: later()}, code: invalid, field: "read_time"}),
		both("P56", "a score of 2200", ask{
			req: &journeyv1.GetScoreRequest{Name: score, AsOfTime: &timestamppb.Timestamp{Seconds: 7258118400}}, code: invalid, field: "as_of_time",
		}),
		both("P56", "an explanation of the future", ask{req: &journeyv1.ExplainScoreRequest{Name: score, AsOfTime: later()}, code: invalid, field: "as_of_time"}),
		both("P56", "scores of the future", ask{
			req: &journeyv1.BatchGetScoresRequest{Parent: acme, Names: []string{score}, AsOfTime: later()}, code: invalid, field: "as_of_time",
		}),
		both("P56", "a comparison with the future", ask{
			req: &journeyv1.CompareScoresRequest{Name: score, FromTime: noon, ToTime: later()}, code: invalid, field: "to_time",
		}),
		both("P57", "a score before all touchpoints", ask{
			req:   &journeyv1.GetScoreRequest{Name: score, AsOfTime: timestamppb.New(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))},
			check: scoreless,
		}),
		each("P59", "a score of one touchpoint", func(t *testing.T, s *suite, way surface) {
			customer := acme + "/customers/one" + way.digit()
			s.create(t, way, "", record(func(r *visit) { r.Parent = customer }))
			got := s.create(t, way, "", &journeyv1.GetScoreRequest{Name: customer + "/score"}).msg.(*journeyv1.Score)
			if got.GetBasis().GetIncluded() != 1 || len(got.GetThinStages()) == 0 {
				t.Errorf("score = %v, want it to say that it rests on one touchpoint", got)
			}
		}),
		each("P60", "one customer with very many events", hotKey),
		each("P62", "an event that was counted is taken back", takenBack),
		both("P62", "taking back without a reason", ask{
			req: &journeyv1.RetractTouchpointRequest{Name: ann + "/touchpoints/visit"}, code: invalid, field: "reason",
		}),
		both("P62", "taking back what is not there", ask{
			req: &journeyv1.RetractTouchpointRequest{Name: ann + "/touchpoints/none", Reason: "a test"}, code: notFound,
		}),
	}
}

// scoreless: without touchpoints a score is the baseline of the model, and says that
// it rests on no data. It is not 0, which would look like a bad journey.
func scoreless(t *testing.T, _ *suite, m proto.Message) {
	s := m.(*journeyv1.Score)
	if s.GetEstimate().GetQuality() != typev1.Quality_QUALITY_NO_DATA || s.GetBasis().GetIncluded() != 0 ||
		s.GetEstimate().Value != nil && s.GetEstimate().GetValue() != s.GetBaseline() {
		t.Errorf("score = %v, want none but the baseline, and NO_DATA", s)
	}
}

// hourly is a touchpoint of the hour i, good or bad.
func hourly(i int, r *visit) {
	r.Touchpoint.EventTime = timestamppb.New(noon.AsTime().Add(time.Duration(i) * time.Hour))
}

func reversed(all []*visit) []*visit {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

func doubled(all []*visit) []*visit { return append(slices.Clone(all), all...) }

// sameScore tells the same life of two customers, the second as told says, and compares
// the scores to the bit.
func sameScore(t *testing.T, s *suite, way surface, name string, when func(int, *visit), told func([]*visit) []*visit) {
	t.Helper()
	var found [2]*journeyv1.Score
	for who := range found {
		customer := fmt.Sprint(acme, "/customers/", name, who, way.digit())
		life := batch(200, func(i int, r *visit) {
			r.Parent, r.Touchpoint.EventId = customer, fmt.Sprint(name, who, way.digit(), "-", i)
			r.Touchpoint.Expectation = typev1.Expectation(1 + i*i%3) //nolint:gosec // one of three
			r.Touchpoint.Definition = acme + "/touchpointDefinitions/" + []string{"checkout", "delivery", "product-use"}[i%3]
			when(i, r)
		})
		if who == 1 {
			life.Requests = told(life.GetRequests())
		}
		s.create(t, way, "", life)
		found[who] = s.send(t, way, ask{req: &journeyv1.GetScoreRequest{Name: customer + "/score", AsOfTime: after(60 * 24 * 30)}}).msg.(*journeyv1.Score)
		found[who].Name, found[who].Basis.ReadTime = "", nil
	}
	if !proto.Equal(found[0], found[1]) || found[0].GetBasis().GetIncluded() != 200 {
		t.Errorf("the scores are\n%v\n%v", found[0], found[1])
	}
}

// hotKey: a customer of whom two thousand events are told at once has them all, and
// meanwhile others are served. How fast, the load generator measures.
func hotKey(t *testing.T, s *suite, way surface) {
	const batches, size = 8, 250
	hot := acme + "/customers/hot" + way.digit()
	done := make(chan answer, batches)
	for range batches {
		req := batch(size, func(i int, r *visit) { r.Parent = hot; hourly(i, r) })
		go func() { done <- s.send(t, way, ask{req: req}) }()
	}
	others := 0
	for told := 0; told < batches; {
		select {
		case got := <-done:
			ask{}.want(t, way, got)
			told++
		default:
			s.create(t, way, "", &journeyv1.GetScoreRequest{Name: ann + "/score"})
			others++
		}
	}
	score := s.create(t, way, "", &journeyv1.GetScoreRequest{Name: hot + "/score"}).msg.(*journeyv1.Score)
	if score.GetBasis().GetIncluded() != batches*size || others == 0 {
		t.Errorf("score = %v, want one of %d touchpoints; others asked %d times", score, batches*size, others)
	}
}

// takenBack: the score is as if the event had never been, lists leave it out, and its
// event stays taken.
func takenBack(t *testing.T, s *suite, way surface) {
	var scores [2]*journeyv1.Score
	var spoilt, gone *journeyv1.Touchpoint
	for who := range scores {
		customer := fmt.Sprint(acme, "/customers/regret", who, way.digit())
		at := func(definition string, e typev1.Expectation) *visit {
			return record(func(r *visit) {
				r.Parent, r.Touchpoint.Definition, r.Touchpoint.Expectation = customer, acme+"/touchpointDefinitions/"+definition, e
				r.Touchpoint.EventId = fmt.Sprint(definition, who, way.digit())
			})
		}
		s.create(t, way, "", at("checkout", typev1.Expectation_EXPECTATION_EXCEEDED))
		if who == 0 {
			bad := at("delivery", typev1.Expectation_EXPECTATION_UNMET)
			spoilt = s.create(t, way, "", bad).msg.(*journeyv1.Touchpoint)
			for range 2 { // again changes nothing
				gone = s.create(t, way, "", &journeyv1.RetractTouchpointRequest{Name: spoilt.GetName(), Reason: "not ours"}).msg.(*journeyv1.Touchpoint)
			}
			before := s.settled(t)
			if again := s.send(t, way, ask{req: bad}); again.status.Code() == ok && again.msg.(*journeyv1.Touchpoint).GetRetractTime() == nil {
				t.Errorf("the event counts again: %v", again.msg)
			}
			s.unchanged(t, before)
			list := s.create(t, way, "", &journeyv1.ListTouchpointsRequest{Parent: customer}).msg.(*journeyv1.ListTouchpointsResponse)
			if len(list.GetTouchpoints()) != 1 {
				t.Errorf("touchpoints = %v, want one", list.GetTouchpoints())
			}
		}
		scores[who] = s.create(t, way, "", &journeyv1.GetScoreRequest{Name: customer + "/score", AsOfTime: after(60)}).msg.(*journeyv1.Score)
		scores[who].Name, scores[who].Basis.ReadTime = "", nil
	}
	if !proto.Equal(scores[0], scores[1]) {
		t.Errorf("the scores are\n%v\n%v", scores[0], scores[1])
	}
	if gone.GetRetractTime() == nil || gone.GetRetractReason() != "not ours" {
		t.Errorf("touchpoint = %v, want it taken back", gone)
	}
}
