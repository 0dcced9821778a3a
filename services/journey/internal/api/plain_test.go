package api

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// usual returns a request as most are.
func usual() *journeyv1.RecordTouchpointRequest {
	return &journeyv1.RecordTouchpointRequest{
		Parent: "brands/acme/customers/c-1", TouchpointId: "t_1",
		Touchpoint: &journeyv1.Touchpoint{
			Definition: "brands/acme/touchpointDefinitions/checkout", EventTime: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 5},
			Source: "web", EventId: "order 7/a", Channel: typev1.Channel_CHANNEL_WEB, Stage: typev1.Stage_STAGE_DECISION,
			Phase: typev1.Phase_PHASE_PURCHASE, Expectation: typev1.Expectation_EXPECTATION_MET, Emotion: typev1.Emotion_EMOTION_JOY,
			Measurement: &journeyv1.Measurement{Rating: 4, Min: 1, Max: 5},
			Value:       &journeyv1.Money{MinorUnits: 100, CurrencyCode: "EUR"}, Observed: proto.Float64(2.5),
			Attributes: map[string]string{"tenure": "31-60"},
		},
	}
}

func TestWhatIsPlainKeepsTheContract(t *testing.T) {
	v := rpc.NewValidator()
	if req := usual(); !plain(req) || v.Message(req) != nil {
		t.Fatalf("plain = %v and the contract says %v, want a usual request to be plain", plain(req), v.Message(req))
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	plains, broken := 0, 0
	for range 40_000 {
		req := usual()
		for range 1 + random.IntN(2) {
			disturb(random, req)
		}
		err := v.Message(req)
		if plain(req) {
			if plains++; err != nil {
				t.Fatalf("%v is plain and breaks the contract: %v", req, err)
			}
		} else if err != nil {
			broken++
		}
	}
	if plains < 5_000 || broken < 5_000 {
		t.Errorf("%d requests were plain and %d broke the contract, want both to be many", plains, broken)
	}
}

func TestAQuestionAboutAScoreThatIsPlainKeepsTheContract(t *testing.T) {
	v := rpc.NewValidator()
	long := strings.Repeat("a", 63)
	plains := 0
	for _, name := range []string{
		"brands/acme/customers/c-1/score", "brands/" + long + "/customers/" + long + "/score", "brands/" + long + "a/customers/c/score",
		"brands/acme/customers/c/score/", "brands/acme/customers/c", "brands/acme/customers/c/d/score", "brands/acme/customers//score",
		"brands/Acme/customers/c/score", "brands/a_b/customers/c/score", "brands/acme/tickets/c/score", "acme/customers/c/score", "/score", "",
		"brands/brands/customers/score/score", "brands/acme/customers/ü/score", "brands/acme/customers/c\n/score",
	} {
		for _, at := range []*timestamppb.Timestamp{nil, {}, {Seconds: -1}, {Seconds: 7258118399, Nanos: 999_999_999}, {Seconds: 7258118400}, {Nanos: -1}, {Nanos: 1e9}} {
			for _, req := range []*journeyv1.GetScoreRequest{{Name: name, AsOfTime: at}, {Name: name, ReadTime: at}} {
				if (&Server{}).Plain(req) {
					if plains++; v.Message(req) != nil {
						t.Errorf("%v is plain and breaks the contract: %v", req, v.Message(req))
					}
				}
			}
		}
	}
	if plains < 10 {
		t.Errorf("%d questions are plain, want the usual ones to be", plains)
	}
	if fields := (&journeyv1.GetScoreRequest{}).ProtoReflect().Descriptor().Fields().Len(); fields != 3 {
		t.Errorf("a question has %d fields, and Plain knows 3", fields)
	}
}

// disturb changes one value of a request.
func disturb(random *rand.Rand, req *journeyv1.RecordTouchpointRequest) {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	number := func(from ...int64) int64 { return from[random.IntN(len(from))] }
	long := strings.Repeat("a", 62+random.IntN(3))
	text := pick("", " ", "a", "A", "ü", "a\x00b", "a\nb", "\x7f", "_a", "9a", "-", "a.b", "a_b-c", "e\u0301", "\xff", long,
		strings.Repeat("b", 199+random.IntN(3)), strings.Repeat("é", 200), strings.Repeat("k", 39+random.IntN(3)))
	p := req.GetTouchpoint()
	if p == nil {
		return
	}
	if random.IntN(2) == 0 {
		disturbFigures(random, p)
		return
	}
	switch random.IntN(16) {
	case 0:
		req.Parent = pick("brands/acme/customers/"+text, "brands/"+text+"/customers/a", "acme/customers/a", text, "brands/acme", "brands/acme/customers/a/b")
	case 1:
		req.TouchpointId = text
	case 2:
		req.RequestId = pick(text, "0190a4c5-7d3a-7c4e-8b9a-0123456789ab")
	case 3:
		req.Touchpoint = nil
	case 4:
		p.Definition = pick("brands/acme/touchpointDefinitions/"+text, "brands/"+text+"/touchpointDefinitions/a",
			"acme/touchpointDefinitions/a", "brands/other/touchpointDefinitions/a", text)
	case 5:
		p.EventTime = nil
	case 6:
		p.EventTime = &timestamppb.Timestamp{Seconds: number(-1, 0, 1, 7258118399, 7258118400, math.MaxInt64), Nanos: int32(number(-1, 0, 999_999_999, 1e9))} //nolint:gosec // as written
	case 7:
		p.Source = text
	case 8:
		p.EventId = text
	case 9:
		p.Attributes = map[string]string{text: "a"}
	case 10:
		p.Attributes = map[string]string{"a": text}
	case 11:
		p.Attributes = map[string]string{}
		for i := range 19 + random.IntN(3) {
			p.Attributes[strings.Repeat("a", i+1)] = "b"
		}
	case 12:
		p.Name, p.Response = text, pick("", text)
	case 13:
		p.Ticket = pick("brands/acme/tickets/7", "brands/other/tickets/7", text)
	case 14:
		p.Interaction = pick("brands/acme/tickets/7/interactions/1", "brands/acme/tickets/8/interactions/1", text)
	case 15:
		p.RecordTime, p.RetractTime, p.RetractReason = &timestamppb.Timestamp{Nanos: -1}, &timestamppb.Timestamp{Seconds: -1e15}, text
	}
}

// disturbFigures changes one of the numbers of a touchpoint.
func disturbFigures(random *rand.Rand, p *journeyv1.Touchpoint) {
	number := func(from ...int64) int64 { return from[random.IntN(len(from))] }
	code := int32(number(-1, 0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 99)) //nolint:gosec // as written
	switch random.IntN(8) {
	case 0:
		p.Channel = typev1.Channel(code)
	case 1:
		p.Stage = typev1.Stage(code)
	case 2:
		p.Phase = typev1.Phase(code)
	case 3:
		p.Expectation = typev1.Expectation(code)
	case 4:
		p.Emotion = typev1.Emotion(code)
	case 5:
		scale := func() int32 { return int32(number(-1, 0, 1, 5, 999, 1000, 1001)) } //nolint:gosec // as written
		p.Measurement = &journeyv1.Measurement{Rating: scale(), Min: scale(), Max: scale()}
	case 6:
		p.Value = &journeyv1.Money{
			MinorUnits:   number(math.MinInt64, -1e15-1, -1e15, 0, 1e15, 1e15+1),
			CurrencyCode: []string{"EUR", "eur", "EU", "EURO", "", "E1R", "ÄU", "@AZ", "[AZ"}[random.IntN(9)],
		}
	case 7:
		p.Observed = proto.Float64([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1e12, 1e12, 1.1e12, -1.1e12, 0}[random.IntN(8)])
	}
}

// A field that is new has to be looked at in plain before it is added here.
func TestPlainKnowsAllFields(t *testing.T) {
	for want, m := range map[string]proto.Message{
		"parent touchpoint touchpoint_id request_id validate_only": &journeyv1.RecordTouchpointRequest{},
		`name definition event_time record_time source event_id channel stage phase expectation measurement ticket interaction
			response is_service attributes emotion value observed retract_time retract_reason`: &journeyv1.Touchpoint{},
		"rating min max lower_is_better": &journeyv1.Measurement{},
		"minor_units currency_code":      &journeyv1.Money{},
	} {
		var got []string
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			got = append(got, string(fields.Get(i).Name()))
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("the fields of %T are %v, want %s", m, got, want)
		}
	}
}
