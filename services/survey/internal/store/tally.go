package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Range picks what a tally counts.
type Range struct {
	Brand      string
	Start, End time.Time // End is out
	Subject    int32     // 0 for all
	Surveys    []string  // empty for all
	Channels   []int32   // empty for all
	Stages     []int32   // empty for all
}

// A Dimension is a column that a tally may be broken down by, or an attribute.
type Dimension struct {
	Column    string // of the columns below, empty for an attribute
	Attribute string
}

// The columns that a tally may be broken down by. Numbers come as their digits.
const (
	ByChannel    = "channel"
	ByStage      = "stage"
	ByPhase      = "phase"
	BySurvey     = "survey"
	ByPartner    = "partner"
	ByTeam       = "team"
	ByAgent      = "agent"
	ByQuestion   = "question"
	ByDefinition = "definition"
)

// Of says what a row of a tally counts.
type Of int

// What the rows of a tally count.
const (
	OfRatings   Of = iota + 1 // answers on a scale, by kind and rating
	OfResponses               // responses; Rating is 1 for those with a rating, else 0
	OfGroups                  // responses by group, where one response may be in many
	OfInvited                 // customers asked; Rating is 1 for those who answered, else 0
	OfNoChannel               // responses left out for want of a channel
	OfNoStage                 // responses left out for want of a stage
)

// A Tally is a count of one combination of things.
type Tally struct {
	Of           Of
	Subject      int32
	Keys         []string // one a dimension; nil where the count is of all groups
	Kind, Rating int32
	N            int64
}

// Tally counts what is in r by dims, as of one moment. Several rows may count the
// same combination: add them.
//
// Invitations have a channel and a survey and nothing else to be picked or broken
// down by: with a filter on stages they are left out, with other dimensions they
// have no keys.
func (s *Store) Tally(ctx context.Context, r Range, dims []Dimension) ([]Tally, error) {
	t := tally{Range: r, dims: dims}
	t.build()
	rows, err := s.db.Read().QueryContext(ctx, t.text.String(), t.args...)
	if err != nil {
		return nil, fmt.Errorf("tally: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	var all []Tally
	for rows.Next() {
		one, err := t.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("tally: %w", sqldb.Fault(err))
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("tally: %w", sqldb.Fault(err))
	}
	return all, nil
}

// A tally is the one statement of Store.Tally: its parts see the same moment.
type tally struct {
	Range
	query
	dims []Dimension
}

func (t *tally) build() {
	answers := t.has(func(d Dimension) bool { return d.Column == ByQuestion || d.Column == ByDefinition })
	t.ratings()
	if answers {
		t.groups()
	}
	t.responses(len(t.dims) > 0 && !answers)
	if len(t.Stages) == 0 {
		t.invited(!t.has(func(d Dimension) bool { return d.Column != ByChannel && d.Column != BySurvey }))
	}
	if len(t.Channels) > 0 {
		t.unknown(OfNoChannel, "channel")
	}
	if len(t.Stages) > 0 {
		t.unknown(OfNoStage, "stage")
	}
}

func (t *tally) has(f func(Dimension) bool) bool { return slices.ContainsFunc(t.dims, f) }

// ratings counts answers on a scale.
func (t *tally) ratings() {
	t.begin(OfRatings, "a", true)
	t.text.WriteString(`, a.kind, a.rating, COUNT(*) FROM answer a`)
	t.attributes("a")
	t.where("a", "submit_time")
	t.population("a")
	t.text.WriteString(` AND a.rating IS NOT NULL`)
	t.end("a", true, "a.kind, a.rating")
}

// groups counts the responses of groups of answers.
func (t *tally) groups() {
	t.begin(OfGroups, "a", true)
	t.text.WriteString(`, 0, 0, COUNT(DISTINCT a.response) FROM answer a`)
	t.attributes("a")
	t.where("a", "submit_time")
	t.population("a")
	t.end("a", true, "")
}

// responses counts responses, by group if the groups are theirs.
func (t *tally) responses(grouped bool) {
	t.begin(OfResponses, "r", grouped)
	t.text.WriteString(`, 0, r.rated, COUNT(*) FROM response r`)
	t.where("r", "submit_time")
	t.population("r")
	t.end("r", grouped, "r.rated")
}

// invited counts the customers who were asked.
func (t *tally) invited(grouped bool) {
	const answered = `CASE WHEN r.id IS NULL THEN 0 ELSE 1 END`
	t.begin(OfInvited, "i", grouped)
	t.text.WriteString(`, 0, ` + answered + `, COUNT(*) FROM invitation i
		LEFT JOIN response r ON r.brand = i.brand AND r.survey = i.survey AND r.invitation = i.id`)
	t.where("i", "decide_time")
	if len(t.Channels) > 0 {
		in(&t.query, ` AND i.channel`, t.Channels)
	}
	t.text.WriteString(` AND i.decision = 1`)
	t.end("i", grouped, answered)
}

// unknown counts the responses that the filter on column cannot place.
func (t *tally) unknown(of Of, column string) {
	t.begin(of, "r", false)
	t.text.WriteString(`, 0, 0, COUNT(*) FROM response r`)
	t.where("r", "submit_time")
	if column == "stage" && len(t.Channels) > 0 {
		in(&t.query, ` AND r.channel`, t.Channels)
	}
	t.text.WriteString(` AND r.` + column + ` = 0`)
	t.end("r", false, "")
}

// begin starts a SELECT from the table called as, its keys empty unless grouped.
func (t *tally) begin(of Of, as string, grouped bool) {
	if t.text.Len() > 0 {
		t.text.WriteString("\nUNION ALL ")
	}
	fmt.Fprintf(&t.text, `SELECT %d, %s.subject`, of, as)
	keyed := 0
	if grouped {
		keyed = 1
	}
	fmt.Fprintf(&t.text, `, %d`, keyed)
	for _, d := range t.dims {
		switch {
		case !grouped:
			t.text.WriteString(`, ''`)
		default:
			fmt.Fprintf(&t.text, `, CAST(%s AS TEXT)`, d.from(as))
		}
	}
}

// from returns the column of d where the table of the other columns is called as.
func (d Dimension) from(as string) string {
	if d.Attribute == "" {
		return as + "." + d.Column
	}
	return "r.attributes"
}

// attributes joins what answers do not repeat.
func (t *tally) attributes(as string) {
	if t.has(func(d Dimension) bool { return d.Attribute != "" }) {
		fmt.Fprintf(&t.text, ` JOIN response r ON r.brand = %[1]s.brand AND r.id = %[1]s.response`, as)
	}
}

// where writes what every table can be picked by.
func (t *tally) where(as, at string) {
	t.add(` WHERE `+as+`.brand = `, t.Brand)
	t.add(` AND `+as+`.`+at+` >= `, sqldb.Micros(t.Start))
	t.add(` AND `+as+`.`+at+` < `, sqldb.Micros(t.End))
	if t.Subject != 0 {
		t.add(` AND `+as+`.subject = `, t.Subject)
	}
	if len(t.Surveys) > 0 {
		in(&t.query, ` AND `+as+`.survey`, t.Surveys)
	}
}

func (t *tally) population(as string) {
	if len(t.Channels) > 0 {
		in(&t.query, ` AND `+as+`.channel`, t.Channels)
	}
	if len(t.Stages) > 0 {
		in(&t.query, ` AND `+as+`.stage`, t.Stages)
	}
}

// end groups by the subject, the dimensions and more.
func (t *tally) end(as string, grouped bool, more string) {
	by := []string{as + ".subject"}
	for _, d := range t.dims {
		if grouped {
			by = append(by, d.from(as))
		}
	}
	if more != "" {
		by = append(by, more)
	}
	t.text.WriteString(` GROUP BY ` + strings.Join(by, ", "))
}

func (t *tally) scan(rows *sql.Rows) (Tally, error) {
	var (
		one   Tally
		keyed int
	)
	keys := make([]string, len(t.dims))
	into := []any{&one.Of, &one.Subject, &keyed}
	for i := range keys {
		into = append(into, &keys[i])
	}
	if err := rows.Scan(append(into, &one.Kind, &one.Rating, &one.N)...); err != nil {
		return Tally{}, err
	}
	if keyed == 0 {
		return one, nil
	}
	for i, d := range t.dims {
		if d.Attribute == "" {
			continue
		}
		var values map[string]string
		if err := json.Unmarshal([]byte(keys[i]), &values); err != nil {
			return Tally{}, err
		}
		keys[i] = values[d.Attribute]
	}
	one.Keys = keys
	return one, nil
}

// A Span is the time from the first to the last of something.
type Span struct{ First, Last time.Time }

// Span returns when the brand's responses were submitted or, with invited, when
// it was first and last active at all. Without data it returns [ErrNotFound].
func (s *Store) Span(ctx context.Context, brand string, invited bool) (Span, error) {
	var first, last, asked, askedLast sql.NullInt64
	err := s.db.Read().QueryRowContext(ctx, `
		SELECT (SELECT MIN(submit_time) FROM response WHERE brand = $1),
		       (SELECT MAX(submit_time) FROM response WHERE brand = $1),
		       (SELECT MIN(decide_time) FROM invitation WHERE brand = $1 AND decision = 1),
		       (SELECT MAX(decide_time) FROM invitation WHERE brand = $1 AND decision = 1)`, brand).
		Scan(&first, &last, &asked, &askedLast)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Span{}, fmt.Errorf("read span: %w", sqldb.Fault(err))
	}
	if invited && asked.Valid {
		if !first.Valid {
			first, last = asked, askedLast
		}
		first.Int64, last.Int64 = min(first.Int64, asked.Int64), max(last.Int64, askedLast.Int64)
	}
	if !first.Valid {
		return Span{}, ErrNotFound
	}
	return Span{sqldb.Time(first.Int64), sqldb.Time(last.Int64)}, nil
}
