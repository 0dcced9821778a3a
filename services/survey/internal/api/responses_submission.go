package api

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A submission is a response on its way into the store, as far as the request and what
// does not change say.
type submission struct {
	server     *Server
	survey     store.Survey     // in the revision that is answered
	invitation store.Invitation // as it was read; zero for none
	at         time.Time        // as of which it comes in time or late

	chosen, token, supersede, imported bool // what the caller chose is the id

	made // before the one writer waits for it, unless the store knows better
}

// A made response is one with all that is said of it.
type made struct {
	response store.Response
	answer   *surveyv1.Response
	event    *eventv1.Event
}

func (b *submission) make(r store.Response) made {
	return made{r, toResponse(r), submitted(b.survey, r)}
}

// submission checks what req says against its survey and invitation. Where that is fine, the
// submission is to be completed.
func (s *Server) submission(ctx context.Context, req *surveyv1.SubmitResponseRequest) (submission, error) {
	b := submission{server: s, chosen: req.GetResponseId() != "", token: req.GetToken() != "", supersede: req.GetSupersede()}
	return b, b.prepare(ctx, req)
}

func (b *submission) prepare(ctx context.Context, req *surveyv1.SubmitResponseRequest) error {
	if err := distinct(req.GetResponse().GetAnswers()); err != nil {
		return err
	}
	now := b.server.now()
	caller, _ := rpc.CallerFrom(ctx)
	public := caller.Anonymous && !b.token
	if public {
		if err := b.server.public.admit(rpc.Address(ctx), now); err != nil {
			return err
		}
	}
	if err := b.redeem(ctx, req, caller.Anonymous); err != nil {
		return err
	}
	if err := b.ask(ctx, req.GetResponse(), caller.Anonymous); err != nil {
		return err
	}
	wrong := b.misused(req)
	if caller.Anonymous {
		wrong = append(wrong, presumed(req.GetResponse(), public, now)...)
	}
	if len(wrong) > 0 {
		return fault.Invalid(wrong...)
	}
	r, err := b.respond(req, now)
	if err != nil {
		return err
	}
	if b.at = r.SubmitTime; caller.Anonymous || b.token {
		b.at = later(b.at, now) // nobody vouches for what the customer's device says
	}
	if b.response = r; public {
		return b.server.public.take(r.Brand, now)
	}
	return nil
}

// complete makes the response, with what is known of the interaction that it names.
func (b *submission) complete(known map[string]store.Ended) error {
	r := b.response
	if e, ok := known[r.Interaction]; ok && r.Invitation == "" {
		if r.Customer != "" && e.Customer != "" && r.Customer != e.Customer {
			return otherCustomer("response.customer")
		}
		r.Customer, r.Attribution = cmp.Or(e.Customer, r.Customer), prevailing(e.Attribution, r.Attribution)
	}
	if b.survey.Anonymous {
		r = b.unlinked(r)
	}
	b.made = b.make(r)
	return nil
}

// complete completes those of a brand's submissions that are fine so far, with one look for
// the interactions that they name without an invitation.
func (s *Server) complete(ctx context.Context, brand string, all ...*batched) error {
	var names []string
	for _, b := range all {
		if r := &b.response; b.err == nil && r.Interaction != "" && r.Invitation == "" {
			names = append(names, r.Interaction)
		}
	}
	known, err := s.Store.Ended(ctx, brand, names)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.err == nil {
			b.err = b.complete(known)
		}
	}
	return nil
}

// redeem reads the invitation that is answered, if any. One who brings its token but
// no credential must have seen the form.
func (b *submission) redeem(ctx context.Context, req *surveyv1.SubmitResponseRequest, stranger bool) (err error) {
	s, p, brand := b.server, req.GetResponse(), name.ID(req.GetParent())
	if !b.token {
		survey := name.Parent(p.GetInvitation())
		switch {
		case p.GetInvitation() == "":
			return nil
		case stranger:
			return tokenRequired(survey)
		}
		b.invitation, err = s.Store.Invitation(ctx, brand, name.ID(survey), name.ID(p.GetInvitation()))
		return resource.Explain(p.GetInvitation(), err)
	}
	if b.invitation, err = s.redeem(ctx, brand, req.GetToken()); err != nil {
		return err
	}
	invitation := invitationName(brand, b.invitation.Survey, b.invitation.ID)
	if p.GetSurvey() != "" && p.GetSurvey() != name.Parent(invitation) || p.GetInvitation() != "" && p.GetInvitation() != invitation {
		return unknownToken()
	}
	if (stranger || req.GetNonce() != "") && !s.checkNonce(req.GetToken(), req.GetNonce()) {
		return fault.Precondition("NONCE_REQUIRED", invitation, "the answer must bring the nonce of a form of the last 24 hours")
	}
	return nil
}

// ask reads the survey in the revision that is answered, if the caller may answer it.
func (b *submission) ask(ctx context.Context, p *surveyv1.Response, stranger bool) (err error) {
	s, survey, revision := b.server, p.GetSurvey(), p.GetSurveyRevision()
	if v := b.invitation; v.ID != "" {
		invited := surveyName(v.Brand, v.Survey)
		if survey != "" && survey != invited {
			return notInvited("must be of the response's survey")
		}
		survey, revision = invited, v.SurveyRevision
	}
	if survey == "" {
		return fault.Invalid(fault.Field{Path: "response.survey", Reason: "REQUIRED", Description: "must be set where there is no invitation"})
	}
	b.survey, err = s.Store.Survey(ctx, name.Brand(survey), name.ID(survey))
	if err != nil {
		return resource.Explain(survey, err)
	}
	if !b.token && !b.imported && !open(b.survey, stranger) {
		return tokenRequired(survey)
	}
	if revision == 0 || revision == b.survey.Revision {
		return nil
	}
	asked, err := s.Store.SurveyRevision(ctx, b.survey.Brand, b.survey.ID, revision)
	if resource.Explain(survey, err) != err { //nolint:errorlint // it was explained
		return fault.Invalid(fault.Field{
			Path: "response.survey_revision", Reason: "UNKNOWN_REVISION", Description: "must be a revision of the survey",
		})
	}
	b.survey = asked
	return err
}

// open reports whether a survey can be answered without a token.
func open(v store.Survey, stranger bool) bool {
	switch v.Audience {
	case int32(surveyv1.Survey_AUDIENCE_PUBLIC):
		return true
	case int32(surveyv1.Survey_AUDIENCE_INVITED):
		return false
	}
	return !stranger
}

// misused reports what does not go with the kind of submission.
func (b *submission) misused(req *surveyv1.SubmitResponseRequest) (wrong []fault.Field) {
	refuse := func(path, description string) {
		wrong = append(wrong, fault.Field{Path: path, Reason: "NOT_APPLICABLE", Description: description})
	}
	for path, set := range map[string]bool{"partial": req.GetPartial(), "supersede": b.supersede} {
		switch {
		case set && b.invitation.ID == "":
			refuse(path, "must be given with an invitation only")
		case set && b.survey.Anonymous:
			refuse(path, "must not be set for an anonymous survey, whose answers are found by nobody")
		}
	}
	if req.GetPartial() && b.supersede {
		refuse("partial", "must not be set along with supersede")
	}
	if v := b.invitation; v.ID != "" && v.Decision != int32(surveyv1.Invitation_DECISION_SENT) {
		wrong = append(wrong, fault.Field{Path: "response.invitation", Reason: "NOT_INVITED", Description: "was not sent"})
	}
	return wrong
}

// presumed reports what only callers with a credential may say: in public, nobody
// speaks for a customer or of another time, and with a token for what it is about.
func presumed(p *surveyv1.Response, public bool, now time.Time) (wrong []fault.Field) {
	ahead := p.GetSubmitTime().AsTime().After(now)
	refuse := func(path string, given bool) {
		if given {
			wrong = append(wrong, fault.Field{Path: path, Reason: "NOT_TRUSTED", Description: "must not be given without a credential"})
		}
	}
	refuse("response.customer", public && p.GetCustomer() != "")
	refuse("response.submit_time", (public || ahead) && p.GetSubmitTime() != nil)
	a := p.GetAttribution()
	refuse("response.attribution.ticket", a.GetTicket() != "")
	refuse("response.attribution.interaction", a.GetInteraction() != "")
	refuse("response.attribution.agent", a.GetAgent() != "")
	refuse("response.attribution.team", a.GetTeam() != "")
	refuse("response.attribution.partner", a.GetPartner() != "")
	return wrong
}

// respond makes the response.
func (b *submission) respond(req *surveyv1.SubmitResponseRequest, now time.Time) (r store.Response, err error) {
	p := req.GetResponse()
	r = fromResponse(b.survey, p)
	r.ID, r.CreateTime = req.GetResponseId(), now
	if r.ID == "" {
		r.ID = name.NewID()
	}
	if req.GetPartial() {
		r.State = store.ResponsePartial
	}
	if r.SubmitTime, err = moment("response.submit_time", p.GetSubmitTime(), now); err != nil {
		return r, err
	}
	c := checker{survey: b.survey, path: "response.answers", partial: req.GetPartial()}
	if r.Answers = c.answers(p.GetAnswers()); len(c.wrong) > 0 {
		return r, fault.Invalid(c.wrong...)
	}
	if b.invitation.ID != "" {
		if r, err = b.inherit(r, p); err != nil {
			return r, err
		}
	}
	if wrong := strangers(r, p); len(wrong) > 0 {
		return r, fault.Invalid(wrong...)
	}
	return r, nil
}

// inherit gives r what the invitation knows.
func (b *submission) inherit(r store.Response, p *surveyv1.Response) (store.Response, error) {
	v := b.invitation
	if r.Customer != "" && r.Customer != v.Customer {
		if b.token {
			return r, &fault.Error{
				Code: codes.PermissionDenied, Reason: "OTHER_CUSTOMER", Message: "the token is for another customer",
			}
		}
		return r, fault.Invalid(fault.Field{
			Path: "response.customer", Reason: "NOT_INVITED", Description: "must be the customer who was invited",
		})
	}
	switch {
	case p.GetSubmitTime() == nil || !r.SubmitTime.Before(v.DecideTime):
	case b.token && !r.SubmitTime.Before(v.DecideTime.Add(-fault.Lead)): // the device's clock is behind
		r.SubmitTime = v.DecideTime
	default:
		return r, fault.Invalid(fault.Field{
			Path: "response.submit_time", Reason: "BEFORE_INVITATION", Description: "must not be before the invitation",
		})
	}
	r.Customer, r.Invitation, r.Attribution = v.Customer, v.ID, inherited(v, r.Attribution)
	if r.Language == "" {
		r.Language = v.Language
	}
	return r, nil
}

// inherited returns what an answer to v belongs to: what the invitation knows, and what
// the caller says of the rest. Who says which touchpoint it is means that and not the
// interaction.
func inherited(v store.Invitation, said store.Attribution) store.Attribution {
	known := v.Attribution
	if known.Interaction = v.Interaction; known.Ticket == "" {
		known.Ticket = name.Parent(v.Interaction)
	}
	if said.Touchpoint != "" && known.Touchpoint == "" {
		known.Interaction = ""
	}
	if known.Ticket != "" && name.Parent(said.Interaction) != known.Ticket {
		said.Interaction = ""
	}
	return prevailing(known, said)
}

// prevailing returns what is known, and what the caller says of the rest.
func prevailing(known, said store.Attribution) store.Attribution {
	return store.Attribution{
		Ticket: cmp.Or(known.Ticket, said.Ticket), Interaction: cmp.Or(known.Interaction, said.Interaction),
		Touchpoint: cmp.Or(known.Touchpoint, said.Touchpoint), Agent: cmp.Or(known.Agent, said.Agent),
		Team: cmp.Or(known.Team, said.Team), Partner: cmp.Or(known.Partner, said.Partner),
		Channel: cmp.Or(known.Channel, said.Channel), Stage: cmp.Or(known.Stage, said.Stage), Phase: cmp.Or(known.Phase, said.Phase),
	}
}

// unlinked returns r without all that would lead back to the customer. Times within the
// day, and an id that tells the time, are among it.
func (b *submission) unlinked(r store.Response) store.Response {
	const day = 24 * time.Hour
	r.Customer, r.Invitation, r.Ticket, r.Interaction, r.Touchpoint, r.Agent = "", "", "", "", "", ""
	for i := range r.Answers {
		r.Answers[i].Touchpoint = ""
	}
	r.SubmitTime, r.CreateTime = r.SubmitTime.Truncate(day), r.CreateTime.Truncate(day)
	if !b.chosen {
		r.ID = uuid.NewString()
	}
	return r
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func notInvited(description string) error {
	return fault.Invalid(fault.Field{Path: "response.invitation", Reason: "NOT_INVITED", Description: description})
}

func unknownToken() error {
	return &fault.Error{Code: codes.NotFound, Reason: "TOKEN_UNKNOWN", Message: "the token is of no invitation"}
}

func tokenRequired(survey string) error {
	return &fault.Error{
		Code: codes.Unauthenticated, Reason: "TOKEN_REQUIRED", Message: survey + " is answered with the token of an invitation",
		Metadata: map[string]string{"name": survey},
	}
}
