package api

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// maxPending is how many invitations a device is shown at most.
const maxPending = 20

// invitationFields are those that decisions can be filtered by.
var invitationFields = filter.Fields{
	{Name: "customer", Kind: filter.Name, Collection: "customers", Column: "substr(customer, 11)"}, // after customers/
	{Name: "decision", Kind: filter.Enum, Enum: surveyv1.Invitation_Decision(0).Descriptor()},
	{Name: "state", Kind: filter.Enum, Enum: surveyv1.Invitation_State(0).Descriptor()},
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "origin", Kind: filter.Enum, Enum: surveyv1.Invitation_Origin(0).Descriptor()},
	{Name: "trigger_rule", Kind: filter.Name, Collection: "triggerRules"},
	{Name: "decide_time", Kind: filter.Time},
}

// CheckEligibility implements InvitationService.
func (s *Server) CheckEligibility(ctx context.Context, req *surveyv1.CheckEligibilityRequest) (*surveyv1.Invitation, error) {
	return s.invite(ctx, name.Brand(req.GetSurvey()), req, func() (survey store.Survey, v store.Invitation, err error) {
		if survey, err = s.active(ctx, req.GetSurvey()); err != nil {
			return survey, v, err
		}
		v, err = s.occurred(ctx, survey, "", req, req.GetDecideTime())
		v.ID, v.Origin = name.NewID(), int32(surveyv1.Invitation_ORIGIN_CHECK)
		return survey, v, err
	})
}

// CreateInvitation implements InvitationService.
func (s *Server) CreateInvitation(ctx context.Context, req *surveyv1.CreateInvitationRequest) (*surveyv1.Invitation, error) {
	return s.invite(ctx, name.Brand(req.GetParent()), req, func() (survey store.Survey, v store.Invitation, err error) {
		if survey, err = s.active(ctx, req.GetParent()); err != nil {
			return survey, v, err
		}
		v, err = s.occurred(ctx, survey, "invitation.", req.GetInvitation(), req.GetDecideTime())
		v.ID, v.Origin = req.GetInvitationId(), int32(surveyv1.Invitation_ORIGIN_MANUAL)
		if v.ID == "" {
			v.ID = name.NewID()
		}
		return survey, v, err
	})
}

// invite decides about what asked makes of the request and answers with the token, which
// is not part of what is remembered of the answer. A request that is wrong by now is
// answered as it was when it came before.
func (s *Server) invite(ctx context.Context, brand string, req once.Request, asked func() (store.Survey, store.Invitation, error)) (*surveyv1.Invitation, error) {
	survey, v, wrong := asked()
	if wrong != nil && (req.GetRequestId() == "" || !outdated(wrong)) {
		return nil, wrong
	}
	sampled := v.Origin != int32(surveyv1.Invitation_ORIGIN_MANUAL)
	var made store.Invitation
	answer, err := once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (_ *surveyv1.Invitation, err error) {
		if wrong != nil {
			return nil, wrong
		}
		if made, err = s.decide(tx, survey, v, sampled); err != nil {
			return nil, err
		}
		s.keep(tx, made)
		return toInvitation(made, s.now()), nil
	})
	switch {
	case errors.Is(err, errDecided):
		return nil, fault.Exists(invitationName(v.Brand, v.Survey, v.ID))
	case err != nil || req.GetValidateOnly() || answer.GetDecision() != surveyv1.Invitation_DECISION_SENT:
		return answer, err
	}
	if n := answer.GetName(); name.ID(n) != made.ID { // the answer to an earlier call
		if made, err = s.Store.Invitation(ctx, name.Brand(n), name.ID(name.Parent(n)), name.ID(n)); err != nil {
			return nil, resource.Explain(n, err)
		}
	}
	answer.Token = s.retold(made)
	return answer, nil
}

// retold returns the token of v, unless v has none or the key was another one.
func (s *Server) retold(v store.Invitation) string {
	if token := s.token(v); hashed(token) == v.TokenHash {
		return token
	}
	return ""
}

// An occurrence is what requests say about an occasion.
type occurrence interface {
	GetCustomer() string
	GetInteraction() string
	GetChannel() typev1.Channel
	GetAttribution() *surveyv1.Attribution
	GetLanguage() string
}

// occurred returns the invitation to decide on, of an occasion that the fields of a
// request under prefix describe, with what is known of the interaction that gave it.
func (s *Server) occurred(ctx context.Context, survey store.Survey, prefix string, p occurrence, decided *timestamppb.Timestamp) (store.Invitation, error) {
	at, err := moment("decide_time", decided, s.now())
	if err != nil {
		return store.Invitation{}, err
	}
	v := store.Invitation{
		Brand: survey.Brand, Survey: survey.ID, Customer: within(survey.Brand, p.GetCustomer()),
		Interaction: within(survey.Brand, p.GetInteraction()), Channel: int32(p.GetChannel()), Language: p.GetLanguage(), DecideTime: at,
	}
	about := fromAttribution(survey.Brand, p.GetAttribution())
	var wrong []fault.Field
	refuse := func(field, reason, description string) {
		wrong = append(wrong, fault.Field{Path: prefix + "attribution." + field, Reason: reason, Description: description})
	}
	if v.Interaction == "" {
		v.Interaction = about.Interaction
	}
	if about.Interaction != "" && about.Interaction != v.Interaction {
		refuse("interaction", "OTHER_INTERACTION", "must be the interaction of the invitation")
	}
	if ticket := name.Parent(v.Interaction); about.Ticket == "" {
		about.Ticket = ticket
	} else if ticket != "" && about.Ticket != ticket {
		refuse("ticket", "OTHER_TICKET", "must be the ticket of the interaction")
	}
	if about.Touchpoint != "" && !strings.HasPrefix(about.Touchpoint, v.Customer+"/") {
		refuse("touchpoint", "OTHER_CUSTOMER", "must be a touchpoint of the invitation's customer")
	}
	if len(wrong) > 0 {
		return store.Invitation{}, fault.Invalid(wrong...)
	}
	about.Interaction = ""
	v.Attribution = about
	v.Occasion = occasion(v)
	known, err := s.Store.Ended(ctx, v.Brand, named(v.Interaction))
	if e, ok := known[v.Interaction]; ok {
		if e.Customer != "" && e.Customer != v.Customer {
			return store.Invitation{}, otherCustomer(prefix + "customer")
		}
		v.Attribution = prevailing(e.Attribution, about)
		v.Attribution.Interaction = ""
	}
	return v, err
}

// named returns the name if there is one.
func named(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// otherCustomer refuses a customer who is not that of an interaction that ended.
func otherCustomer(path string) error {
	return fault.Invalid(fault.Field{Path: path, Reason: "OTHER_CUSTOMER", Description: "must be the customer of the interaction"})
}

// GetInvitation implements InvitationService.
func (s *Server) GetInvitation(ctx context.Context, req *surveyv1.GetInvitationRequest) (*surveyv1.Invitation, error) {
	survey := name.Parent(req.GetName())
	v, err := s.Store.Invitation(ctx, name.Brand(survey), name.ID(survey), name.ID(req.GetName()))
	if err != nil {
		return nil, resource.Explain(req.GetName(), err)
	}
	return toInvitation(v, s.now()), nil
}

// ListInvitations implements InvitationService.
func (s *Server) ListInvitations(ctx context.Context, req *surveyv1.ListInvitationsRequest) (*surveyv1.ListInvitationsResponse, error) {
	brand := name.Brand(req.GetParent())
	f := store.InvitationFilter{Brand: brand, Survey: name.ID(req.GetParent()), Limit: page.Size(req) + 1} // one more tells of another page
	if f.Survey == "-" {
		f.Survey = ""
	}
	picked, err := invitationFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	f.Where = picked.Where(s.DB.Postgres())
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Invitations(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && f.Survey != "" { // of a survey without invitations, or of no survey?
		if _, err := s.Store.Survey(ctx, brand, f.Survey); err != nil {
			return nil, resource.Explain(req.GetParent(), err)
		}
	}
	answer, now := &surveyv1.ListInvitationsResponse{}, s.now()
	for _, v := range rows {
		answer.Invitations = append(answer.Invitations, toInvitation(v, now))
	}
	if n := page.Fit(req, answer.GetInvitations()); n < len(rows) {
		answer.Invitations = answer.Invitations[:n]
		last := rows[n-1]
		answer.NextPageToken, err = page.Encode(req, store.InvitationCursor{DecideTime: sqldb.Micros(last.DecideTime), Survey: last.Survey, ID: last.ID})
	}
	return answer, err
}

// ListPendingInvitations implements InvitationService.
func (s *Server) ListPendingInvitations(ctx context.Context, req *surveyv1.ListPendingInvitationsRequest) (*surveyv1.ListPendingInvitationsResponse, error) {
	brand, now := name.Brand(req.GetCustomer()), s.now()
	rows, err := s.Store.PendingInvitations(ctx, brand, within(brand, req.GetCustomer()), int32(req.GetChannel()), now, maxPending)
	if err != nil {
		return nil, err
	}
	answer := &surveyv1.ListPendingInvitationsResponse{}
	for _, v := range rows {
		p := toInvitation(v, now)
		p.Token = s.retold(v)
		answer.Invitations = append(answer.Invitations, p)
	}
	return answer, nil
}
