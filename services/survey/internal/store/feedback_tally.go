package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A FeedbackRange picks the feedback that a tally counts.
type FeedbackRange struct {
	Brand      string
	Start, End time.Time // End is out
	Where      filter.Clause
}

// A FeedbackDimension is something that a tally may be broken down by.
type FeedbackDimension string

// What a tally of feedback may be broken down by, beside attributes. Numbers come as their
// digits.
const (
	FeedbackSource   FeedbackDimension = "source"
	FeedbackLanguage FeedbackDimension = "language"
	FeedbackCluster  FeedbackDimension = "cluster"
	FeedbackChannel  FeedbackDimension = "channel"
	FeedbackStage    FeedbackDimension = "stage"
	FeedbackLabel    FeedbackDimension = "label"
	FeedbackOwner    FeedbackDimension = "owner"
)

// FeedbackAttribute returns the dimension of an attribute.
func FeedbackAttribute(key string) FeedbackDimension { return attributesDot + FeedbackDimension(key) }

const attributesDot = "attributes."

// column returns the column that holds the key of d, empty where the number does that is
// grouped by anyway.
func (d FeedbackDimension) column() string {
	switch d {
	case FeedbackLanguage, FeedbackCluster:
		return string(d)
	case FeedbackSource, FeedbackChannel, FeedbackStage, FeedbackLabel, FeedbackOwner:
		return ""
	}
	return "attributes"
}

// A FeedbackTally is a count of feedback of one combination of things, or a single one
// that was acted on.
type FeedbackTally struct {
	FeedbackMeasured
	Keys []string // one a dimension

	N                         int64
	Compound, CompoundSquared int64 // added up, in units of 1/CompoundUnit
	Reach                     int64 // added up

	// TimeToClose is of one action that is completed, which is counted elsewhere: N is 0
	// then.
	TimeToClose time.Duration
}

// CompoundUnit is how many units of a tally make a compound of 1.
const CompoundUnit = 10_000

// OtherScale is the rating that stands for all ratings on other scales than 1 to 5 where a
// high one is good.
const OtherScale = 6

// A FeedbackMeasured is what metrics count of a feedback.
type FeedbackMeasured struct {
	Solicitation           int32
	Label, Analyzed        int32
	Rating                 int32 // 0 is none
	Status                 int32 // of the action
	Public                 int32 // 1 where it is known how many could see it
	Source, Channel, Stage int32 // 0 in a tally that is not broken down by it
	Owner                  int32 // of the action; the same
}

// of returns what is counted of f.
func (m *FeedbackMeasured) of(f *Feedback) {
	*m = FeedbackMeasured{
		Solicitation: f.Solicitation, Label: f.Sentiment.Label, Analyzed: f.Sentiment.Analyzed, Status: f.Action.Status,
		Source: f.Source, Channel: f.Channel, Stage: f.Stage, Owner: f.Action.Owner,
	}
	if f.Reach != nil {
		m.Public = 1
	}
	switch {
	case f.Rating == nil:
	case f.Scale == FeedbackScale{Min: 1, Max: 5}:
		m.Rating = *f.Rating
	default:
		m.Rating = OtherScale
	}
}

// parts are the parts of m, each with the dimension that asks for it if not all tallies do.
// A packed number has them in this order: what is stored has this form, and another one
// needs a migration.
func (m *FeedbackMeasured) parts() [10]feedbackPart {
	return [10]feedbackPart{
		{&m.Solicitation, ""},
		{&m.Label, ""},
		{&m.Analyzed, ""},
		{&m.Rating, ""},
		{&m.Status, ""},
		{&m.Public, ""},
		{&m.Source, FeedbackSource},
		{&m.Channel, FeedbackChannel},
		{&m.Stage, FeedbackStage},
		{&m.Owner, FeedbackOwner},
	}
}

// A feedbackPart is a small number and who wants to know it.
type feedbackPart struct {
	of *int32
	by FeedbackDimension
}

// partBits is how many bits a part of a packed number has.
const partBits = 5

// pack returns m as one number: to sort one is less than half the work of sorting two
// columns.
func (m *FeedbackMeasured) pack() (packed int64) {
	for _, part := range m.parts() {
		packed = packed<<partBits | int64(*part.of)
	}
	return packed
}

// unpack is the reverse of pack.
func (m *FeedbackMeasured) unpack(packed int64) {
	parts := m.parts()
	for i := len(parts) - 1; i >= 0; i-- {
		*parts[i].of = int32(packed & (1<<partBits - 1)) //nolint:gosec // it is so small
		packed >>= partBits
	}
}

// feedbackMask returns the bits of a packed number that a tally by dims needs.
func feedbackMask(dims []FeedbackDimension) (mask int64) {
	var m FeedbackMeasured
	for _, part := range m.parts() {
		mask <<= partBits
		if part.by == "" || slices.Contains(dims, part.by) {
			mask |= 1<<partBits - 1
		}
	}
	return mask
}

// measuredColumn is the column with what metrics count.
type measuredColumn struct{ of *Feedback }

// Scan implements [database/sql.Scanner]: other columns say it too.
func (measuredColumn) Scan(any) error { return nil }

// Value implements [driver.Valuer].
func (m measuredColumn) Value() (driver.Value, error) {
	var counted FeedbackMeasured
	counted.of(m.of)
	return counted.pack(), nil
}

// scoreColumn is the column with the compound in whole units.
type scoreColumn struct{ of *Feedback }

// Scan implements [database/sql.Scanner]: another column says it too.
func (scoreColumn) Scan(any) error { return nil }

// Value implements [driver.Valuer].
func (s scoreColumn) Value() (driver.Value, error) {
	if s.of.Sentiment.Compound == nil {
		return nil, nil
	}
	return int64(math.Round(*s.of.Sentiment.Compound * CompoundUnit)), nil
}

// TallyFeedback counts what is in r by dims, as of one moment, and calls add with every
// count. Several counts may be of the same combination: add them up. An error of add ends
// the tally and is returned as it is.
func (s *Store) TallyFeedback(ctx context.Context, r FeedbackRange, dims []FeedbackDimension, add func(FeedbackTally) error) error {
	var q sqldb.Query
	key := fmt.Sprintf(`measured & %d`, feedbackMask(dims))
	for _, d := range dims {
		if c := d.column(); c != "" {
			key += `, ` + c
		}
	}
	q.Add(`SELECT ` + key + `, COUNT(*), COALESCE(SUM(score), 0), COALESCE(SUM(score * score), 0),
		CAST(COALESCE(SUM(public_reach), 0) AS BIGINT), 0 FROM feedback`)
	r.where(&q)
	q.Add(` GROUP BY ` + key + ` UNION ALL SELECT ` + key + `, 0, 0, 0, 0, action_completed - event_time FROM feedback`)
	r.where(&q)
	q.Add(` AND action_status = 2`)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return fmt.Errorf("tally feedback: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scanFeedbackTally(rows, dims)
		if err != nil {
			return fmt.Errorf("tally feedback: %w", sqldb.Fault(err))
		}
		if err := add(one); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("tally feedback: %w", sqldb.Fault(err))
	}
	return nil
}

// where writes which feedback r picks.
func (r FeedbackRange) where(q *sqldb.Query) {
	q.Add(` WHERE brand = ? AND event_time >= ? AND event_time < ?`, r.Brand, sqldb.Micros(r.Start), sqldb.Micros(r.End))
	q.Add(` AND (`+r.Where.Text+`)`, r.Where.Args...)
}

func scanFeedbackTally(rows *sql.Rows, dims []FeedbackDimension) (t FeedbackTally, err error) {
	var packed, closed int64
	t.Keys = make([]string, len(dims))
	into := []any{&packed}
	for i, d := range dims {
		if d.column() != "" {
			into = append(into, &t.Keys[i])
		}
	}
	if err := rows.Scan(append(into, &t.N, &t.Compound, &t.CompoundSquared, &t.Reach, &closed)...); err != nil {
		return t, err
	}
	t.unpack(packed)
	t.TimeToClose = time.Duration(closed) * time.Microsecond
	for i, d := range dims {
		if t.Keys[i], err = t.key(d, t.Keys[i]); err != nil {
			return t, err
		}
	}
	return t, nil
}

// key returns the key of a dimension, given what its column holds.
func (m *FeedbackMeasured) key(d FeedbackDimension, column string) (string, error) {
	number := func(n int32) (string, error) { return strconv.Itoa(int(n)), nil }
	switch d {
	case FeedbackLanguage, FeedbackCluster:
		return column, nil
	case FeedbackSource:
		return number(m.Source)
	case FeedbackChannel:
		return number(m.Channel)
	case FeedbackStage:
		return number(m.Stage)
	case FeedbackLabel:
		return number(m.Label)
	case FeedbackOwner:
		return number(m.Owner)
	}
	var values map[string]string
	err := json.Unmarshal([]byte(column), &values)
	return values[strings.TrimPrefix(string(d), attributesDot)], err
}

// FeedbackSpan returns when the brand's feedback was first and last said. Without any it
// returns [ErrNotFound].
func (s *Store) FeedbackSpan(ctx context.Context, brand string) (first, last time.Time, err error) {
	var from, to sql.NullInt64
	err = s.db.Read().QueryRowContext(ctx, `
		SELECT (SELECT MIN(event_time) FROM feedback WHERE brand = $1), (SELECT MAX(event_time) FROM feedback WHERE brand = $1)`, brand).
		Scan(&from, &to)
	switch {
	case err != nil:
		return first, last, fmt.Errorf("read span of feedback: %w", sqldb.Fault(err))
	case !from.Valid:
		return first, last, ErrNotFound
	}
	return sqldb.Time(from.Int64), sqldb.Time(to.Int64), nil
}
