package survey_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// take is an answer that takes choices.
func take(question string, ids ...string) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: ids}}}
}

func compared(e typev1.Expectation) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: "expectation", Value: &surveyv1.Answer_Expectation{Expectation: e}}
}

// branched is a survey whose NPS decides what is asked next: why, up to 6, and the
// choices then, and only what was expected from 7 on.
func branched() *surveyv1.Survey {
	v := ask(nps, open, surveyv1.Question_KIND_CHOICE, surveyv1.Question_KIND_MULTI, surveyv1.Question_KIND_EXPECTATION)
	q := v.GetQuestions()
	seven := int32(7)
	q[0].Branches = []*surveyv1.Question_Branch{{MinRating: &seven, QuestionId: "expectation"}}
	q[1].Required = true
	for _, q := range q[2:4] {
		q.Choices = []*surveyv1.Question_Choice{{ChoiceId: "price", Text: "Price"}, {ChoiceId: "wait", Text: "Wait"}, {ChoiceId: "tone", Text: "Tone"}}
	}
	q[2].Branches = []*surveyv1.Question_Branch{{ChoiceIds: []string{"tone"}}}
	return v
}

func TestAnswersComeBackInTheirForm(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", branched())
		req := submission(name, rate(nps, 0), say("too slow"), take("choice", "wait"), take("multi", "tone", "price"), compared(typev1.Expectation_EXPECTATION_UNMET))
		req.Response.Language = "de-CH"
		got := c.submit(t, req)
		want := req.GetResponse().GetAnswers()
		want[3] = take("multi", "price", "tone") // as the question has them
		read, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: got.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "read", read, got)
		if got.GetLanguage() != "de-CH" {
			t.Errorf("language = %q, want de-CH", got.GetLanguage())
		}
		for i, a := range want {
			same(t, "answer", got.GetAnswers()[i], a)
		}
		if text := strings.ReplaceAll(protojson.Format(read), " ", ""); !strings.Contains(text, `"rating":0`) {
			t.Errorf("JSON = %s, want the rating 0 in it", text)
		}
	})
}

func TestOnlyWhatWasAskedIsAnsweredAndInItsForm(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", branched())
		met := compared(typev1.Expectation_EXPECTATION_MET)
		for _, tt := range []struct {
			what    string
			answers []*surveyv1.Answer
			wrong   []string
		}{
			{"a promoter is not asked why", []*surveyv1.Answer{rate(nps, 7), met}, nil},
			{"nor answers", []*surveyv1.Answer{rate(nps, 7), say("x"), met}, []string{"response.answers[1].question_id"}},
			{"others are", []*surveyv1.Answer{rate(nps, 6), met}, []string{"response.answers"}},
			{"without a rating all are asked", []*surveyv1.Answer{say("x"), take("multi", "wait")}, nil},
			{"a choice ends it", []*surveyv1.Answer{say("x"), take("choice", "tone"), met}, []string{"response.answers[2].question_id"}},
			{"two choices of one", []*surveyv1.Answer{say("x"), take("choice", "tone", "wait")}, []string{"response.answers[1].choices"}},
			{"an unknown choice", []*surveyv1.Answer{say("x"), take("multi", "tone", "colour")}, []string{"response.answers[1].choices"}},
			{"a choice for words", []*surveyv1.Answer{take("open", "tone")}, []string{"response.answers[0].choices"}},
			{"an expectation for a rating", []*surveyv1.Answer{{QuestionId: "nps", Value: met.GetValue()}, say("x")}, []string{"response.answers[0].expectation"}},
			{"a rating for an expectation", []*surveyv1.Answer{say("x"), {QuestionId: "expectation", Value: rate(nps, 1).GetValue()}}, []string{"response.answers[1].rating"}},
			{"words for choices", []*surveyv1.Answer{say("x"), {QuestionId: "multi", Value: say("y").GetValue()}}, []string{"response.answers[1].text"}},
		} {
			_, err := c.SubmitResponse(t.Context(), submission(name, tt.answers...))
			if got := wrong(err); !slices.Equal(got, tt.wrong) {
				t.Errorf("%s: %v, want complaints about %v", tt.what, err, tt.wrong)
			}
		}
	})
}

func TestAnAnswerBelongsToItsRevision(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name, all := c.open(t, "s", ask(nps)), as(t.Context(), "*")
		asked, before := c.invite(t, name, 0), submission(name, rate(nps, 1))
		before.RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
		first, err := c.SubmitResponse(all, before)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.UpdateSurvey(all, &surveyv1.UpdateSurveyRequest{
			Survey:     &surveyv1.Survey{Name: name, DisplayName: "After a call", Subject: 1, Scope: 1, Questions: ask(ease).GetQuestions()},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"questions"}}, NewRevision: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			what     string
			req      *surveyv1.SubmitResponseRequest
			revision int64 // 0 if it is refused
		}{
			{"the newest", submission(name, rate(ease, 1)), 2},
			{"the newest has other questions", submission(name, rate(nps, 1)), 0},
			{"an older one", inRevision(submission(name, rate(nps, 1)), 1), 1},
			{"one to come", inRevision(submission(name, rate(nps, 1)), 3), 0},
			{"the invitation's", c.with(t, asked.GetToken(), rate(nps, 1)), 1},
			{"that of the first time", before, 1},
		} {
			got, err := c.SubmitResponse(all, tt.req)
			if got.GetSurveyRevision() != tt.revision || (err == nil) != (tt.revision > 0) {
				t.Errorf("%s: revision %d, %v, want %d", tt.what, got.GetSurveyRevision(), err, tt.revision)
			}
			if err != nil {
				refused(t, tt.what, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			}
			if tt.req == before {
				same(t, tt.what, got, first)
			}
		}
	})
}

func inRevision(req *surveyv1.SubmitResponseRequest, revision int64) *surveyv1.SubmitResponseRequest {
	req.Response.SurveyRevision = revision
	return req
}

func TestWordsOfAnswersAreForThoseWhoMayReadThem(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name := c.open(t, "s", ask(nps, open))
		req := submission(name, rate(nps, 0), say("my card is 4111 1111 1111 1111"))
		req.ResponseId = "r"
		for _, scopes := range [][]string{{"responses:write"}, {"responses:write", "responses:read_text"}} {
			req.ResponseId += "r"
			got, err := c.SubmitResponse(as(t.Context(), scopes...), req)
			if err != nil {
				t.Fatal(err)
			}
			withheld(t, "submitted", got, len(scopes) == 1)
		}
		for _, scopes := range [][]string{{"responses:read", "responses:exclude"}, {"responses:read", "responses:exclude", "responses:read_text"}, {"*"}} {
			ctx, hidden := as(t.Context(), scopes...), len(scopes) == 2
			got, err := c.GetResponse(ctx, &surveyv1.GetResponseRequest{Name: acme + "/responses/rr"})
			if err != nil {
				t.Fatal(err)
			}
			withheld(t, "read", got, hidden)
			list, err := c.ListResponses(ctx, &surveyv1.ListResponsesRequest{Parent: acme})
			if err != nil {
				t.Fatal(err)
			}
			withheld(t, "listed", list.GetResponses()[0], hidden)
			out, err := c.IncludeResponse(ctx, &surveyv1.IncludeResponseRequest{Name: acme + "/responses/rr", Reason: "x"})
			if err != nil {
				t.Fatal(err)
			}
			withheld(t, "included", out, hidden)
		}
	})
}

// withheld fails unless the words of r, which also has the rating 0, are hidden or shown.
func withheld(t *testing.T, what string, r *surveyv1.Response, hidden bool) {
	t.Helper()
	a := r.GetAnswers()
	if len(a) != 2 || a[1].GetQuestionId() != "open" || (a[1].GetText() == "") != hidden || r.GetTextWithheld() != hidden || a[0].GetValue() == nil {
		t.Errorf("%s: %v, want words hidden: %t", what, r, hidden)
	}
}

func TestResponsesAreFiltered(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for i := range 4 {
			req := submission(name, rate(nps, 3))
			req.ResponseId = fmt.Sprint(i)
			r := req.GetResponse()
			r.SubmitTime, r.Attributes, r.Language = stamp(i), map[string]string{"tenure": fmt.Sprint(i % 2)}, []string{"de", "en"}[i%2]
			r.Attribution = &surveyv1.Attribution{
				Ticket: fmt.Sprint(acme, "/tickets/", i), Agent: fmt.Sprint(acme, "/agents/a", i%3), Team: acme + "/teams/t", Partner: acme + "/partners/p",
				Channel: typev1.Channel(1 + i%2), Stage: typev1.Stage(1 + i%4), Phase: typev1.Phase(1 + i%3),
			}
			if i == 3 {
				r.Attribution = nil
			}
			c.submit(t, req)
		}
		if _, err := c.ExcludeResponse(t.Context(), &surveyv1.ExcludeResponseRequest{Name: acme + "/responses/1", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		for filter, want := range map[string]string{
			`state = EXCLUDED`:                                    "1",
			`state = COMPLETE`:                                    "320",
			`state != SUPERSEDED AND language = "de"`:             "20",
			`channel = ` + typev1.Channel(1).String():             "20",
			`stage = ` + typev1.Stage(2).String():                 "1",
			`phase = ` + typev1.Phase(3).String():                 "2",
			`partner = "brands/acme/partners/p"`:                  "210",
			`partner = ""`:                                        "3",
			`team = "brands/acme/teams/t"`:                        "210",
			`team = "brands/else/teams/t"`:                        "",
			`agent = "brands/acme/agents/a0"`:                     "0",
			`ticket = "brands/acme/tickets/2"`:                    "2",
			`subject = SERVICE`:                                   "3210",
			`attributes.tenure = "1"`:                             "31",
			`submit_time > "2013-01-07T12:01:00Z"`:                "32",
			`language = "en" OR agent:*`:                          "3210",
			`submit_time < "2013-01-07T12:01:00Z" OR NOT agent:*`: "30",
		} {
			if got := c.walk(t, &surveyv1.ListResponsesRequest{Parent: acme, Filter: filter, PageSize: 3}); got != want {
				t.Errorf("%s lists %q, want %q", filter, got, want)
			}
		}
		for _, filter := range []string{"words = x", "state", "state = GONE", "draft:*"} {
			_, err := c.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: acme, Filter: filter})
			if got := wrong(err); !slices.Equal(got, []string{"filter"}) {
				t.Errorf("%s: %v, want a complaint about filter", filter, err)
			}
		}
	})
}

func TestAFormIsInTheLanguageWanted(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := branched()
		v.Language, v.Audience = "en", surveyv1.Survey_AUDIENCE_PUBLIC
		v.CloseTime = timestamppb.New(stamp(0).AsTime().AddDate(100, 0, 0))
		v.Introduction = &surveyv1.Wording{Text: "Hello", Translations: map[string]string{"de": "Guten Tag", "pt-BR": "Oi", "de-CH": "Grüezi"}}
		v.Questions[0].Translations = map[string]string{"de": "Empfehlen Sie uns?"}
		v.Questions[2].Choices[0].Translations = map[string]string{"de": "Preis", "pt": "Preço", "pt-BR": "O preço"}
		name := c.open(t, "s", v)
		for _, tt := range []struct{ wanted, language, hello, question, choice string }{
			{"", "en", "Hello", v.Questions[0].GetText(), "Price"},
			{"EN", "en", "Hello", v.Questions[0].GetText(), "Price"},
			{"en-GB", "en", "Hello", v.Questions[0].GetText(), "Price"},
			{"de", "en", "Guten Tag", "Empfehlen Sie uns?", "Preis"},
			{"de-AT", "en", "Guten Tag", "Empfehlen Sie uns?", "Preis"},
			{"de-CH", "en", "Grüezi", "Empfehlen Sie uns?", "Preis"},
			{"pt-PT", "en", "Oi", v.Questions[0].GetText(), "Preço"},
			{"fr", "en", "Hello", v.Questions[0].GetText(), "Price"},
		} {
			got, err := c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Survey: name, Language: tt.wanted})
			if err != nil {
				t.Fatal(err)
			}
			s := got.GetSurvey()
			if got.GetLanguage() != tt.language || s.GetIntroduction().GetText() != tt.hello || s.GetQuestions()[2].GetChoices()[0].GetText() != tt.choice ||
				tt.question != "" && s.GetQuestions()[0].GetText() != tt.question {
				t.Errorf("%q: %v, want %v", tt.wanted, got, tt)
			}
			if s.GetIntroduction().GetTranslations() != nil || s.GetQuestions()[0].GetTranslations() != nil {
				t.Errorf("%q has translations", tt.wanted)
			}
			if got.GetNonce() != "" || got.GetExpireTime().AsTime().Year() != 2113 {
				t.Errorf("form = %v, want no nonce without a token, until the close", got)
			}
		}
		if kept, err := c.GetSurvey(as(t.Context(), "*"), &surveyv1.GetSurveyRequest{Name: name}); err != nil || kept.GetQuestions()[0].GetTranslations()["de"] == "" {
			t.Errorf("survey = %v, %v, want its translations untouched", kept, err)
		}
	})
}

func TestAFormShowsWhatTheBranchesLeadTo(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		token := c.invite(t, c.open(t, "s", branched()), 0).GetToken()
		for _, tt := range []struct {
			after   string
			answers []*surveyv1.Answer
			want    []string
		}{
			{"", nil, []string{"nps"}},
			{"nps", []*surveyv1.Answer{rate(nps, 9)}, []string{"expectation"}},
			{"nps", []*surveyv1.Answer{rate(nps, 6)}, []string{"open", "choice"}},
			{"nps", nil, []string{"open", "choice"}},
			{"choice", []*surveyv1.Answer{rate(nps, 6), take("choice", "tone")}, nil},
			{"choice", []*surveyv1.Answer{rate(nps, 6), take("choice", "wait")}, []string{"multi", "expectation"}},
			{"expectation", []*surveyv1.Answer{rate(nps, 6)}, nil},
		} {
			got, err := c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Token: token, After: tt.after, Answers: tt.answers})
			if err != nil || !slices.Equal(got.GetNextQuestions(), tt.want) {
				t.Errorf("after %q, %v: %v, %v, want %v", tt.after, tt.answers, got.GetNextQuestions(), err, tt.want)
			}
			if len(got.GetAnswers()) != len(tt.answers) || got.GetNonce() == "" || got.GetExpireTime() == nil {
				t.Errorf("form = %v, want the answers given, a nonce and an end", got)
			}
		}
		for _, req := range []*surveyv1.GetFormRequest{
			{Token: token, After: "none"},
			{Token: token, After: "nps", Answers: []*surveyv1.Answer{rate(nps, 11)}},
			{},
		} {
			req.Parent = acme
			_, err := c.GetForm(t.Context(), req)
			refused(t, req.String(), err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}
