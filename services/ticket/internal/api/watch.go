package api

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// watchRows is how many tickets a watch reads at a time.
const watchRows = 200

// WatchTickets implements TicketService.
func (s *Server) WatchTickets(req *ticketv1.WatchTicketsRequest, stream grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]) error {
	b := &board{server: s, stream: stream}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = b.begin(req); return err })
	if err != nil {
		return err
	}
	return s.Hub.Watch(stream.Context(), watch.Request{
		Brand: b.lookup.brand, From: from, Send: b.send,
		Match: func(e *eventv1.Event) bool { return changed(e) != "" },
	})
}

// A board is what one watcher of tickets has before its eyes.
type board struct {
	server *Server
	stream grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	lookup lookup // about any tickets
	sight  watch.Sight
}

// begin prepares b for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (b *board) begin(req *ticketv1.WatchTicketsRequest) (from watch.Position, err error) {
	ctx := b.stream.Context()
	b.lookup = lookup{brand: name.Brand(req.GetParent()), filter: req.GetFilter(), partner: partnerOf(ctx)}
	picked, err := ticketFields.Parse(b.lookup.filter, b.lookup.brand)
	if err != nil {
		return "", err
	}
	if b.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	b.where, b.token = picked.Where(b.server.DB.Postgres()), req.GetResumeToken()
	if b.token != "" {
		return b.tokens.Decode(b.token)
	}
	from = b.server.Hub.Now()
	return from, b.snapshot(ctx, from)
}

// snapshot sends the tickets as they are, and the token for what happens after from.
func (b *board) snapshot(ctx context.Context, from watch.Position) error {
	b.sight.Whole = true
	after := ""
	for {
		rows, err := b.server.Store.Tickets(ctx, store.TicketFilter{
			Brand: b.lookup.brand, Partner: b.lookup.partner, By: "id", Limit: watchRows,
			Where: []filter.Clause{b.where, {Text: "id > ?", Args: []any{after}}},
		})
		if err != nil {
			return err
		}
		for _, t := range rows {
			b.see(t.ID)
			if err := b.say(ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT, ticketProto(t), ""); err != nil {
				return err
			}
		}
		if len(rows) < watchRows {
			b.token = b.tokens.Encode(from)
			return b.say(ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT_COMPLETE, nil, b.token)
		}
		after = rows[len(rows)-1].ID
	}
}

// send tells the watcher how the tickets are that a batch is about.
func (b *board) send(batch watch.Batch) (news bool, err error) {
	token := b.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		b.token = token
		return false, b.say(ticketv1.WatchTicketsResponse_CHANGE_HEARTBEAT, nil, token)
	}
	ids := distinct(batch.Events)
	for some := range slices.Chunk(ids, watchRows) {
		a, err := b.server.lookups.Ask(b.stream.Context(), b.lookup, batch.Shared(len(ids)), func(ctx context.Context) (found, error) {
			return b.read(ctx, some)
		})
		if err != nil {
			return news, err
		}
		messages := b.messages(some, a)
		for i, m := range messages {
			if i == len(messages)-1 && some[len(some)-1] == ids[len(ids)-1] {
				b.token = token // the others are not the last of the batch
			}
			m.ResumeToken = b.token
			if err := b.stream.SendMsg(a.ready.or(m)); err != nil {
				return news, err
			}
			news = true
		}
	}
	return news, nil
}

// read returns what there is to say about tickets that may have changed.
func (b *board) read(ctx context.Context, ids []string) (found, error) {
	q := b.lookup
	rows, err := b.server.Store.Tickets(ctx, store.TicketFilter{
		Brand: q.brand, Partner: q.partner, IDs: ids, By: "id", Limit: len(ids), Where: []filter.Clause{b.where},
	})
	if err != nil {
		return found{}, err
	}
	a := found{tickets: make(map[string]*ticketv1.Ticket, len(rows)), ready: &ready{}}
	for _, t := range rows {
		a.tickets[t.ID] = ticketProto(t)
	}
	if q.partner == "" || len(rows) == len(ids) {
		return a, nil
	}
	rows, err = b.server.Store.Tickets(ctx, store.TicketFilter{
		Brand: q.brand, Deleted: true, IDs: ids, By: "id", Limit: len(ids),
		Where: []filter.Clause{{Text: everOf, Args: []any{q.partner, q.partner}}},
	})
	a.known = make(map[string]bool, len(rows))
	for _, t := range rows {
		a.known[t.ID] = true
	}
	return a, err
}

// everOf is the SQL for the tickets that are or were of a partner: it may hear that
// they are gone.
const everOf = `partner = ? OR EXISTS (SELECT 1 FROM ticket_event e
	WHERE e.brand = ticket.brand AND e.ticket = ticket.id AND e.partner_before = ?)`

// messages returns what the answer says about ids, as far as the watcher needs to know.
func (b *board) messages(ids []string, a found) (all []*ticketv1.WatchTicketsResponse) {
	for _, id := range ids {
		t, ok := a.tickets[id]
		change := ticketv1.WatchTicketsResponse_CHANGE_CHANGED
		switch {
		case ok:
			b.see(id)
		case b.lookup.partner != "" && !a.known[id], !b.lose(id):
			continue
		default:
			t = &ticketv1.Ticket{Name: ticketName(b.lookup.brand, id)}
			change = ticketv1.WatchTicketsResponse_CHANGE_GONE
		}
		all = append(all, &ticketv1.WatchTicketsResponse{Change: change, Ticket: t})
	}
	return all
}

// see notes that the watcher is sent a ticket.
func (b *board) see(id string) {
	if b.narrow() {
		b.sight.See(id)
	}
}

// lose reports whether the watcher is to hear that a ticket is gone.
func (b *board) lose(id string) bool { return !b.narrow() || b.sight.Lose(id) }

// narrow reports whether tickets can be out of the watcher's sight that are not deleted.
func (b *board) narrow() bool { return b.lookup.filter != "" || b.lookup.partner != "" }

func (b *board) say(change ticketv1.WatchTicketsResponse_Change, t *ticketv1.Ticket, token string) error {
	return b.stream.Send(&ticketv1.WatchTicketsResponse{Change: change, Ticket: t, ResumeToken: token})
}

// distinct returns the ids of the tickets that events are about, each once.
func distinct(events []*eventv1.Event) (ids []string) {
	if len(events) == 1 {
		return []string{name.ID(changed(events[0]))}
	}
	told := make(map[string]struct{}, len(events))
	for _, e := range events {
		id := name.ID(changed(e))
		if _, ok := told[id]; !ok {
			told[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	return ids
}

// changed returns the ticket that e says has changed, or "".
func changed(e *eventv1.Event) string {
	var about interface{ GetTicket() *eventv1.TicketRef }
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_TicketCreated:
		about = p.TicketCreated
	case *eventv1.Event_InteractionCreated:
		about = p.InteractionCreated
	case *eventv1.Event_TicketResolved:
		about = p.TicketResolved
	case *eventv1.Event_TicketReopened:
		about = p.TicketReopened
	case *eventv1.Event_TicketStateChanged:
		about = p.TicketStateChanged
	case *eventv1.Event_TicketAssigned:
		about = p.TicketAssigned
	case *eventv1.Event_TicketUpdated:
		about = p.TicketUpdated
	default:
		return ""
	}
	return about.GetTicket().GetTicket()
}
