package api

import (
	"context"
	"reflect"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A move changes a ticket by what it was before.
type move struct {
	brand, id string
	etag      string // of the version to change; empty for any
	partner   string // the only one whose tickets the caller sees; empty for all
	at        time.Time
	now       time.Time
	deleted   bool // whether it is for a deleted ticket
	edit      bool // whether it changes what callers may change, and not what moves do
}

// newMove returns a move of the named ticket at a time.
func newMove(ctx context.Context, ticket, etag string, at, now time.Time) move {
	return move{brand: name.Brand(ticket), id: name.ID(ticket), etag: etag, partner: partnerOf(ctx), at: at, now: now}
}

// partnerOf returns the only partner whose tickets the caller may see, or "".
func partnerOf(ctx context.Context) string {
	c, _ := rpc.CallerFrom(ctx)
	return c.Partner
}

// maxMoves bounds how often a move begins again because somebody else wrote the
// ticket in between.
const maxMoves = 10

// A rule returns the ticket as a move makes it, and what the log says about that. A
// move that changes nothing returns the ticket as it is and no entry.
type rule func(store.Ticket) (store.Ticket, []store.Event, error)

// run reads the ticket, applies rule and writes what has changed. It returns the
// ticket as it was and as it is. Each entry of the log makes a version.
func (m move) run(tx *sqldb.Tx, rule rule) (before, after store.Ticket, err error) {
	for range maxMoves {
		if before, err = m.read(tx); err != nil {
			return before, before, err
		}
		after, log, err := rule(before)
		if err != nil || log == nil && reflect.DeepEqual(after, before) {
			return before, before, err
		}
		after.Version, after.UpdateTime = before.Version+max(1, int64(len(log))), m.now
		written, err := m.write(tx, before, after)
		if err != nil {
			return before, before, err
		}
		if written {
			m.record(tx, before, after, log)
			return before, after, nil
		}
	}
	return before, before, fault.Stale(ticketName(m.brand, m.id))
}

func (m move) write(tx *sqldb.Tx, before, after store.Ticket) (bool, error) {
	if m.edit {
		return store.Edit(tx, before, after)
	}
	return store.Move(tx, before, after, m.at)
}

// read returns the ticket, if the caller may see it and the move is for one like it.
func (m move) read(tx *sqldb.Tx) (store.Ticket, error) {
	t, err := store.ReadTicket(tx, m.brand, m.id)
	n := ticketName(m.brand, m.id)
	switch {
	case err != nil:
		return t, explain(n, err)
	case m.partner != "" && t.Partner != m.partner:
		return t, fault.NotFound(n)
	case resource.Version(m.etag) != 0 && resource.Version(m.etag) != t.Version:
		return t, fault.Stale(n)
	case !t.DeleteTime.IsZero() && !m.deleted:
		return t, fault.Precondition("DELETED", n, "%s is deleted; undelete it first", n)
	case t.DeleteTime.IsZero() && m.deleted:
		return t, fault.Precondition("NOT_DELETED", n, "%s is not deleted", n)
	}
	return t, nil
}

// record adds entries to the log.
func (m move) record(tx *sqldb.Tx, before, after store.Ticket, log []store.Event) {
	for i, e := range log {
		e.Brand, e.Ticket, e.Number, e.RecordTime = m.brand, m.id, before.Version+1+int64(i), m.now
		e.From, e.To = before.Status.State, after.Status.State
		if privacy.Pseudonym(after.Customer) {
			e.Reason = ""
		}
		if e.Time.IsZero() {
			e.Time = m.at
		}
		store.AddEvent(tx, e)
	}
}

// moved brings up to date what follows from a ticket whose log has grown.
func (s *Server) moved(tx *sqldb.Tx, before, after store.Ticket) error {
	stale(tx, before, after)
	return s.slaMoved(tx, before, after)
}

// ticket returns the named ticket, if the caller may see it.
func (s *Server) ticket(ctx context.Context, n string) (store.Ticket, error) {
	t, err := s.Store.Ticket(ctx, name.Brand(n), name.ID(n))
	if err != nil {
		return t, explain(n, err)
	}
	if partner := partnerOf(ctx); partner != "" && t.Partner != partner {
		return t, fault.NotFound(n)
	}
	return t, nil
}
