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
	Subjects   []int32   // empty for all
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
	OfResponses               // responses
	OfWords                   // those of the responses that have no rating, without keys
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

// Tally counts what is in r by dims, as of one moment, and calls add with every
// count. Several counts may be of the same combination: add them up. An error of
// add ends the tally and is returned as it is.
//
// Invitations have a channel and a survey and nothing else to be picked or broken
// down by: with a filter on stages they are left out, with other dimensions they
// have no keys.
func (s *Store) Tally(ctx context.Context, r Range, dims []Dimension, add func(Tally) error) error {
	t := tally{Range: r, dims: dims}
	t.build()
	rows, err := s.db.Read().QueryContext(ctx, t.text.String(), t.args...)
	if err != nil {
		return fmt.Errorf("tally: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	for rows.Next() {
		counts, err := t.scan(rows)
		if err != nil {
			return fmt.Errorf("tally: %w", sqldb.Fault(err))
		}
		for _, one := range counts {
			if err := add(one); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("tally: %w", sqldb.Fault(err))
	}
	return nil
}

// A tally is the one statement of Store.Tally: its parts see the same moment.
type tally struct {
	Range
	query
	dims []Dimension
}

func (t *tally) build() {
	t.answers()
	if t.ofAnswers() {
		t.groups()
	}
	t.words()
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

// ofAnswers reports whether the answers of one response may be in several groups.
func (t *tally) ofAnswers() bool {
	return t.has(func(d Dimension) bool { return d.Column == ByQuestion || d.Column == ByDefinition })
}

// To sort one number is half the work of sorting several columns, so what a row
// counts is packed into one: the subject and, below it, a detail. The detail of an
// answer is its kind, its rating and whether it is the first of its response, of
// which each has one.
const (
	subjectUnit = 1024
	kindUnit    = 64
	noRating    = 31
	ofAnswer    = `a.kind * 64 + COALESCE(a.rating, 31) * 2 + CASE WHEN a.position = 0 THEN 1 ELSE 0 END`
)

// answers counts answers, and by their first ones responses.
func (t *tally) answers() {
	t.begin(OfRatings, "a", ofAnswer, true)
	t.text.WriteString(`, COUNT(*) FROM answer a`)
	t.attributes("a")
	t.where("a", "submit_time")
	t.population("a")
	t.end("a", ofAnswer, true)
}

// groups counts the responses of groups of answers.
func (t *tally) groups() {
	t.begin(OfGroups, "a", "0", true)
	t.text.WriteString(`, COUNT(DISTINCT a.response) FROM answer a`)
	t.attributes("a")
	t.where("a", "submit_time")
	t.population("a")
	t.end("a", "0", true)
}

// words counts the responses without a rating.
func (t *tally) words() {
	t.begin(OfWords, "r", "0", false)
	t.text.WriteString(`, COUNT(*) FROM response r`)
	t.where("r", "submit_time")
	t.population("r")
	t.text.WriteString(` AND r.rated = 0`)
	t.end("r", "0", false)
}

// invited counts the customers who were asked.
func (t *tally) invited(grouped bool) {
	const answered = `CASE WHEN r.id IS NULL THEN 0 ELSE 1 END`
	t.begin(OfInvited, "i", answered, grouped)
	t.text.WriteString(`, COUNT(*) FROM invitation i
		LEFT JOIN response r ON r.brand = i.brand AND r.survey = i.survey AND r.invitation = i.id`)
	t.where("i", "decide_time")
	if len(t.Channels) > 0 {
		in(&t.query, ` AND i.channel`, t.Channels)
	}
	t.text.WriteString(` AND i.decision = 1`)
	t.end("i", answered, grouped)
}

// unknown counts the responses, by their first answers, that the filter on column
// cannot place.
func (t *tally) unknown(of Of, column string) {
	t.begin(of, "a", "0", false)
	t.text.WriteString(`, COUNT(*) FROM answer a`)
	t.where("a", "submit_time")
	if column == "stage" && len(t.Channels) > 0 {
		in(&t.query, ` AND a.channel`, t.Channels)
	}
	t.text.WriteString(` AND a.position = 0 AND a.` + column + ` = 0`)
	t.end("a", "0", false)
}

// begin starts a SELECT from the table called as, its keys empty unless grouped.
func (t *tally) begin(of Of, as, detail string, grouped bool) {
	if t.text.Len() > 0 {
		t.text.WriteString("\nUNION ALL ")
	}
	keyed := 0
	if grouped {
		keyed = 1
	}
	fmt.Fprintf(&t.text, `SELECT %d, %s, %d`, of, packed(as, detail), keyed)
	for _, d := range t.dims {
		if grouped {
			fmt.Fprintf(&t.text, `, CAST(%s AS TEXT)`, d.from(as))
		} else {
			t.text.WriteString(`, ''`)
		}
	}
}

// packed is the number that says what a row of the table called as counts.
func packed(as, detail string) string {
	return fmt.Sprintf(`%s.subject * %d + %s`, as, subjectUnit, detail)
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
	if len(t.Subjects) > 0 {
		in(&t.query, ` AND `+as+`.subject`, t.Subjects)
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

// end groups by what is counted and the dimensions.
func (t *tally) end(as, detail string, grouped bool) {
	by := []string{packed(as, detail)}
	for _, d := range t.dims {
		if grouped {
			by = append(by, d.from(as))
		}
	}
	t.text.WriteString(` GROUP BY ` + strings.Join(by, ", "))
}

// scan returns what one row counts.
func (t *tally) scan(rows *sql.Rows) ([]Tally, error) {
	var (
		one           Tally
		packed, keyed int32
	)
	keys := make([]string, len(t.dims))
	into := []any{&one.Of, &packed, &keyed}
	for i := range keys {
		into = append(into, &keys[i])
	}
	if err := rows.Scan(append(into, &one.N)...); err != nil {
		return nil, err
	}
	one.Subject = packed / subjectUnit
	if keyed == 1 {
		if err := t.attribute(keys); err != nil {
			return nil, err
		}
		one.Keys = keys
	}
	detail := packed % subjectUnit
	switch one.Of {
	case OfRatings:
		return t.unpack(one, detail), nil
	case OfInvited:
		one.Rating = detail
	}
	return []Tally{one}, nil
}

// unpack returns what answers of one detail count as: ratings, responses or both.
func (t *tally) unpack(answers Tally, detail int32) []Tally {
	var all []Tally
	if rating := detail % kindUnit / 2; rating != noRating {
		one := answers
		one.Kind, one.Rating = detail/kindUnit, rating
		all = append(all, one)
	}
	if detail%2 == 1 {
		one := answers
		one.Of = OfResponses
		if t.ofAnswers() {
			one.Keys = nil
		}
		all = append(all, one)
	}
	return all
}

// attribute replaces the JSON among keys by the attributes asked for.
func (t *tally) attribute(keys []string) error {
	for i, d := range t.dims {
		if d.Attribute == "" {
			continue
		}
		var values map[string]string
		if err := json.Unmarshal([]byte(keys[i]), &values); err != nil {
			return err
		}
		keys[i] = values[d.Attribute]
	}
	return nil
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
