package api

import (
	"context"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// SubmitResponse implements ResponseService.
//
// A response to an invitation takes over its customer and, where it is not
// attributed to a touchpoint, an interaction or another ticket, its interaction.
func (s *Server) SubmitResponse(ctx context.Context, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, error) {
	survey, err := s.active(ctx, req.GetResponse().GetSurvey())
	if err != nil {
		return nil, err
	}
	r, err := s.response(ctx, req, survey)
	if err != nil {
		return nil, err
	}
	answer, event := toResponse(r), submitted(survey, r) // made before the one writer waits for them
	answer, err = once.Do(ctx, s.DB, r.Brand, req, func(tx *sqldb.Tx) (*surveyv1.Response, error) {
		if err := s.Store.AddResponse(tx, r); err != nil {
			return nil, err
		}
		s.Outbox.Emit(tx, event)
		return answer, nil
	})
	if sqldb.Unique(err) {
		return nil, s.taken(ctx, r)
	}
	return answer, err
}

// GetResponse implements ResponseService.
func (s *Server) GetResponse(ctx context.Context, req *surveyv1.GetResponseRequest) (*surveyv1.Response, error) {
	r, err := s.Store.Response(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if err != nil {
		return nil, explain(req.GetName(), err)
	}
	return toResponse(r), nil
}

// ListResponses implements ResponseService.
func (s *Server) ListResponses(ctx context.Context, req *surveyv1.ListResponsesRequest) (*surveyv1.ListResponsesResponse, error) {
	brand, size := name.ID(req.GetParent()), page.Size(req)
	f := store.Filter{Brand: brand, Customer: within(brand, req.GetCustomer()), Limit: size + 1}
	if req.GetSurvey() != "" {
		f.Survey = name.ID(req.GetSurvey())
	}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Responses(ctx, f)
	if err != nil {
		return nil, err
	}
	answer := &surveyv1.ListResponsesResponse{}
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		answer.NextPageToken, err = page.Encode(req, store.Cursor{SubmitTime: sqldb.Micros(last.SubmitTime), ID: last.ID})
		if err != nil {
			return nil, err
		}
	}
	for _, r := range rows {
		answer.Responses = append(answer.Responses, toResponse(r))
	}
	return answer, nil
}

// response checks what req says against its survey and invitation and returns
// the row to store.
func (s *Server) response(ctx context.Context, req *surveyv1.SubmitResponseRequest, survey store.Survey) (store.Response, error) {
	p, now := req.GetResponse(), s.now()
	r := fromResponse(survey, p)
	r.ID, r.CreateTime = req.GetResponseId(), now
	if r.ID == "" {
		r.ID = name.NewID()
	}
	var err error
	if r.SubmitTime, err = moment("response.submit_time", p.GetSubmitTime(), now); err != nil {
		return store.Response{}, err
	}
	answers, wrong := answers(survey, p.GetAnswers())
	if len(wrong) > 0 {
		return store.Response{}, fault.Invalid(wrong...)
	}
	r.Answers = answers
	if p.GetInvitation() != "" {
		if r, err = s.invited(ctx, p, r); err != nil {
			return store.Response{}, err
		}
	}
	if wrong := strangers(r, p); len(wrong) > 0 {
		return store.Response{}, fault.Invalid(wrong...)
	}
	return r, nil
}

// invited checks r against the invitation it answers and takes over what the
// invitation knows. Whether it has been answered before only the write can tell.
func (s *Server) invited(ctx context.Context, p *surveyv1.Response, r store.Response) (store.Response, error) {
	invitation := fault.Field{Path: "response.invitation", Reason: "NOT_INVITED"}
	if name.Parent(p.GetInvitation()) != p.GetSurvey() {
		invitation.Description = "must be of the response's survey"
		return store.Response{}, fault.Invalid(invitation)
	}
	v, err := s.Store.Invitation(ctx, r.Brand, r.Survey, name.ID(p.GetInvitation()))
	if err != nil {
		return store.Response{}, explain(p.GetInvitation(), err)
	}
	if v.Decision != int32(surveyv1.Invitation_DECISION_SENT) {
		invitation.Description = "was not sent"
		return store.Response{}, fault.Invalid(invitation)
	}
	if r.Customer != "" && r.Customer != v.Customer {
		return store.Response{}, fault.Invalid(fault.Field{
			Path: "response.customer", Reason: "NOT_INVITED", Description: "must be the customer who was invited",
		})
	}
	if p.GetSubmitTime() != nil && r.SubmitTime.Before(v.DecideTime) {
		return store.Response{}, fault.Invalid(fault.Field{
			Path: "response.submit_time", Reason: "BEFORE_INVITATION", Description: "must not be before the invitation",
		})
	}
	r.Customer = v.Customer
	ticket := name.Parent(v.Interaction)
	if v.Interaction != "" && r.Interaction == "" && r.Touchpoint == "" && (r.Ticket == "" || r.Ticket == ticket) {
		r.Ticket, r.Interaction = ticket, v.Interaction
	}
	return r, nil
}

// taken says which of the things that only one response can have r wanted.
func (s *Server) taken(ctx context.Context, r store.Response) error {
	used, err := s.Store.HasResponse(ctx, r.Brand, r.ID)
	if err != nil {
		return err
	}
	if used || r.Invitation == "" {
		return fault.Exists(responseName(r.Brand, r.ID))
	}
	invitation := invitationName(r.Brand, r.Survey, r.Invitation)
	return fault.Precondition("ALREADY_ANSWERED", invitation, "%s has been answered", invitation)
}

func responseName(brand, id string) string { return name.Join("brands", brand, "responses", id) }

func invitationName(brand, survey, id string) string {
	return name.Join("brands", brand, "surveys", survey, "invitations", id)
}
