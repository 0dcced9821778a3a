package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// HasResponse reports whether the id is in use.
func (s *Store) HasResponse(ctx context.Context, brand, id string) (bool, error) {
	var n int
	err := s.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM response WHERE brand = $1 AND id = $2`, brand, id).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for response: %w", sqldb.Fault(err))
	}
	return n > 0, nil
}

// Response returns a response or [ErrNotFound].
func (s *Store) Response(ctx context.Context, brand, id string) (Response, error) {
	return one(responses(outside(ctx, s.db), `WHERE brand = $1 AND id = $2`, brand, id))
}

// LockResponse is [Store.Response] for a transaction that changes the response: until
// it ends, nobody else changes or locks it.
func (s *Store) LockResponse(tx *sqldb.Tx, brand, id string) (Response, error) {
	tx.Defer(`UPDATE response SET version = version WHERE brand = $1 AND id = $2`, brand, id)
	return one(responses(within(tx), `WHERE brand = $1 AND id = $2`, brand, id))
}

// PartialResponse returns what was saved of the answer to an invitation, or
// [ErrNotFound].
func (s *Store) PartialResponse(ctx context.Context, v Invitation) (Response, error) {
	return one(responses(outside(ctx, s.db), partial, v.Brand, v.Survey, v.ID))
}

// PartialResponseIn is [Store.PartialResponse] within a transaction.
func (s *Store) PartialResponseIn(tx *sqldb.Tx, v Invitation) (Response, error) {
	return one(responses(within(tx), partial, v.Brand, v.Survey, v.ID))
}

// partial says that the state is not 4 as well, which SQLite does not conclude and
// without which it does not use the index.
const partial = `WHERE brand = $1 AND survey = $2 AND invitation = $3 AND state <> 4 AND state = 1`

// one returns the only response of all, or [ErrNotFound].
func one(all []Response, err error) (Response, error) {
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Response{}, err
	}
	return all[0], nil
}

// ImportDigests returns the digests of those of the ids that are in use.
func ImportDigests(tx *sqldb.Tx, brand string, ids []string) (map[string]string, error) {
	var q sqldb.Query
	q.Add(`SELECT id, import_digest FROM response WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("read digests: %w", err)
	}
	found := map[string]string{}
	_, err = table.All(rows, func(scan func(...any) error) (struct{}, error) {
		var id, digest string
		err := scan(&id, &digest)
		found[id] = digest
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read digests: %w", sqldb.Fault(err))
	}
	return found, nil
}

// A Filter picks and pages responses.
type Filter struct {
	Brand    string
	Customer string   // empty for all
	Of       []string // customers; none for all
	Each     int      // so many of each customer, the newest; 0 for all
	Survey   string   // empty for all
	IDs      []string // none for all
	Where    []filter.Clause
	Limit    int
	After    Cursor // zero for the first page
}

// A Cursor is a place between two responses.
type Cursor struct {
	SubmitTime int64 // microseconds
	ID         string
}

// Responses returns responses, newest first by their submit time.
func (s *Store) Responses(ctx context.Context, f Filter) ([]Response, error) {
	var q sqldb.Query
	q.Add(`WHERE brand = ?`, f.Brand)
	f.pick(&q)
	if f.Each > 0 {
		q.Add(` AND id IN (
		  SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY submit_time DESC, id DESC) AS place
		    FROM response WHERE brand = ?`, f.Brand)
		f.pick(&q)
		q.Add(`) AS newest WHERE place <= ?)`, f.Each)
	}
	if f.After.ID != "" {
		q.Add(` AND (submit_time, id) < (?, ?)`, f.After.SubmitTime, f.After.ID)
	}
	q.Add(` ORDER BY submit_time DESC, id DESC LIMIT ?`, f.Limit)
	return responses(outside(ctx, s.db), q.String(), q.Args...)
}

// pick adds to q what responses of the brand f picks.
func (f *Filter) pick(q *sqldb.Query) {
	if f.Customer != "" {
		q.Add(` AND customer = ?`, f.Customer)
	}
	if len(f.Of) > 0 {
		sqldb.In(q, `customer`, f.Of)
	}
	if f.Survey != "" {
		q.Add(` AND survey = ?`, f.Survey)
	}
	if len(f.IDs) > 0 {
		sqldb.In(q, `id`, f.IDs)
	}
	for _, c := range f.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
}

// responses returns what the clauses pick, newest first, with the answers.
func responses(r reader, clauses string, args ...any) ([]Response, error) {
	rows, err := r.query(`
		SELECT r.`+strings.Join(strings.Fields(responseColumns), ` r.`)+`,
		  a.question, a.kind, a.rating, a.words, a.choices, a.touchpoint, a.definition
		FROM (SELECT `+responseColumns+` FROM response `+clauses+`) r
		LEFT JOIN answer a ON a.brand = r.brand AND a.submit_time = r.submit_time AND a.response = r.id
		ORDER BY r.submit_time DESC, r.id DESC, a.position`, args...)
	if err != nil {
		return nil, fmt.Errorf("read responses: %w", err)
	}
	var found []Response
	_, err = table.All(rows, func(scan func(...any) error) (struct{}, error) {
		r, err := scanResponse(scan)
		if n := len(found); err == nil && n > 0 && found[n-1].ID == r.ID {
			found[n-1].Answers = append(found[n-1].Answers, r.Answers...)
		} else if err == nil {
			found = append(found, r)
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read responses: %w", sqldb.Fault(err))
	}
	return found, nil
}

// scanResponse reads a response with one of its answers, or with its draft.
func scanResponse(scan func(...any) error) (Response, error) {
	var (
		r                                        Response
		a                                        Answer
		customer, invitation                     sql.NullString
		question, words, choices, touch, defined sql.NullString
		kind, rating                             sql.NullInt32
		draft                                    string
		duration                                 int64
		rated                                    int
	)
	err := scan(&r.Brand, &r.ID, &r.Survey, &r.Subject, &customer, &invitation, table.Micros{Of: &r.SubmitTime},
		table.Micros{Of: &r.CreateTime}, &r.Ticket, &r.Interaction, &r.Touchpoint, &r.Agent, &r.Team, &r.Partner, &r.Channel, &r.Stage,
		&r.Phase, table.Words{Of: &r.Attributes}, &rated, &r.SurveyRevision, &r.State, &r.Language, &duration, &draft, &r.Supersedes,
		&r.SupersededBy, &r.Version, &r.ImportDigest, &question, &kind, &rating, &words, &choices, &touch, &defined)
	if err != nil {
		return Response{}, err
	}
	r.Customer, r.Invitation, r.Duration = customer.String, invitation.String, time.Duration(duration)*time.Microsecond
	if draft != "" {
		return r, json.Unmarshal([]byte(draft), &r.Answers)
	}
	a = Answer{
		Question: question.String, Kind: kind.Int32, Rating: rating.Int32, Words: words.String,
		Touchpoint: touch.String, Definition: defined.String,
	}
	if choices.String != "" {
		err = json.Unmarshal([]byte(choices.String), &a.Choices)
	}
	r.Answers = []Answer{a}
	return r, err
}
