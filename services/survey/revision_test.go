package survey_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// update changes the fields of v that paths name, in a new revision or not.
func (c client) update(t *testing.T, v *surveyv1.Survey, newRevision bool, paths ...string) (*surveyv1.Survey, error) {
	t.Helper()
	return c.UpdateSurvey(t.Context(), &surveyv1.UpdateSurveyRequest{
		Survey: v, NewRevision: newRevision, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	})
}

func TestADraftIsRewrittenUntilItIsPublished(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		draft := c.in(t, surveyv1.Survey_STATE_DRAFT)
		draft.Questions = ask(surveyv1.Question_KIND_CSAT5, surveyv1.Question_KIND_OPEN).GetQuestions()
		draft.Questions[1].QuestionId = "nps" // of another kind than it was
		draft.Subject, draft.Scope, draft.Anonymous = typev1.Subject_SUBJECT_EXPERIENCE, surveyv1.Survey_SCOPE_STAGE, true
		got, err := c.update(t, draft, true, "questions", "subject", "scope", "anonymous")
		if err != nil {
			t.Fatal(err)
		}
		if got.GetRevision() != 1 || got.GetState() != surveyv1.Survey_STATE_DRAFT || got.GetQuestions()[0].GetKind() != surveyv1.Question_KIND_CSAT5 || !got.GetAnonymous() {
			t.Errorf("draft = %v, want it rewritten in its first revision", got)
		}
		if n := c.rows(t, "survey_revision"); n != 0 {
			t.Errorf("%d revisions of a draft are kept, want none", n)
		}
		published, err := c.PublishSurvey(t.Context(), &surveyv1.PublishSurveyRequest{Name: draft.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		if n := c.rows(t, "survey_revision"); n != 1 {
			t.Errorf("%d revisions of a published survey are kept, want 1", n)
		}
		all, err := c.ListSurveyRevisions(t.Context(), &surveyv1.ListSurveyRevisionsRequest{Name: draft.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		if len(all.GetSurveys()) != 1 {
			t.Fatalf("revisions = %v, want one", all)
		}
		same(t, "the only revision", all.GetSurveys()[0], published)
	})
}

func TestWhatAPublishedSurveyAsksChangesInRevisionsOnly(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(surveyv1.Question_KIND_NPS))
		first, err := c.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		words := &surveyv1.Wording{Text: "Hello"}
		for field, patch := range map[string]*surveyv1.Survey{
			"questions":    {Questions: ask(surveyv1.Question_KIND_NPS, surveyv1.Question_KIND_OPEN).GetQuestions()},
			"language":     {Language: "de"},
			"introduction": {Introduction: words},
			"thanks":       {Thanks: words},
		} {
			patch.Name = name
			_, err := c.update(t, patch, false, field)
			refused(t, field, err, codes.FailedPrecondition, "REVISION_NEEDED")
		}
		for field, patch := range map[string]*surveyv1.Survey{
			"subject":   {Subject: typev1.Subject_SUBJECT_EXPERIENCE},
			"scope":     {Scope: surveyv1.Survey_SCOPE_STAGE},
			"anonymous": {Anonymous: true},
		} {
			patch.Name = name
			_, err := c.update(t, patch, true, field)
			refused(t, field, err, codes.FailedPrecondition, "FIXED")
		}
		same(t, "survey after what was refused", c.get(t, name), first)

		second, err := c.update(t, &surveyv1.Survey{Name: name, Questions: ask(surveyv1.Question_KIND_OPEN).GetQuestions(), Language: "de", Thanks: words},
			true, "questions", "language", "thanks")
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(first)
		want.Questions, want.Language, want.Thanks, want.Revision = ask(surveyv1.Question_KIND_OPEN).GetQuestions(), "de", words, 2
		want.Questions[0].Text = "What would you like to tell us?"
		want.Etag, want.UpdateTime = second.GetEtag(), second.GetUpdateTime()
		same(t, "second revision", second, want)
		same(t, "second revision read", c.get(t, name), want)

		// Neither other fields nor the same questions make a revision.
		second.QuietPeriod = durationpb.New(time.Hour)
		third, err := c.UpdateSurvey(t.Context(), &surveyv1.UpdateSurveyRequest{Survey: second, NewRevision: true})
		if err != nil || third.GetRevision() != 2 || third.GetQuietPeriod().AsDuration() != time.Hour {
			t.Errorf("the same questions = %v, %v, want the second revision and the quiet period", third, err)
		}
		_, err = c.UpdateSurvey(t.Context(), &surveyv1.UpdateSurveyRequest{Survey: first})
		refused(t, "an old etag", err, codes.Aborted, "STALE")
	})
}

// get returns the survey as it is.
func (c client) get(t *testing.T, name string) *surveyv1.Survey {
	t.Helper()
	v, err := c.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAQuestionIsOfOneKindInAllRevisions(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(surveyv1.Question_KIND_NPS, surveyv1.Question_KIND_OPEN))
		to := func(kinds ...surveyv1.Question_Kind) *surveyv1.Survey {
			return &surveyv1.Survey{Name: name, Questions: ask(kinds...).GetQuestions()}
		}
		if _, err := c.update(t, to(surveyv1.Question_KIND_OPEN), true, "questions"); err != nil {
			t.Fatal(err)
		}
		for what, patch := range map[string]*surveyv1.Survey{
			"asked now":   to(surveyv1.Question_KIND_STAR5, surveyv1.Question_KIND_OPEN),
			"asked first": to(surveyv1.Question_KIND_STAR5, surveyv1.Question_KIND_NPS),
		} {
			patch.Questions[1].Kind = surveyv1.Question_KIND_CSAT5
			_, err := c.update(t, patch, true, "questions")
			refused(t, what, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Equal(got, []string{"survey.questions[1].kind"}) {
				t.Errorf("%s: complaints about %v", what, got)
			}
		}
		if got, err := c.update(t, to(surveyv1.Question_KIND_NPS, surveyv1.Question_KIND_STAR5), true, "questions"); err != nil || got.GetRevision() != 3 {
			t.Errorf("the old kind again = %v, %v, want revision 3", got, err)
		}
	})
}

func TestRevisionsAreListedNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(surveyv1.Question_KIND_NPS))
		texts := []string{"?"}
		for i := range 6 {
			v := ask(surveyv1.Question_KIND_NPS)
			v.Name, v.Questions[0].Text = name, strings.Repeat("?", i+2)
			texts = append(texts, v.GetQuestions()[0].GetText())
			if _, err := c.update(t, v, true, "questions"); err != nil {
				t.Fatal(err)
			}
		}
		now, err := c.update(t, &surveyv1.Survey{Name: name, DisplayName: "Now"}, false, "display_name")
		if err != nil {
			t.Fatal(err)
		}
		req := &surveyv1.ListSurveyRevisionsRequest{Name: name, PageSize: 3}
		var got []*surveyv1.Survey
		for range 5 {
			page, err := c.ListSurveyRevisions(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.GetSurveys()...)
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				break
			}
		}
		if len(got) != 7 {
			t.Fatalf("%d revisions, want 7", len(got))
		}
		for i, v := range got {
			want := proto.CloneOf(now)
			want.Revision = int64(7 - i)
			want.Questions[0].Text = texts[6-i]
			if i == 6 {
				want.Questions[0].Text = "How likely are you to recommend us to a friend or colleague?"
			}
			same(t, "revision", v, want)
		}
		_, err = c.ListSurveyRevisions(t.Context(), &surveyv1.ListSurveyRevisionsRequest{Name: "brands/other/surveys/s"})
		refused(t, "another brand's survey", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestARepeatedOrTriedUpdateMakesNoSecondRevision(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(surveyv1.Question_KIND_NPS))
		req := &surveyv1.UpdateSurveyRequest{
			Survey:      &surveyv1.Survey{Name: name, Language: "de"},
			NewRevision: true, RequestId: "7c9e6679-7425-40de-944b-e07fc1f90ae7", ValidateOnly: true,
		}
		tried, err := c.UpdateSurvey(t.Context(), req)
		if err != nil || tried.GetRevision() != 2 || c.get(t, name).GetRevision() != 1 {
			t.Errorf("tried = %v, %v, want revision 2, and 1 kept", tried, err)
		}
		req.ValidateOnly = false
		for range 2 {
			if got, err := c.UpdateSurvey(t.Context(), req); err != nil || got.GetRevision() != 2 {
				t.Errorf("updated = %v, %v, want revision 2", got, err)
			}
		}
		if n := c.rows(t, "survey_revision"); n != 2 {
			t.Errorf("%d revisions, want 2", n)
		}
	})
}
