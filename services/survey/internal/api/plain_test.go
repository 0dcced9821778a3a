package api

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// usual returns a submission as most are.
func usual() *surveyv1.SubmitResponseRequest {
	const brand = "brands/acme"
	return &surveyv1.SubmitResponseRequest{
		Parent: brand, ResponseId: "r_1", RequestId: "0190a4c5-7d3a-7c4e-8b9a-0123456789ab",
		Response: &surveyv1.Response{
			Survey: brand + "/surveys/nps", Customer: brand + "/customers/c-1", Invitation: brand + "/surveys/nps/invitations/i",
			SubmitTime: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 5}, Language: "de", Duration: &durationpb.Duration{Seconds: 30},
			SurveyRevision: 2, Attributes: map[string]string{"tenure": "31-60"},
			Answers: []*surveyv1.Answer{
				{QuestionId: "nps", Value: &surveyv1.Answer_Rating{Rating: 9}, Touchpoint: brand + "/customers/c-1/touchpoints/t"},
				{QuestionId: "why", Value: &surveyv1.Answer_Text{Text: "schön\nund gut"}},
				{QuestionId: "met", Value: &surveyv1.Answer_Expectation{Expectation: typev1.Expectation_EXPECTATION_MET}},
			},
			Attribution: &surveyv1.Attribution{
				Ticket: brand + "/tickets/7", Interaction: brand + "/tickets/7/interactions/1", Touchpoint: brand + "/customers/c-1/touchpoints/t",
				Agent: brand + "/agents/a", Team: brand + "/teams/a", Partner: brand + "/partners/a",
				Channel: typev1.Channel_CHANNEL_WEB, Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PURCHASE,
			},
		},
	}
}

func TestWhatIsPlainKeepsTheContract(t *testing.T) {
	v := rpc.NewValidator()
	if req := usual(); !plainSubmission(req) || v.Message(req) != nil {
		t.Fatalf("plain = %v and the contract says %v, want a usual submission to be plain", plainSubmission(req), v.Message(req))
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	plains, broken := 0, 0
	for range 40_000 {
		req := usual()
		for range 1 + random.IntN(2) {
			disturb(random, req)
		}
		err := v.Message(req)
		if plainSubmission(req) {
			if plains++; err != nil {
				t.Fatalf("%v is plain and breaks the contract: %v", req, err)
			}
		} else if err != nil {
			broken++
		}
	}
	if plains < 5_000 || broken < 5_000 {
		t.Errorf("%d submissions were plain and %d broke the contract, want both to be many", plains, broken)
	}
}

// A phrase is a text of a request.
type phrase struct {
	text   *string
	before string // of what is a name
}

// phrases returns the texts of a request.
func phrases(req *surveyv1.SubmitResponseRequest) []phrase {
	const brand = "brands/acme/"
	r := req.GetResponse()
	a := r.GetAttribution()
	all := []phrase{
		{&req.Parent, "brands/"},
		{&req.ResponseId, ""},
		{&req.RequestId, ""},
		{&req.Token, ""},
		{&req.Nonce, ""},
		{&r.Name, ""},
		{&r.Supersedes, ""},
		{&r.SupersededBy, ""},
		{&r.Etag, ""},
		{&r.Language, ""},
		{&r.Survey, brand + "surveys/"},
		{&r.Customer, brand + "customers/"},
		{&r.Invitation, brand + "surveys/nps/invitations/"},
		{&a.Ticket, brand + "tickets/"},
		{&a.Interaction, brand + "tickets/7/interactions/"},
		{&a.Interaction, brand + "tickets/77/interactions/"},
		{&a.Touchpoint, brand + "customers/c/touchpoints/"},
		{&a.Agent, brand + "agents/"},
		{&a.Team, brand + "teams/"},
		{&a.Partner, brand + "partners/"},
	}
	for _, answer := range r.GetAnswers() {
		all = append(all, phrase{&answer.QuestionId, ""}, phrase{&answer.Touchpoint, brand + "customers/c/touchpoints/"})
	}
	return all
}

// disturb changes one value of a request.
func disturb(random *rand.Rand, req *surveyv1.SubmitResponseRequest) {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	text := pick("", " ", "a", "A", "ü", "a\x00b", "a\nb", "\x7f", "_a", "9a", "-", "a.b", "a_b-c", "e\u0301", "\xff", "en", "ENG", "e1",
		"de-DE", strings.Repeat("a", 62+random.IntN(3)), strings.Repeat("b", 199+random.IntN(3)), strings.Repeat("k", 39+random.IntN(3)),
		"0190A4C5-7d3a-7c4e-8b9a-0123456789ab", "0190a4c57d3a7c4e8b9a0123456789ab", "00000000-0000-0000-0000-000000000000",
		"0190a4c5-7d3a-7c4e-8b9a-0123456789ag", "0190a4c5-7d3a-7c4e-8b9a+0123456789ab")
	if req.GetResponse() == nil || req.GetResponse().GetAttribution() == nil {
		return
	}
	if random.IntN(3) == 0 {
		disturbFigures(random, req)
		return
	}
	if random.IntN(3) == 0 {
		disturbAnswers(random, req, text)
		return
	}
	all := phrases(req)
	p := all[random.IntN(len(all))]
	*p.text = pick(p.before+text, p.before+text, text, p.before+text+"/a", strings.Replace(p.before, "acme", "other", 1)+"a",
		strings.Replace(p.before, "acme/", "acmes/", 1)+"a", strings.ToUpper(p.before)+"a", "x"+p.before+"a")
}

// disturbAnswers changes what was answered, or an attribute.
func disturbAnswers(random *rand.Rand, req *surveyv1.SubmitResponseRequest, text string) {
	r := req.Response
	switch random.IntN(9) {
	case 0:
		r.Answers = nil
	case 1:
		r.Answers = slices.Repeat(r.Answers[:min(1, len(r.Answers))], 49+random.IntN(3))
	case 2:
		r.Answers = append(r.Answers, &surveyv1.Answer{QuestionId: "a"})
	case 3:
		r.Answers = append(r.Answers, &surveyv1.Answer{QuestionId: "a", Value: &surveyv1.Answer_Text{Text: text}})
	case 4:
		words := strings.Repeat("é", 4096) + []string{"", "a"}[random.IntN(2)]
		r.Answers = append(r.Answers, &surveyv1.Answer{QuestionId: "a", Value: &surveyv1.Answer_Text{Text: words}})
	case 5:
		code := typev1.Expectation(random.IntN(6) - 1) //nolint:gosec // small
		r.Answers = append(r.Answers, &surveyv1.Answer{QuestionId: "a", Value: &surveyv1.Answer_Expectation{Expectation: code}})
	case 6:
		choices := &surveyv1.Choices{ChoiceIds: []string{"a", text}}
		r.Answers = append(r.Answers, &surveyv1.Answer{QuestionId: "a", Value: &surveyv1.Answer_Choices{Choices: choices}})
	case 7:
		r.Attributes = map[string]string{[]string{text, "a"}[random.IntN(2)]: text}
	case 8:
		r.Attributes = map[string]string{}
		for i := range 19 + random.IntN(3) {
			r.Attributes[strings.Repeat("a", i+1)] = "b"
		}
	}
}

// disturbFigures changes one of the numbers and times of a request.
func disturbFigures(random *rand.Rand, req *surveyv1.SubmitResponseRequest) {
	number := func(from ...int64) int64 { return from[random.IntN(len(from))] }
	code := int32(number(-1, 0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 99)) //nolint:gosec // as written
	nanos := int32(number(-1, 0, 999_999_999, 1e9))               //nolint:gosec // as written
	r := req.Response
	switch random.IntN(11) {
	case 0:
		r.Attribution.Channel = typev1.Channel(code)
	case 1:
		r.Attribution.Stage = typev1.Stage(code)
	case 2:
		r.Attribution.Phase = typev1.Phase(code)
	case 3:
		r.Subject = typev1.Subject(code)
	case 4:
		r.State = surveyv1.Response_State(code)
	case 5:
		r.SurveyRevision = number(math.MinInt64, -1, 0, math.MaxInt64)
	case 6:
		r.SubmitTime = &timestamppb.Timestamp{Seconds: number(-1, 0, 1, 7258118399, 7258118400, math.MaxInt64), Nanos: nanos}
	case 7:
		r.Duration = &durationpb.Duration{Seconds: number(-1, 0, 31622399, 31622400, 31622401, math.MaxInt64), Nanos: nanos}
	case 8:
		r.CreateTime = &timestamppb.Timestamp{Seconds: number(0, -1e15), Nanos: nanos}
		r.Exclusions = []*surveyv1.Response_Exclusion{{Reason: []string{"a", "\x00"}[random.IntN(2)]}}
	case 9:
		req.Partial, req.Supersede, req.ValidateOnly, r.TextWithheld = code > 1, code > 2, code > 3, code > 4
	case 10:
		if r.Attribution = nil; random.IntN(2) == 0 {
			req.Response = nil
		}
	}
}

// A field that is new has to be looked at in Plain before it is added here.
func TestPlainKnowsAllFields(t *testing.T) {
	for want, m := range map[string]proto.Message{
		"parent response response_id request_id validate_only token partial supersede nonce": &surveyv1.SubmitResponseRequest{},
		`name survey customer invitation answers attribution submit_time attributes subject create_time state survey_revision language
			duration supersedes superseded_by exclusions text_withheld etag`: &surveyv1.Response{},
		"question_id rating text choices expectation touchpoint":               &surveyv1.Answer{},
		"ticket interaction touchpoint agent team partner channel stage phase": &surveyv1.Attribution{},
	} {
		var got []string
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			got = append(got, string(fields.Get(i).Name()))
		}
		slices.Sort(got)
		if known := strings.Fields(want); !slices.Equal(got, slices.Sorted(slices.Values(known))) {
			t.Errorf("the fields of %T are %v, want %s", m, got, want)
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	req := usual()
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if !plainSubmission(req) {
				b.Fatal("a usual submission is not plain")
			}
		}
	})
	b.Run("rules", func(b *testing.B) {
		v := rpc.NewValidator()
		for b.Loop() {
			if err := v.Message(req); err != nil {
				b.Fatal(err)
			}
		}
	})
}
