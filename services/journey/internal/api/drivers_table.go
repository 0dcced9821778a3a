package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/journey/internal/driver"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	// maxAnalyzed is how many customers an analysis may be about, and maxFields how many
	// customers times variables: a third of a gigabyte.
	maxAnalyzed = 1_000_000
	maxFields   = 8_000_000

	// outcomeUnit is what an outcome of 1 counts in the sums of a table, which are whole so
	// that they do not depend on order.
	outcomeUnit = 1 << 40
)

// A driverTable has one row a customer and one column a variable, the outcome first.
type driverTable struct {
	variables []variable
	columns   map[string][]int // by definition
	keyed     []int            // the columns that are attributes
	model     *score.Model
	people    people
	rows      map[string][]field
}

// A field is what is known of one variable of one customer.
type field struct {
	n, sum int64  // of outcomes
	at     int64  // when text was said
	text   string // of an attribute
}

func newTable(variables []variable, model *score.Model, who people) *driverTable {
	t := &driverTable{variables: variables, columns: map[string][]int{}, model: model, people: who, rows: map[string][]field{}}
	for i, v := range variables {
		if v.definition == "" {
			t.keyed = append(t.keyed, i)
		} else {
			t.columns[v.definition] = append(t.columns[v.definition], i)
		}
	}
	return t
}

// filter picks what t needs.
func (t *driverTable) filter() store.Filter {
	f := store.Filter{People: t.people.any(), Attributes: len(t.keyed) > 0}
	if !f.Attributes {
		f.Definitions = slices.Sorted(maps.Keys(t.columns))
	}
	return f
}

// take takes one touchpoint.
func (t *driverTable) take(seen *store.Seen) error {
	if !t.people.has(seen) {
		return nil
	}
	columns := t.columns[seen.Definition]
	if len(columns) > 0 {
		if value, known := seen.Outcome(t.model); known {
			row, err := t.row(seen.Customer)
			if err != nil {
				return err
			}
			for _, i := range columns {
				row[i].n++
				row[i].sum += int64(value*outcomeUnit + 0.5)
			}
		}
	}
	if len(t.keyed) == 0 || seen.Attributes == "" {
		return nil
	}
	var attributes map[string]string
	if err := json.Unmarshal([]byte(seen.Attributes), &attributes); err != nil {
		return err
	}
	for _, i := range t.keyed {
		text, found := attributes[t.variables[i].said.GetAttribute()]
		if !found {
			continue
		}
		row, err := t.row(seen.Customer)
		if err != nil {
			return err
		}
		if f := &row[i]; f.n == 0 || seen.EventTime > f.at || seen.EventTime == f.at && text > f.text {
			*f = field{n: 1, at: seen.EventTime, text: text}
		}
	}
	return nil
}

// row returns that of a customer.
func (t *driverTable) row(customer string) ([]field, error) {
	row := t.rows[customer]
	if row == nil {
		if most := min(maxAnalyzed, maxFields/len(t.variables)); len(t.rows) >= most {
			return nil, fault.Invalid(fault.Field{
				Path: "window", Reason: "TOO_MANY_CUSTOMERS",
				Description: fmt.Sprintf("holds more than %d customers, the most with %d variables; choose a shorter one", most, len(t.variables)),
			})
		}
		row = make([]field, len(t.variables))
		t.rows[customer] = row
	}
	return row, nil
}

// value returns what f is as a number.
func (v *variable) value(f field) (value float64, known bool) {
	switch {
	case f.n == 0:
		return 0, false
	case v.definition != "":
		return float64(f.sum) / outcomeUnit / float64(f.n), true
	case v.said.GetEquals() != "":
		if f.text == v.said.GetEquals() {
			return 1, true
		}
		return 0, true
	}
	value, err := strconv.ParseFloat(f.text, 64)
	return value, err == nil && math.Abs(value) <= maxAttribute // not for what is no number
}

// maxAttribute is the greatest number of an attribute; beyond, squares lose their sense.
const maxAttribute = 1e15

// A leftOut counts the customers that do not enter.
type leftOut struct {
	noOutcome, noPredictor int64
	missing                []int64 // by predictor, of those with an outcome
}

// input returns the rows without gaps, by customer.
func (t *driverTable) input() (driver.Input, leftOut) {
	predictors := t.variables[1:]
	in := driver.Input{Predictors: make([]driver.Predictor, len(predictors))}
	for i, v := range predictors {
		in.Predictors[i].Service = v.said.GetBlock() == journeyv1.Variable_BLOCK_SERVICE
	}
	left := leftOut{missing: make([]int64, len(predictors))}
	values := make([]float64, len(predictors))
	for _, customer := range slices.Sorted(maps.Keys(t.rows)) {
		row := t.rows[customer]
		outcome, known := t.variables[0].value(row[0])
		if !known {
			left.noOutcome++
			continue
		}
		whole := true
		for i := range predictors {
			if values[i], known = predictors[i].value(row[i+1]); !known {
				left.missing[i]++
				whole = false
			}
		}
		if !whole {
			left.noPredictor++
			continue
		}
		in.Outcome = append(in.Outcome, outcome)
		for i, v := range values {
			in.Predictors[i].Values = append(in.Predictors[i].Values, v)
		}
	}
	return in, left
}
