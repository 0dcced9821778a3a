package abuse

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

type (
	visit  = journeyv1.RecordTouchpointRequest
	visits = journeyv1.BatchRecordTouchpointsRequest
)

// wrong is a touchpoint that is refused for a field, fine one that is not.
func wrong(id, name, field string, spoil func(*visit)) row {
	return both(id, name, ask{req: record(spoil), code: invalid, field: field})
}

func fine(id, name string, spoil func(*visit)) row { return both(id, name, ask{req: record(spoil)}) }

func at(ts *timestamppb.Timestamp) func(*visit) {
	return func(r *visit) { r.Touchpoint.EventTime = ts }
}

// dated is a touchpoint at a time as JSON has it.
func dated(id, name, text string, code int) row {
	return web(id, name, post("/v1/"+ann+"/touchpoints",
		`{"definition":"`+acme+`/touchpointDefinitions/website-visit","eventTime":"`+text+`"}`), code)
}

// touchpointRows are about events and batches of them.
func touchpointRows() []row {
	return []row{
		{"P01", "an empty request", ask{req: &visit{}, code: invalid, field: "parent"}.on(onGRPC), mustPost("/v1/"+ann+"/touchpoints", "{}", 400)},
		fine("P02", "no event id", func(*visit) {}), // optional: the touchpoint is then like no other
		wrong("P03", "an event id of 300 characters", "touchpoint.event_id", func(r *visit) { r.Touchpoint.EventId = strings.Repeat("a", 300) }),
		each("P04", "an event twice", func(t *testing.T, s *suite, way surface) { sameEvent(t, s, way, func(*visit) {}) }),
		// The contract settles it: a repeat changes nothing, whatever else it says.
		each("P05", "an event twice with another body", func(t *testing.T, s *suite, way surface) {
			sameEvent(t, s, way, func(r *visit) { r.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_UNMET })
		}),
		each("P06", "an event in two brands", func(t *testing.T, s *suite, way surface) {
			before := s.settled(t)
			for _, brand := range []string{"brands/acme", "brands/other"} {
				s.create(t, way, "", record(func(r *visit) {
					r.Parent, r.Touchpoint.EventId = brand+"/customers/ann", "both "+way.digit()
					r.Touchpoint.Definition = brand + "/touchpointDefinitions/website-visit"
				}))
			}
			if n := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]; n != 2 {
				t.Errorf("%d touchpoints, want 2", n)
			}
		}),
		each("P07", "an event twice in a batch", func(t *testing.T, s *suite, way surface) {
			twice := batch(2, func(_ int, r *visit) { r.Touchpoint.EventId = "twin " + way.digit() })
			outcomes(t, s, way, twice, 1, journeyv1.RecordTouchpointResult_OUTCOME_REPEATED, 1)
		}),
		both("P08", "a batch of nothing", ask{req: &visits{Parent: acme}, code: invalid, field: "requests"}),
		both("P09", "a batch of 1,001", ask{req: batch(1001, func(int, *visit) {}), code: invalid, field: "requests"}),
		each("P10", "a batch with a bad one in the middle", func(t *testing.T, s *suite, way surface) {
			spoiled := batch(1000, func(i int, r *visit) {
				if i == 500 {
					r.Touchpoint.EventTime = nil
				}
			})
			outcomes(t, s, way, spoiled, 500, journeyv1.RecordTouchpointResult_OUTCOME_REFUSED, 999)
		}),
		{
			"P11", "a batch of 4 MiB and a byte", // on REST as A14 has it, though P11 says 413
			sending(journeyv1.TouchpointService_BatchRecordTouchpoints_FullMethodName, make([]byte, 4<<20+1), codes.ResourceExhausted),
			mustPost("/v1/brands/acme/touchpoints:batchRecord", `{"requests":["`+strings.Repeat("x", 4<<20)+`"]}`, 429),
		},
	}
}

// timeRows are about when something happened.
func timeRows() []row {
	return []row{
		wrong("P12", "no event time", "touchpoint.event_time", at(nil)),
		// Clocks may differ by a day: the contract takes what is at most 24 hours ahead.
		fine("P13", "six minutes ahead", at(timestamppb.New(time.Now().Add(6*time.Minute)))),
		fine("P14", "four minutes ahead", at(timestamppb.New(time.Now().Add(4*time.Minute)))),
		wrong("P15", "two weeks ahead", "touchpoint.event_time", at(timestamppb.New(time.Now().Add(14*24*time.Hour)))),
		wrong("P16", "in 1969", "touchpoint.event_time", at(timestamppb.New(time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)))),
		grpcOnly("P17", "at the end of int64", ask{req: record(at(&timestamppb.Timestamp{Seconds: math.MaxInt64})), code: invalid, field: "touchpoint.event_time"}),
		grpcOnly("P18", "nanos of -1", ask{req: record(at(&timestamppb.Timestamp{Seconds: 1, Nanos: -1})), code: invalid, field: "touchpoint.event_time"}),
		grpcOnly("P18", "nanos of a billion", ask{req: record(at(&timestamppb.Timestamp{Seconds: 1, Nanos: 1e9})), code: invalid, field: "touchpoint.event_time"}),
		wrong("P19", "in 9999", "touchpoint.event_time", at(timestamppb.New(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)))),
		dated("P20", "a time without a zone", "2025-01-01T00:00:00", 400),
		dated("P21", "a leap second", "2016-12-31T23:59:60Z", 400),
		{id: "P22", name: "a time of another zone", rest: zoned},
	}
}

// visitRows are about what a touchpoint says.
func visitRows() []row {
	return []row{
		fine("P28", "no stage: the definition's", func(*visit) {}),
		wrong("P29", "stage 42", "touchpoint.stage", func(r *visit) { r.Touchpoint.Stage = 42 }),
		web("P30", "a channel nobody knows", post("/v1/"+ann+"/touchpoints",
			`{"definition":"`+acme+`/touchpointDefinitions/website-visit","eventTime":"2025-01-01T00:00:00Z","channel":"CHANNEL_PIGEON"}`), 400),
		// A definition is a resource, and this one does not exist.
		both("P31", "a definition nobody made", ask{
			req: record(func(r *visit) { r.Touchpoint.Definition = acme + "/touchpointDefinitions/none" }), code: notFound,
		}),
		both("P32", "a weight that is no number", weigh(math.NaN())),
		both("P33", "an infinite weight", weigh(math.Inf(1))),
		web("P35", "a weight of 1e999", post("/v1/brands/acme/touchpointDefinitions",
			`{"displayName":"x","stage":"STAGE_DECISION","phase":"PHASE_PURCHASE","kind":"TOUCHPOINT_KIND_EXPOSURE","weight":1e999}`), 400),
		wrong("P36", "a rating off its scale", "touchpoint.measurement", func(r *visit) {
			r.Touchpoint.Measurement = &journeyv1.Measurement{Rating: 6, Min: 1, Max: 5}
		}),
		both("P39", "another brand's definition", ask{
			req: record(func(r *visit) { r.Touchpoint.Definition = "brands/other/touchpointDefinitions/website-visit" }), code: notFound,
		}),
		both("P41", "no customer", ask{req: record(func(r *visit) { r.Parent = acme + "/customers/" }), code: invalid, http: 404}),
		both("P46", "another brand's touchpoint", ask{
			req: &journeyv1.GetTouchpointRequest{Name: "brands/other/customers/ann/touchpoints/visit"}, code: notFound,
		}),
		wrong("P50", "21 attributes", "touchpoint.attributes", func(r *visit) {
			r.Touchpoint.Attributes = map[string]string{}
			for i := range 21 {
				r.Touchpoint.Attributes[fmt.Sprintf("k%d", i)] = "v"
			}
		}),
		wrong("P51", "an attribute with a long key", `touchpoint.attributes["`+strings.Repeat("k", 41)+`"]`, func(r *visit) {
			r.Touchpoint.Attributes = map[string]string{strings.Repeat("k", 41): "v"}
		}),
		fine("P52", "an attribute called constructor", func(r *visit) { r.Touchpoint.Attributes = map[string]string{"constructor": "v"} }),
		wrong("P53", "an attribute of 201 characters", `touchpoint.attributes["k"]`, func(r *visit) {
			r.Touchpoint.Attributes = map[string]string{"k": strings.Repeat("v", 201)}
		}),
		web("P54", "attributes within attributes", post("/v1/"+ann+"/touchpoints", `{"attributes":{"a":{"b":"c"}}}`), 400),
	}
}

// scoreRows are about what touchpoints add up to.
func scoreRows() []row {
	return []row{
		both("P55", "the score of nobody", ask{req: &journeyv1.GetScoreRequest{Name: acme + "/customers/nobody/score"}, code: notFound}),
		// Scores decay, so the future has one; what lies beyond 2199 has none.
		both("P56", "a score of the future", ask{req: &journeyv1.GetScoreRequest{Name: ann + "/score", AsOfTime: later()}}),
		both("P56", "a score of 2200", ask{
			req: &journeyv1.GetScoreRequest{Name: ann + "/score", AsOfTime: &timestamppb.Timestamp{Seconds: 7258118400}}, code: invalid, field: "as_of_time",
		}),
		both("P57", "a score before all touchpoints", ask{
			req:   &journeyv1.GetScoreRequest{Name: ann + "/score", AsOfTime: timestamppb.New(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))},
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

// batch is n touchpoints, each but for what spoil does to it like no other.
func batch(n int, spoil func(int, *visit)) *visits {
	b := &visits{Parent: acme}
	for i := range n {
		r := record(func(r *visit) { r.Touchpoint.EventId = uuid.NewString() })
		spoil(i, r)
		b.Requests = append(b.Requests, r)
	}
	return b
}

// outcomes sends a batch of which one has another outcome than RECORDED, and n are
// stored.
func outcomes(t *testing.T, s *suite, way surface, req *visits, at int, want journeyv1.RecordTouchpointResult_Outcome, n int64) {
	t.Helper()
	before := s.settled(t)
	for i, r := range s.create(t, way, "", req).msg.(*journeyv1.BatchRecordTouchpointsResponse).GetResults() {
		switch got := r.GetOutcome(); {
		case i == at && got != want:
			t.Errorf("outcome %d = %v, want %v", i, got, want)
		case i != at && got != journeyv1.RecordTouchpointResult_OUTCOME_RECORDED:
			t.Errorf("outcome %d = %v, want RECORDED", i, r)
		}
	}
	if got := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]; got != n {
		t.Errorf("%d touchpoints are stored, want %d", got, n)
	}
}

// sameEvent records an event and then, spoiled, the same again.
func sameEvent(t *testing.T, s *suite, way surface, spoil func(*visit)) {
	t.Helper()
	id := uuid.NewString()
	of := func(r *visit) { r.Touchpoint.EventId = id }
	first := s.create(t, way, "", record(of))
	before := s.settled(t)
	second := s.create(t, way, "", record(of, spoil))
	if !proto.Equal(first.msg, second.msg) {
		t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
	}
	s.unchanged(t, before)
}

func zoned(t *testing.T, s *suite) {
	code, body := s.fetch(t, t.Context(), post("/v1/"+ann+"/touchpoints",
		`{"definition":"`+acme+`/touchpointDefinitions/website-visit","eventTime":"2025-01-01T05:30:00+05:30"}`))
	if code != 200 || !strings.Contains(string(body), `"2025-01-01T00:00:00Z"`) {
		t.Errorf("answer = %d %s, want the time in UTC", code, body)
	}
}
