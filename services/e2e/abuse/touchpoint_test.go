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
		ofErased("P45", "a customer who was erased", func(customer string) proto.Message {
			return record(func(r *visit) { r.Parent = customer })
		}),
		wrong("P03", "an event id of 300 characters", "touchpoint.event_id", func(r *visit) { r.Touchpoint.EventId = strings.Repeat("a", 300) }),
		wrong("P03", "an event id with a control character", "touchpoint.event_id", func(r *visit) { r.Touchpoint.EventId = "a\x01b" }),
		wrong("P03", "an event id of two lines", "touchpoint.event_id", func(r *visit) { r.Touchpoint.EventId = "a\nb" }),
		wrong("P03", "an event id of spaces", "touchpoint.event_id", func(r *visit) { r.Touchpoint.EventId = "  " }),
		each("P04", "an event twice", sameEvent),
		each("P05", "an event twice with another body", func(t *testing.T, s *suite, way surface) {
			id := func(r *visit) { r.Touchpoint.EventId = "another body " + way.digit() }
			s.create(t, way, "", record(id))
			ask{
				req: record(id, func(r *visit) { r.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_UNMET }), code: exists, reason: "EVENT_ID_TAKEN",
			}.on(way)(t, s)
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
			"P11", "a batch of 4 MiB and a byte",
			sending(journeyv1.TouchpointService_BatchRecordTouchpoints_FullMethodName, make([]byte, 4<<20+1), codes.ResourceExhausted),
			mustPost("/v1/brands/acme/touchpoints:batchRecord", `{"requests":["`+strings.Repeat("x", 4<<20)+`"]}`, 413),
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
		both("P27", "a time long before it is told", ask{req: record(), check: func(t *testing.T, _ *suite, m proto.Message) {
			p := m.(*journeyv1.Touchpoint)
			if !proto.Equal(p.GetEventTime(), noon) || time.Since(p.GetRecordTime().AsTime()) > time.Hour {
				t.Errorf("touchpoint = %v, want it at noon, and recorded now", p)
			}
		}}),
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
		both("P32", "an observation that is no number", observing(math.NaN())),
		both("P33", "an infinite observation", observing(math.Inf(-1))),
		both("P34", "an observation of minus zero", ask{
			req: record(func(r *visit) { r.Touchpoint.Observed = proto.Float64(math.Copysign(0, -1)) }),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if p := m.(*journeyv1.Touchpoint); p.Observed == nil || math.Float64bits(p.GetObserved()) != 0 {
					t.Errorf("touchpoint = %v, want 0 to be observed", p)
				}
			},
		}),
		wrong("P36", "a rating off its scale", "touchpoint.measurement", func(r *visit) {
			r.Touchpoint.Measurement = &journeyv1.Measurement{Rating: 6, Min: 1, Max: 5}
		}),
		web("P37", "a weight of the caller's", post("/v1/"+ann+"/touchpoints",
			`{"definition":"`+acme+`/touchpointDefinitions/website-visit","eventTime":"2025-01-01T00:00:00Z","weight":2}`), 400),
		both("P39", "another brand's definition", ask{
			req: record(func(r *visit) { r.Touchpoint.Definition = "brands/other/touchpointDefinitions/website-visit" }), code: notFound,
		}),
		both("P41", "no customer", ask{req: record(func(r *visit) { r.Parent = acme + "/customers/" }), code: invalid, http: 404}), // no such path
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

// moneyRows are about what a touchpoint was worth.
func moneyRows() []row {
	worth := func(id, name, field string, minor int64, currency string) row {
		return wrong(id, name, "touchpoint.value."+field, func(r *visit) {
			r.Touchpoint.Value = &journeyv1.Money{MinorUnits: minor, CurrencyCode: currency}
		})
	}
	amount := func(text string) webRequest {
		return post("/v1/"+ann+"/touchpoints", `{"definition":"`+acme+`/touchpointDefinitions/checkout","eventTime":"2025-01-01T00:00:00Z","value":`+text+`}`)
	}
	return []row{
		web("P47", "half a cent", amount(`{"minorUnits":99.5,"currencyCode":"EUR"}`), 400),
		web("P47", "a price in words", amount(`{"minorUnits":"9,99","currencyCode":"EUR"}`), 400),
		web("P47", "a price without its parts", amount(`9.99`), 400),
		// One is bounded so that no sum of what a brand can have overflows.
		worth("P48", "more money than there is", "minor_units", 1_000_000_000_000_001, "EUR"),
		worth("P48", "the most that a number holds", "minor_units", math.MaxInt64, "EUR"),
		worth("P48", "the least that a number holds", "minor_units", math.MinInt64, "EUR"),
		web("P48", "more than a number holds", amount(`{"minorUnits":"9223372036854775808","currencyCode":"EUR"}`), 400),
		worth("P49", "a currency in lower case", "currency_code", 999, "usd"),
		worth("P49", "a currency that nobody pays in", "currency_code", 999, "XYZ"),
		worth("P49", "no currency", "currency_code", 999, ""),
		fine("P49", "money that was given back", func(r *visit) {
			r.Touchpoint.Value = &journeyv1.Money{MinorUnits: -999, CurrencyCode: "JPY"}
		}),
	}
}

func observing(value float64) ask {
	return ask{req: record(func(r *visit) { r.Touchpoint.Observed = &value }), code: invalid, field: "touchpoint.observed"}
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

// sameEvent records an event twice.
func sameEvent(t *testing.T, s *suite, way surface) {
	id := uuid.NewString()
	of := func(r *visit) { r.Touchpoint.EventId = id }
	first := s.create(t, way, "", record(of))
	before := s.settled(t)
	if second := s.create(t, way, "", record(of)); !proto.Equal(first.msg, second.msg) {
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
