package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Response is what one customer answered once. Absent references are empty.
type Response struct {
	Brand, ID  string
	Survey     string
	Subject    int32 // the survey's
	Customer   string
	Invitation string
	SubmitTime time.Time
	CreateTime time.Time
	Attribution
	Attributes map[string]string
	Answers    []Answer // in the order they were given

	State          int32
	SurveyRevision int64
	Language       string
	Duration       time.Duration // 0 for unknown
	Supersedes     string        // the id of the response it replaces; empty for none
	SupersededBy   string        // the id of the response that replaces it; empty for none
	Version        int64
}

// An Attribution says what a response belongs to.
type Attribution struct {
	Ticket, Interaction, Touchpoint string
	Agent, Team, Partner            string
	Channel, Stage, Phase           int32
}

// An Answer is a rating or, if Words is not empty, words.
type Answer struct {
	Question   string
	Kind       int32
	Rating     int32
	Words      string
	Choices    []string // ids, in the order of the question
	Touchpoint string   // empty for none of its own
	Definition string   // the touchpoint definition the question rates; written only
}

// rated reports whether there is a rating among the answers.
func (r Response) rated() int {
	for _, a := range r.Answers {
		if a.Words == "" {
			return 1
		}
	}
	return 0
}

// AddResponse adds r. An id in use, or an invitation that has been answered,
// fails the write with a unique error.
func (s *Store) AddResponse(tx *sqldb.Tx, r Response) error {
	if r.Attributes == nil {
		r.Attributes = map[string]string{}
	}
	attributes, err := json.Marshal(r.Attributes)
	if err != nil {
		return fmt.Errorf("add response: %w", err)
	}
	tx.Defer(`
		INSERT INTO response (brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
		  agent, team, partner, channel, stage, phase, attributes, rated)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		r.Brand, r.ID, r.Survey, r.Subject, null(r.Customer), null(r.Invitation), sqldb.Micros(r.SubmitTime), sqldb.Micros(r.CreateTime),
		r.Ticket, r.Interaction, r.Touchpoint, r.Agent, r.Team, r.Partner, r.Channel, r.Stage, r.Phase, string(attributes), r.rated())
	args := make([]any, 0, len(r.Answers)*answerColumns)
	for i, a := range r.Answers {
		var rating any
		if a.Words == "" {
			rating = a.Rating
		}
		args = append(args, r.Brand, sqldb.Micros(r.SubmitTime), r.ID, i, r.Survey, r.Subject, a.Question, a.Kind, rating, null(a.Words),
			a.Touchpoint, a.Definition, r.Channel, r.Stage, r.Phase, r.Partner, r.Team, r.Agent)
	}
	tx.Defer(`
		INSERT INTO answer (brand, submit_time, response, position, survey, subject, question, kind, rating, words,
		  touchpoint, definition, channel, stage, phase, partner, team, agent)
		VALUES `+sqldb.Values(len(r.Answers), answerColumns), args...)
	return nil
}

const answerColumns = 18

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
	all, err := s.responses(ctx, `WHERE brand = $1 AND id = $2`, brand, id)
	if err != nil {
		return Response{}, err
	}
	if len(all) == 0 {
		return Response{}, ErrNotFound
	}
	return all[0], nil
}

// A Filter picks and pages responses.
type Filter struct {
	Brand    string
	Customer string // empty for all
	Survey   string // empty for all
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
	var q query
	q.add(`WHERE brand = `, f.Brand)
	if f.Customer != "" {
		q.add(` AND customer = `, f.Customer)
	}
	if f.Survey != "" {
		q.add(` AND survey = `, f.Survey)
	}
	if f.After.ID != "" {
		q.add(` AND (submit_time, id) < (`, f.After.SubmitTime)
		q.add(`, `, f.After.ID)
		q.text.WriteString(`)`)
	}
	q.add(` ORDER BY submit_time DESC, id DESC LIMIT `, f.Limit)
	return s.responses(ctx, q.text.String(), q.args...)
}

// responses returns what the clauses pick, newest first, with the answers.
func (s *Store) responses(ctx context.Context, clauses string, args ...any) ([]Response, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT r.brand, r.id, r.survey, r.subject, COALESCE(r.customer, ''), COALESCE(r.invitation, ''), r.submit_time, r.create_time,
		  r.ticket, r.interaction, r.touchpoint, r.agent, r.team, r.partner, r.channel, r.stage, r.phase, r.attributes,
		  a.question, a.kind, a.rating, COALESCE(a.words, ''), a.touchpoint
		FROM (
		  SELECT brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
		    agent, team, partner, channel, stage, phase, attributes
		  FROM response `+clauses+`) r
		JOIN answer a ON a.brand = r.brand AND a.submit_time = r.submit_time AND a.response = r.id
		ORDER BY r.submit_time DESC, r.id DESC, a.position`, args...)
	if err != nil {
		return nil, fmt.Errorf("read responses: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	var all []Response
	for rows.Next() {
		r, err := scanResponse(rows)
		if err != nil {
			return nil, fmt.Errorf("read responses: %w", sqldb.Fault(err))
		}
		if n := len(all); n > 0 && all[n-1].ID == r.ID {
			all[n-1].Answers = append(all[n-1].Answers, r.Answers...)
			continue
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read responses: %w", sqldb.Fault(err))
	}
	return all, nil
}

// scanResponse returns a response with one of its answers.
func scanResponse(rows *sql.Rows) (Response, error) {
	var (
		r                  Response
		a                  Answer
		submitted, created int64
		attributes         string
		rating             sql.NullInt32
	)
	err := rows.Scan(&r.Brand, &r.ID, &r.Survey, &r.Subject, &r.Customer, &r.Invitation, &submitted, &created,
		&r.Ticket, &r.Interaction, &r.Touchpoint, &r.Agent, &r.Team, &r.Partner, &r.Channel, &r.Stage, &r.Phase, &attributes,
		&a.Question, &a.Kind, &rating, &a.Words, &a.Touchpoint)
	if err != nil {
		return Response{}, err
	}
	if err := json.Unmarshal([]byte(attributes), &r.Attributes); err != nil {
		return Response{}, err
	}
	a.Rating = rating.Int32
	r.SubmitTime, r.CreateTime = sqldb.Time(submitted), sqldb.Time(created)
	r.Answers = []Answer{a}
	return r, nil
}

// A query is a statement under construction, its placeholders in order.
type query struct {
	text strings.Builder
	args []any
}

// add writes sql and a placeholder for arg after it.
func (q *query) add(sql string, arg any) {
	q.args = append(q.args, arg)
	fmt.Fprintf(&q.text, "%s$%d", sql, len(q.args))
}

// in writes sql and, in parentheses, placeholders for the values.
func in[T any](q *query, sql string, values []T) {
	q.text.WriteString(sql)
	for i, v := range values {
		q.add([]string{" IN (", ", "}[min(i, 1)], v)
	}
	q.text.WriteString(`)`)
}
