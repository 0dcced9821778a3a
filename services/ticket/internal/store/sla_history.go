package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// Histories returns everything that happened to tickets of a brand, in their order.
func Histories(run Query, brand string, tickets []Ticket) ([]History, error) {
	if len(tickets) == 0 {
		return nil, nil
	}
	histories, at := make([]History, len(tickets)), make(map[string]int, len(tickets))
	ids := make([]string, len(tickets))
	for i, t := range tickets {
		histories[i].Ticket, ids[i], at[t.ID] = t, t.ID, i
	}
	events, err := read(run, about(eventColumns+` FROM ticket_event`, brand, ids, ` ORDER BY ticket, number`), scanEvent)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		h := &histories[at[e.Ticket]]
		h.Events = append(h.Events, e)
	}
	said, err := read(run, about(saidColumns+` FROM interaction`, brand, ids, saidOrder), scanSaid)
	if err != nil {
		return nil, err
	}
	for _, i := range said {
		h := &histories[at[i.Ticket]]
		h.Interactions = append(h.Interactions, i)
	}
	return histories, nil
}

// about returns the query for what is kept about some tickets.
func about(what, brand string, tickets []string, order string) *sqldb.Query {
	var q sqldb.Query
	q.Add(`SELECT `+what+` WHERE brand = ?`, brand)
	sqldb.In(&q, `ticket`, tickets)
	q.Add(order)
	return &q
}

// read reads all rows of a query.
func read[T any](run Query, q *sqldb.Query, scan func(func(...any) error) (T, error)) ([]T, error) {
	rows, err := run(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return table.All(rows, scan)
}

// A Span picks the tickets of a brand that were opened in [From, To) and are not
// deleted.
type Span struct {
	Brand    string
	From, To time.Time
	Where    filter.Clause
}

// Opened returns up to limit tickets after a place, and up to another unless that is the zero
// Cursor, the oldest first.
func (s *Store) Opened(ctx context.Context, p Span, after, until Cursor, limit int) ([]Ticket, error) {
	q := p.query(ticketColumns)
	if after != (Cursor{}) {
		q.Add(` AND (open_time, id) > (?, ?)`, after.Time, after.ID)
	}
	if until != (Cursor{}) {
		q.Add(` AND (open_time, id) <= (?, ?)`, until.Time, until.ID)
	}
	q.Add(` ORDER BY open_time, id LIMIT ?`, limit)
	return list(ctx, s.db, q, scanTicket)
}

// Places returns the place of each ticket that p picks after which another size of them have
// been passed, the oldest first.
func (s *Store) Places(ctx context.Context, p Span, size int) ([]Cursor, error) {
	var q sqldb.Query
	q.Add(`SELECT open_time, id FROM (`)
	inner := p.query(`open_time, id, ROW_NUMBER() OVER (ORDER BY open_time, id) AS place`)
	q.WriteString(inner.String())
	q.Args = inner.Args
	q.Add(`) picked WHERE place % ? = 0 ORDER BY place`, size)
	return list(ctx, s.db, &q, func(read func(...any) error) (c Cursor, err error) { return c, read(&c.Time, &c.ID) })
}

// CountOpened returns how many tickets p picks, or limit if that is less.
func (s *Store) CountOpened(ctx context.Context, p Span, limit int64) (n int64, err error) {
	var q sqldb.Query
	q.Add(`SELECT COUNT(*) FROM (`)
	inner := p.query(`1 AS one`)
	q.WriteString(inner.String())
	q.Args = inner.Args
	q.Add(` LIMIT ?) picked`, limit)
	err = s.db.Read().QueryRowContext(ctx, q.String(), q.Args...).Scan(&n)
	return n, sqldb.Fault(err)
}

func (p Span) query(columns string) *sqldb.Query {
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM ticket WHERE brand = ? AND open_time >= ? AND open_time < ? AND delete_time IS NULL`,
		p.Brand, sqldb.Micros(p.From), sqldb.Micros(p.To))
	q.Add(` AND (`+p.Where.Text+`)`, p.Where.Args...)
	return &q
}

// TicketsOf returns the tickets of a brand that have one of some ids.
func TicketsOf(run Query, brand string, ids []string) ([]Ticket, error) {
	var q sqldb.Query
	q.Add(`SELECT `+ticketColumns+` FROM ticket WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	return read(run, &q, scanTicket)
}
