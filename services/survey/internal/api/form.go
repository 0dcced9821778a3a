package api

import (
	"cmp"
	"context"
	"errors"
	"slices"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/survey/internal/questionnaire"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// GetForm implements ResponseService.
func (s *Server) GetForm(ctx context.Context, req *surveyv1.GetFormRequest) (*surveyv1.Form, error) {
	b := submission{server: s, token: req.GetToken() != ""}
	caller, _ := rpc.CallerFrom(ctx)
	p := &surveyv1.Response{Survey: req.GetSurvey()}
	if err := b.redeem(ctx, &surveyv1.SubmitResponseRequest{Parent: req.GetParent(), Token: req.GetToken(), Response: p}, false); err != nil {
		return nil, err
	}
	if err := b.ask(ctx, p, caller.Anonymous); err != nil {
		return nil, err
	}
	b.at = s.now()
	if err := b.takesAnswers(); err != nil {
		return nil, err
	}
	form := &surveyv1.Form{}
	if b.token {
		if err := b.awaited(b.invitation); err != nil {
			return nil, err
		}
		form.ExpireTime, form.Nonce = timestamp(b.invitation.ExpireTime), s.nonce(req.GetToken())
	}
	if t := b.survey.CloseTime; !t.IsZero() && (form.GetExpireTime() == nil || t.Before(form.GetExpireTime().AsTime())) {
		form.ExpireTime = timestamp(t)
	}
	answers, err := b.soFar(ctx, req)
	if err != nil {
		return nil, err
	}
	form.Answers = toAnswers(b.survey.Brand, answers)
	if form.NextQuestions, err = b.next(req.GetAfter(), answers); err != nil {
		return nil, err
	}
	asked, language := localized(b.survey, cmp.Or(req.GetLanguage(), b.invitation.Language, b.survey.Language))
	form.Survey, form.Language = toSurvey(asked), language
	return form, nil
}

// soFar returns what has been answered: in the form itself once it has been begun, and
// else what was saved.
func (b *submission) soFar(ctx context.Context, req *surveyv1.GetFormRequest) ([]store.Answer, error) {
	if req.GetAfter() != "" {
		c := checker{survey: b.survey, path: "answers", partial: true}
		answers := c.answers(req.GetAnswers())
		if len(c.wrong) > 0 {
			return nil, fault.Invalid(c.wrong...)
		}
		return answers, nil
	}
	if b.invitation.StartTime.IsZero() {
		return nil, nil
	}
	saved, err := b.server.Store.PartialResponse(ctx, b.invitation)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return saved.Answers, err
}

// next returns the questions to show after one, or first of all.
func (b *submission) next(after string, answers []store.Answer) (ids []string, err error) {
	from := 0
	if after != "" {
		_, place, ok := question(b.survey, after)
		if !ok {
			return nil, fault.Invalid(fault.Field{Path: "after", Reason: "UNKNOWN_QUESTION", Description: "must be a question of the survey"})
		}
		from = place + 1
	}
	asked := questionnaire.Asked(b.survey.Questions, func(id string) (store.Answer, bool) {
		i := slices.IndexFunc(answers, func(a store.Answer) bool { return a.Question == id })
		if i < 0 {
			return store.Answer{}, false
		}
		return answers[i], true
	})
	for _, q := range b.survey.Questions[from:] {
		if !asked[q.ID] {
			continue
		}
		if ids = append(ids, q.ID); len(q.Branches) > 0 {
			break
		}
	}
	return ids, nil
}
