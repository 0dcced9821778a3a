package api

import (
	"cmp"
	"context"
	"errors"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// maxInteractions is how many interactions a ticket takes.
const maxInteractions = 10_000

// CreateInteraction implements InteractionService. An interaction may begin before its
// ticket was opened, as histories have it; such a response is left out of the response
// times.
//
// The answer that is remembered for the request_id leaves out the words, which a
// repeat brings along: so what is redacted is gone.
func (s *Server) CreateInteraction(ctx context.Context, req *ticketv1.CreateInteractionRequest) (*ticketv1.Interaction, error) {
	now := resource.Now()
	in, err := newInteraction(req, now)
	if err != nil {
		return nil, err
	}
	r := recording{Interaction: in, fresh: req.GetInteractionId() == "", partner: partnerOf(ctx), now: now}
	answer, err := once.Do(ctx, s.DB, in.Brand, req, func(tx *sqldb.Tx) (*ticketv1.Interaction, error) {
		i, err := s.record(tx, r)
		if err != nil {
			return nil, err
		}
		i.Text, i.Attributes = "", nil
		return interactionProto(i), nil
	})
	if err != nil {
		return nil, err
	}
	answer.Text, answer.Attributes = in.Text, in.Attributes
	return answer, nil
}

// A recording is an interaction that is to be stored.
type recording struct {
	store.Interaction
	fresh   bool   // nobody else can have its id
	partner string // the only one whose tickets the caller sees; empty for all
	now     time.Time
}

// record stores an interaction on its ticket, on the one that took that in, or on a new
// one that follows it up, and moves that ticket.
func (s *Server) record(tx *sqldb.Tx, r recording) (store.Interaction, error) {
	o, err := known(tx, r.Brand, r.partner, store.Owner{Agent: r.Agent, Team: r.Team, Partner: r.Partner})
	if err != nil {
		return r.Interaction, err
	}
	if r.Act.Direction != lifecycle.Inbound {
		o.Partner = cmp.Or(o.Partner, r.partner)
	}
	r.Agent, r.Team, r.Partner = o.Agent, o.Team, o.Partner
	for {
		var meant store.Ticket
		m := move{brand: r.Brand, id: r.Ticket, partner: r.partner, at: r.Act.Start, now: r.now}
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			meant = t
			if err := gone(t); err != nil {
				return t, nil, err
			}
			return r.take(tx, t)
		})
		if err == nil {
			return s.said(tx, before, after, r)
		}
		e, final := errors.AsType[*lifecycle.Illegal](err)
		switch {
		case final && e.From == lifecycle.Merged && meant.MergedInto != "":
			r.Ticket = meant.MergedInto
		case final && e.From == lifecycle.Closed && r.Act.Direction == lifecycle.Inbound:
			if r.Ticket, err = s.followUp(tx, meant, r); err != nil {
				return r.Interaction, err
			}
		default:
			return r.Interaction, explain(ticketName(m.brand, m.id), err)
		}
	}
}

// take is the rule of an interaction.
func (r recording) take(tx *sqldb.Tx, t store.Ticket) (store.Ticket, []store.Event, error) {
	status, err := t.Status.Act(r.Act)
	if err != nil {
		return t, nil, err
	}
	if t.Counts.Interactions >= maxInteractions {
		n := ticketName(t.Brand, t.ID)
		return t, nil, fault.Precondition("TOO_MANY_INTERACTIONS", n, "%s has %d interactions and takes no more", n, maxInteractions)
	}
	before := t
	t.Status = status
	t.Counts = t.Counts.Add(r.Act, r.Agent, r.CostMicros, before.Status, status)
	if status.MovedResponse(before.Status) && before.Counts.Interactions > 0 {
		if t.Counts.InboundAfter, err = store.InboundAfter(tx, t.Brand, t.ID, status.FirstResponse); err != nil {
			return t, nil, err
		}
	}
	return t, nil, nil
}

// said stores the interaction that has moved a ticket and tells the others.
func (s *Server) said(tx *sqldb.Tx, before, after store.Ticket, r recording) (store.Interaction, error) {
	i := r.Interaction
	if i.Channel == 0 {
		i.Channel = after.Channel
	}
	i.From, i.To, i.Number = before.Status.State, after.Status.State, after.Version
	if err := store.AddInteraction(tx, i, r.fresh); err != nil {
		return i, explain(interactionName(i), err)
	}
	s.Outbox.Emit(tx, interactionCreated(after, i))
	switch {
	case after.Status.ReopenCount > before.Status.ReopenCount:
		s.Outbox.Emit(tx, ticketReopened(after, i.Act.Start))
	case before.Status.State == lifecycle.Pending && after.Status.State == lifecycle.Open:
		s.Outbox.Emit(tx, stateChanged(before, after, i.Act.Start))
	}
	return i, s.moved(tx, before, after)
}

// followUp returns the ticket on which a settled one is taken up again: the one on which
// it already is, as long as that is not settled as well, or a new one. What the catalog has
// lost since is no reason to turn the customer away: the kind of issue stays.
func (s *Server) followUp(tx *sqldb.Tx, old store.Ticket, r recording) (string, error) {
	known, err := store.FollowUp(tx, old, r.partner)
	if err != nil || known != "" {
		return known, err
	}
	t := store.Ticket{
		Brand: old.Brand, ID: name.NewID(), Customer: old.Customer, Subject: old.Subject,
		IssueKind: old.IssueKind, IssueType: old.IssueType, Stage: old.Stage, Phase: old.Phase,
		Channel: r.Channel, Handling: int32(typev1.Handling_HANDLING_AGENT), Origin: int32(typev1.Origin_ORIGIN_INBOUND),
		Partner: r.partner, OpenTime: r.Act.Start, Status: lifecycle.Status{State: lifecycle.New},
		CreateTime: r.now, UpdateTime: r.now, Version: 1, FollowUpOf: old.ID,
	}
	if t.Channel == 0 {
		t.Channel = old.Channel
	}
	if t.IssueType != "" {
		_, err := store.IssueTypes.Get(tx, t.Brand, t.IssueType)
		switch {
		case errors.Is(err, store.ErrNotFound):
			t.IssueType = ""
		case err != nil:
			return "", err
		}
	}
	t, err = s.open(tx, draft{Ticket: t, fresh: true, partner: r.partner})
	return t.ID, err
}

// GetInteraction implements InteractionService.
func (s *Server) GetInteraction(ctx context.Context, req *ticketv1.GetInteractionRequest) (*ticketv1.Interaction, error) {
	n := req.GetName()
	if err := s.visible(ctx, name.Parent(n), n); err != nil {
		return nil, err
	}
	i, err := s.Store.Interaction(ctx, name.Brand(n), name.ID(name.Parent(n)), name.ID(n))
	if err != nil {
		return nil, explain(n, err)
	}
	return interactionProto(i), nil
}

// visible refuses a caller bound to a partner what belongs to a ticket that is not the
// partner's.
func (s *Server) visible(ctx context.Context, ticket, n string) error {
	if partnerOf(ctx) == "" {
		return nil
	}
	if _, err := s.ticket(ctx, ticket); err != nil {
		return fault.NotFound(n)
	}
	return nil
}

// ListInteractions implements InteractionService.
func (s *Server) ListInteractions(ctx context.Context, req *ticketv1.ListInteractionsRequest) (*ticketv1.ListInteractionsResponse, error) {
	f := store.InteractionFilter{Brand: name.Brand(req.GetParent()), Ticket: name.ID(req.GetParent()), Limit: page.Size(req) + 1}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	if err := s.visible(ctx, req.GetParent(), req.GetParent()); err != nil {
		return nil, err
	}
	rows, err := s.Store.Interactions(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 { // of a ticket without interactions, or of no ticket?
		if _, err := s.Store.Ticket(ctx, f.Brand, f.Ticket); err != nil {
			return nil, explain(req.GetParent(), err)
		}
	}
	resp := &ticketv1.ListInteractionsResponse{}
	for _, i := range rows {
		resp.Interactions = append(resp.Interactions, interactionProto(i))
	}
	if n := page.Fit(req, resp.Interactions); n < len(rows) {
		resp.Interactions = resp.Interactions[:n]
		last := rows[n-1]
		resp.NextPageToken, err = page.Encode(req, store.Cursor{Time: sqldb.Micros(last.Act.Start), ID: last.ID})
	}
	return resp, err
}
