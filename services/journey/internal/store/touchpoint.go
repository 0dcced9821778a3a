package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A Touchpoint is one moment of a customer with the brand.
type Touchpoint struct {
	ID, Customer string // the customer's id
	Alias        string // the id its event would have given it, where ID was chosen; a row of its own
	Definition   string // its id
	EventTime    int64
	RecordTime   int64
	Source       string
	EventID      string
	Channel      typev1.Channel
	Stage        typev1.Stage // never unspecified
	Phase        typev1.Phase
	Expectation  typev1.Expectation
	Rating       Rating
	Response     string // the id of the response that Rating comes from, if any
	ResponseTime int64  // when that was submitted
	Ticket       string // tickets/7
	Interaction  string // tickets/7/interactions/3
	Service      bool
	Weight       float64
	Attributes   string // JSON, or empty
	Emotion      typev1.Emotion
	Value        Money
	Observed     Quantity
	Digest       int64 // of what the caller said; 0 where nobody asks
	RetractTime  int64 // 0 unless it was taken back
	Reason       string

	sameAs string // in the row of an alias, the touchpoint's id
}

// A Money is an amount in the smallest unit of a currency. Without a currency it is
// none.
type Money struct {
	Minor    int64
	Currency string
}

// A Quantity is something observed, in the unit of the definition's expectation. The
// zero Quantity is none.
type Quantity struct {
	Value float64
	Given bool
}

// write gives row what the database holds: NULL for none.
func (q Quantity) write(row sqldb.Cells) {
	if q.Given {
		row.Float(q.Value)
	} else {
		row.Null()
	}
}

// never is the event time in the row of an alias.
const never = -1

// A Rating is what the customer gave. The zero Rating is none.
type Rating struct {
	Value, Min, Max int64 // Min is below Max
	LowerIsBetter   bool
}

// Given reports whether there is a rating.
func (r Rating) Given() bool { return r.Min < r.Max }

// Outcome returns the rating as 0 for the worst to 1 for the best.
func (r Rating) Outcome() float64 {
	above := r.Value - r.Min
	if r.LowerIsBetter {
		above = r.Max - r.Value
	}
	return float64(above) / float64(r.Max-r.Min)
}

// target returns what a [Measure] calls t.
func (t *Touchpoint) target() string { return "customers/" + t.Customer + "/touchpoints/" + t.ID }

// touchpointTarget takes such a name apart.
func touchpointTarget(target string) (customer, id string, ok bool) {
	rest, _ := strings.CutPrefix(target, "customers/")
	customer, id, ok = strings.Cut(rest, "/touchpoints/")
	return customer, id, ok
}

// Outcome returns how well t went under m, 0 to 1: by its rating, else by what the
// customer expected. It is unknown if there is neither.
func (t *Touchpoint) Outcome(m *score.Model) (value float64, known bool) {
	if t.Rating.Given() {
		return t.Rating.Outcome(), true
	}
	switch t.Expectation {
	case typev1.Expectation_EXPECTATION_UNMET:
		return m.Unmet, true
	case typev1.Expectation_EXPECTATION_MET:
		return m.Met, true
	case typev1.Expectation_EXPECTATION_EXCEEDED:
		return m.Exceeded, true
	}
	return 0, false
}

// Touch returns what the score sees of t, unless its outcome is unknown.
func (t *Touchpoint) Touch(m *score.Model) (touch score.Touch, known bool) {
	value, known := t.Outcome(m)
	return score.Touch{
		Time: t.EventTime, Stage: int(t.Stage) - 1, Value: value, Weight: m.Weight(t.Weight, int(t.Channel)), Service: t.Service,
	}, known
}

// width is the number of columns below.
const width = 29

const columns = `id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase, expectation,
	rating, scale_min, scale_max, lower_is_better, ticket, interaction, response, response_time, is_service, weight, attributes,
	emotion, value_minor, currency, observed, digest, retract_time, retract_reason`

// touchpointKinds are the columns of the table with their kinds.
const touchpointKinds = `brand text, same_as text, id text, customer text, definition text, event_time bigint,
	record_time bigint, source text, event_id text, channel integer, stage integer, phase integer, expectation integer,
	rating integer, scale_min integer, scale_max integer, lower_is_better integer, ticket text, interaction text,
	response text, response_time bigint, is_service integer, weight float8, attributes text,
	emotion integer, value_minor bigint, currency text, observed float8, digest bigint, retract_time bigint, retract_reason text`

// write gives row the columns of t.
func (t *Touchpoint) write(row sqldb.Cells) {
	row.Text(t.ID)
	row.Text(t.Customer)
	row.Text(t.Definition)
	row.Int(t.EventTime)
	row.Int(t.RecordTime)
	row.Text(t.Source)
	row.Text(t.EventID)
	row.Int(int64(t.Channel))
	row.Int(int64(t.Stage))
	row.Int(int64(t.Phase))
	row.Int(int64(t.Expectation))
	t.Rating.write(row)
	writeText(row, t.Ticket)
	writeText(row, t.Interaction)
	t.writeResponse(row)
	row.Int(bit(t.Service))
	row.Float(t.Weight)
	writeText(row, t.Attributes)
	row.Int(int64(t.Emotion))
	if t.Value.Currency != "" {
		row.Int(t.Value.Minor)
	} else {
		row.Null()
	}
	writeText(row, t.Value.Currency)
	t.Observed.write(row)
	writeInt(row, t.Digest)
	writeInt(row, t.RetractTime)
	writeText(row, t.Reason)
}

// write gives row the columns of a rating, which are NULL without one.
func (r *Rating) write(row sqldb.Cells) {
	if !r.Given() {
		for range 4 {
			row.Null()
		}
		return
	}
	row.Int(r.Value)
	row.Int(r.Min)
	row.Int(r.Max)
	row.Int(bit(r.LowerIsBetter))
}

// writeResponse gives row the columns of the response that the rating comes from.
func (t *Touchpoint) writeResponse(row sqldb.Cells) {
	writeText(row, t.Response)
	if t.Response != "" {
		row.Int(t.ResponseTime)
	} else {
		row.Null()
	}
}

// A rating as it is scanned: its columns may be NULL.
type scanned struct {
	value, low, high sql.NullInt64
	lowerIsBetter    sql.NullBool
}

func (s scanned) rating() Rating {
	return Rating{s.value.Int64, s.low.Int64, s.high.Int64, s.lowerIsBetter.Bool}
}

// scan reads the columns of a row, and before them those that dest points to.
func (t *Touchpoint) scan(row scanner, dest ...any) error {
	var (
		r                                         scanned
		ticket, interaction, response, attributes sql.NullString
		currency, reason                          sql.NullString
		responded, minor, digest, retracted       sql.NullInt64
		observed                                  sql.NullFloat64
	)
	err := row.Scan(append(dest, &t.ID, &t.Customer, &t.Definition, &t.EventTime, &t.RecordTime, &t.Source, &t.EventID,
		&t.Channel, &t.Stage, &t.Phase, &t.Expectation, &r.value, &r.low, &r.high, &r.lowerIsBetter,
		&ticket, &interaction, &response, &responded, &t.Service, &t.Weight, &attributes,
		&t.Emotion, &minor, &currency, &observed, &digest, &retracted, &reason)...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read touchpoint: %w", sqldb.Fault(err))
	}
	t.Rating = r.rating()
	t.Ticket, t.Interaction, t.Response, t.Attributes = ticket.String, interaction.String, response.String, attributes.String
	t.ResponseTime = responded.Int64
	t.Value, t.Observed = Money{minor.Int64, currency.String}, Quantity{observed.Float64, observed.Valid}
	t.Digest, t.RetractTime, t.Reason = digest.Int64, retracted.Int64, reason.String
	return nil
}

// Touchpoint returns one touchpoint that was recorded for a customer, or
// [ErrNotFound].
func (s *Store) Touchpoint(ctx context.Context, brand, customer, id string) (Touchpoint, error) {
	var t Touchpoint
	err := t.scan(s.db.Read().QueryRowContext(ctx, `
		SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND id = $2 AND customer = $3`, brand, id, customer))
	return t, err
}

// collect reads rows to their end and closes them.
func collect(rows *sql.Rows) ([]Touchpoint, error) {
	defer rows.Close()
	var all []Touchpoint
	for rows.Next() {
		var t Touchpoint
		if err := t.scan(rows); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, sqldb.Fault(rows.Err())
}
