package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// UpdateSurvey implements SurveyService. A draft stays in its first revision, and so
// does what is asked as before in the one it is in.
func (s *Server) UpdateSurvey(ctx context.Context, req *surveyv1.UpdateSurveyRequest) (*surveyv1.Survey, error) {
	r := s.surveys(func(tx *sqldb.Tx, old store.Survey, row *store.Survey) error {
		s.Store.ForgetSurveys(tx)
		if old.State == int32(surveyv1.Survey_STATE_DRAFT) {
			return nil
		}
		if err := fixed(old, *row); err != nil {
			return err
		}
		as, err := sameAsked(old, *row)
		if as || err != nil {
			return err
		}
		if !req.GetNewRevision() {
			n := surveyName(row.Brand, row.ID)
			return fault.Precondition("REVISION_NEEDED", n, "%s is published: what it asks only changes with new_revision", n)
		}
		return s.revise(tx, old, row)
	})
	return r.Update(ctx, req, req.GetSurvey())
}

// fixed refuses to change what never changes once a survey is published.
func fixed(old, row store.Survey) error {
	field := ""
	switch {
	case row.Subject != old.Subject:
		field = "subject"
	case row.Scope != old.Scope:
		field = "scope"
	case row.Anonymous != old.Anonymous:
		field = "anonymous"
	default:
		return nil
	}
	n := surveyName(row.Brand, row.ID)
	return fault.Precondition("FIXED", n, "%s is published: its field %s never changes", n, field)
}

// sameAsked reports whether both ask and say the same.
func sameAsked(a, b store.Survey) (bool, error) {
	x, err := json.Marshal([]any{a.Questions, a.Language, a.Introduction, a.Thanks})
	y, e := json.Marshal([]any{b.Questions, b.Language, b.Introduction, b.Thanks})
	return bytes.Equal(x, y), errors.Join(err, e)
}

// revise makes row the next revision of old.
func (s *Server) revise(tx *sqldb.Tx, old store.Survey, row *store.Survey) error {
	wrong, err := otherKinds(tx, old, row.Questions)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fault.Invalid(wrong...)
	}
	row.Revision = old.Revision + 1
	store.AddRevision(tx, old) // it is there but for surveys of earlier versions
	store.AddRevision(tx, *row)
	return nil
}

// otherKinds reports the questions that had another kind in old or in a revision
// before it. An answer may belong to any revision, so a question is of one kind in all.
func otherKinds(tx *sqldb.Tx, old store.Survey, questions []store.Question) ([]fault.Field, error) {
	kinds := map[string]int32{}
	for _, q := range old.Questions {
		kinds[q.ID] = q.Kind
	}
	if slices.ContainsFunc(questions, func(q store.Question) bool { return kinds[q.ID] == 0 }) {
		before, err := store.Revisions(tx, old)
		if err != nil {
			return nil, err
		}
		for _, v := range before {
			for _, q := range v.Questions {
				kinds[q.ID] = q.Kind
			}
		}
	}
	var wrong []fault.Field
	for i, q := range questions {
		if kind := kinds[q.ID]; kind != 0 && kind != q.Kind {
			wrong = append(wrong, fault.Field{
				Path: fmt.Sprintf("survey.questions[%d].kind", i), Reason: "OTHER_KIND",
				Description: fmt.Sprintf("must be %s, as in an earlier revision; take another question_id", surveyv1.Question_Kind(kind)),
			})
		}
	}
	return wrong, nil
}

// ListSurveyRevisions implements SurveyService.
func (s *Server) ListSurveyRevisions(ctx context.Context, req *surveyv1.ListSurveyRevisionsRequest) (*surveyv1.ListSurveyRevisionsResponse, error) {
	n := req.GetName()
	v, err := s.Store.SurveyNow(ctx, name.Brand(n), name.ID(n))
	if err != nil {
		return nil, resource.Explain(n, err)
	}
	var before int64
	if err := page.Decode(req, &before); err != nil {
		return nil, err
	}
	resp := &surveyv1.ListSurveyRevisionsResponse{}
	if before == 0 { // the first page begins with the survey as it is
		resp.Surveys, before = append(resp.Surveys, toSurvey(v)), v.Revision
	}
	rows, err := s.Store.RevisionsBefore(ctx, v, before, page.Size(req)+1)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		resp.Surveys = append(resp.Surveys, toSurvey(row))
	}
	if fit := page.Fit(req, resp.Surveys); fit < len(resp.Surveys) {
		resp.Surveys = resp.Surveys[:fit]
		resp.NextPageToken, err = page.Encode(req, resp.Surveys[fit-1].GetRevision())
	}
	return resp, err
}
