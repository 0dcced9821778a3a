package store

import (
	"database/sql"
	"fmt"
	"strings"
)

// A spread is an INSERT on PostgreSQL of any number of rows, whose columns come as one
// array each: a statement with a placeholder for each value takes several times as long
// to read.
type spread struct {
	text  string
	kinds []string // of the columns: text, bigint or float8
}

// newSpread returns the statement for a table. Each column is followed by its kind; tail
// is what comes after the rows.
func newSpread(table, columns, tail string) spread {
	var s spread
	var names, arrays []string
	for i, column := range strings.Split(columns, ",") {
		words := strings.Fields(column)
		names, s.kinds = append(names, words[0]), append(s.kinds, words[1])
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, words[1]))
	}
	list := strings.Join(names, ", ")
	s.text = `INSERT INTO ` + table + ` (` + list + `) SELECT ` + list + ` FROM unnest(` + strings.Join(arrays, ", ") +
		`) AS added (` + list + `) ` + tail
	return s
}

// args returns the arguments for so many rows, of which value returns one at a time, in
// the memory it is given.
func (s *spread) args(rows int, value func(row int, into []any) []any) []any {
	columns := make([]column, len(s.kinds))
	for i, kind := range s.kinds {
		columns[i] = newColumn(kind, rows)
	}
	into := make([]any, 0, len(s.kinds))
	for row := range rows {
		for i, v := range value(row, into) {
			columns[i].set(row, v)
		}
	}
	args := make([]any, len(columns))
	for i := range columns {
		args[i] = columns[i].array()
	}
	return args
}

// A column is the values of one column; those that are not set are NULL.
type column struct {
	text  []string
	whole []int64
	float []float64

	given []bool
	nulls int // of given
}

func newColumn(kind string, rows int) column {
	c := column{given: make([]bool, rows), nulls: rows}
	switch kind {
	case "text":
		c.text = make([]string, rows)
	case "bigint":
		c.whole = make([]int64, rows)
	default:
		c.float = make([]float64, rows)
	}
	return c
}

func (c *column) set(row int, v any) {
	given := true
	switch v := v.(type) {
	case string:
		c.text[row] = v
	case int64:
		c.whole[row] = v
	case float64:
		c.float[row] = v
	case sql.Null[float64]:
		c.float[row], given = v.V, v.Valid
	case sql.NullFloat64:
		c.float[row], given = v.Float64, v.Valid
	default:
		given = false
	}
	if given {
		c.given[row] = true
		c.nulls--
	}
}

// array returns the values, as pointers only where there is NULL among them, which take
// longer to write.
func (c *column) array() any {
	switch {
	case c.text != nil:
		return array(c, c.text)
	case c.whole != nil:
		return array(c, c.whole)
	}
	return array(c, c.float)
}

func array[T any](c *column, values []T) any {
	if c.nulls == 0 {
		return values
	}
	pointers := make([]*T, len(values))
	for i := range values {
		if c.given[i] {
			pointers[i] = &values[i]
		}
	}
	return pointers
}

// spreadTouchpoints is insertTouchpoint as a spread.
func spreadTouchpoints() spread {
	return newSpread("touchpoint", `brand text, same_as text, id text, customer text, definition text, event_time bigint,
		record_time bigint, source text, event_id text, channel bigint, stage bigint, phase bigint, expectation bigint,
		rating bigint, scale_min bigint, scale_max bigint, lower_is_better bigint, ticket text, interaction text,
		response text, response_time bigint, is_service bigint, weight float8, attributes text,
		emotion bigint, value_minor bigint, currency text, observed float8, digest bigint, retract_time bigint, retract_reason text`,
		`ON CONFLICT (brand, id) DO NOTHING`)
}

// spreadSums is addSums as a spread.
func spreadSums() spread {
	return newSpread("stage_bucket", `brand text, layout bigint, customer text, bucket bigint, stage bigint, is_service bigint,
		w bigint, wx bigint, wxx bigint, ww bigint, n bigint, unscored bigint`, mergeSums)
}

// spreadMarks is insertMarks as a spread.
func spreadMarks() spread {
	return newSpread("customer_stale", `brand text, customer text, stamp bigint`, remark)
}

// spreadMeasures is insertMeasure as a spread.
func spreadMeasures() spread {
	return newSpread("measure", `brand text, target text, customer text, response text, submit_time bigint, rating bigint,
		scale_min bigint, scale_max bigint, lower_is_better bigint, version bigint, withdrawn bigint, record_time bigint`, keepMeasure)
}

// spreadScores is insertScores as a spread.
func spreadScores() spread {
	return newSpread("customer_score", `brand text, id text, as_of_time bigint, revision text,
		value float8, lower float8, upper float8, n bigint, effective_n float8, quality bigint,
		service_value float8, service_lower float8, service_upper float8, service_n bigint, service_effective_n float8,
		service_quality bigint, score_change float8, weakest_stage bigint, announced float8`, mergeScores)
}
