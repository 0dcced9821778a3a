package api

import (
	"cmp"
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// CreateTicket implements TicketService.
func (s *Server) CreateTicket(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	d, err := newDraft(ctx, req)
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.DB, d.Brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		t, err := s.open(tx, d)
		if err != nil {
			return nil, err
		}
		return ticketProto(t), nil
	})
}

// A draft is a ticket that is to be opened, as far as the request itself says.
type draft struct {
	store.Ticket
	fresh   bool   // nobody else can have its id
	partner string // the only one whose tickets the caller sees; empty for all
}

func newDraft(ctx context.Context, req *ticketv1.CreateTicketRequest) (draft, error) {
	t, err := newTicket(req, resource.Now())
	if err != nil {
		return draft{}, err
	}
	o := t.Owner()
	err = bind(ctx, &o)
	own(&t, o)
	return draft{t, req.GetTicketId() == "", partnerOf(ctx)}, err
}

// open completes a ticket and adds it. A refusal leaves nothing behind.
func (s *Server) open(tx *sqldb.Tx, d draft) (store.Ticket, error) {
	t := d.Ticket
	if !d.fresh {
		taken, err := store.Digests(tx, t.Brand, []string{t.ID})
		if err != nil || len(taken) > 0 {
			return t, cmp.Or(err, fault.Exists(ticketName(t.Brand, t.ID)))
		}
	}
	if err := s.prepare(tx, &t, d.partner); err != nil {
		return t, err
	}
	if err := store.AddTicket(tx, t, d.fresh); err != nil {
		return t, explain(ticketName(t.Brand, t.ID), err)
	}
	stale(tx, store.Ticket{}, t)
	s.Outbox.Emit(tx, ticketCreated(t))
	return t, s.slaOpened(tx, t)
}

// prepare gives a new ticket what follows from what it refers to, for a caller who
// sees only the tickets of a partner, if one is given. It writes nothing.
func (s *Server) prepare(tx *sqldb.Tx, t *store.Ticket, partner string) error {
	if err := s.Tombstones.Refuse(t.Brand, t.Customer); err != nil {
		return err
	}
	if t.IssueType != "" {
		if err := typed(tx, t, t.RedressSteps == nil); err != nil {
			return err
		}
	}
	complete(t)
	o, err := known(tx, t.Brand, partner, t.Owner())
	if err != nil {
		return err
	}
	own(t, o)
	if err := followed(tx, *t, partner); err != nil {
		return err
	}
	return s.choose(tx, t)
}

// typed gives t the kind of its issue type and, where it says none, its stage, phase
// and priority, and its procedure if asked to.
func typed(tx *sqldb.Tx, t *store.Ticket, procedure bool) error {
	i, err := store.IssueTypes.Get(tx, t.Brand, t.IssueType)
	if err != nil {
		return explain(ref(t.Brand, "issueTypes", t.IssueType), err)
	}
	t.IssueKind = i.IssueKind
	for _, f := range []struct {
		to   *int32
		from int32
	}{{&t.Stage, i.Stage}, {&t.Phase, i.Phase}, {&t.Priority, i.Priority}} {
		if *f.to == 0 {
			*f.to = f.from
		}
	}
	if !procedure {
		return nil
	}
	for _, p := range i.RedressSteps {
		step := store.RedressStep{Title: p.Title}
		if p.DueAfter != nil {
			step.Due = sqldb.Micros(t.OpenTime.Add(*p.DueAfter))
		}
		t.RedressSteps = append(t.RedressSteps, step)
	}
	return nil
}

// followed refuses a ticket that takes up one which is not there, another customer's or,
// if a partner is given, another partner's.
func followed(tx *sqldb.Tx, t store.Ticket, partner string) error {
	if t.FollowUpOf == "" {
		return nil
	}
	old, err := store.ReadTicket(tx, t.Brand, t.FollowUpOf)
	if err == nil && (old.Customer != t.Customer || partner != "" && old.Partner != partner) {
		err = store.ErrNotFound
	}
	return explain(ref(t.Brand, "tickets", t.FollowUpOf), err)
}

// GetTicket implements TicketService.
func (s *Server) GetTicket(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	t, err := s.ticket(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return ticketProto(t), nil
}
