package table

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Micros is a time in a BIGINT column.
type Micros struct{ Of *time.Time }

// Scan implements [database/sql.Scanner].
func (m Micros) Scan(column any) error {
	us, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a time column holds a %T", column)
	}
	*m.Of = sqldb.Time(us)
	return nil
}

// Value implements [driver.Valuer].
func (m Micros) Value() (driver.Value, error) { return sqldb.Micros(*m.Of), nil }

// Moment is a time in a BIGINT column that is NULL for the zero time.
type Moment struct{ Of *time.Time }

// Scan implements [database/sql.Scanner].
func (m Moment) Scan(column any) error {
	if column == nil {
		*m.Of = time.Time{}
		return nil
	}
	return Micros(m).Scan(column)
}

// Value implements [driver.Valuer].
func (m Moment) Value() (driver.Value, error) {
	if m.Of.IsZero() {
		return nil, nil
	}
	return sqldb.Micros(*m.Of), nil
}

// Span is a duration in a BIGINT column, in whole microseconds.
type Span struct{ Of *time.Duration }

// Scan implements [database/sql.Scanner].
func (s Span) Scan(column any) error {
	us, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a duration column holds a %T", column)
	}
	*s.Of = time.Duration(us) * time.Microsecond
	return nil
}

// Value implements [driver.Valuer].
func (s Span) Value() (driver.Value, error) { return s.Of.Microseconds(), nil }

// Flag is a truth in an INTEGER column.
type Flag struct{ Of *bool }

// Scan implements [database/sql.Scanner].
func (f Flag) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a truth column holds a %T", column)
	}
	*f.Of = n != 0
	return nil
}

// Value implements [driver.Valuer].
func (f Flag) Value() (driver.Value, error) {
	if *f.Of {
		return int64(1), nil
	}
	return int64(0), nil
}

// Array is a slice in a TEXT column: a JSON array, or nothing for none.
type Array[T any] struct{ Of *[]T }

// Scan implements [database/sql.Scanner].
func (a Array[T]) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("an array column holds a %T", column)
	}
	*a.Of = nil
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), a.Of)
}

// Value implements [driver.Valuer].
func (a Array[T]) Value() (driver.Value, error) {
	if len(*a.Of) == 0 {
		return "", nil
	}
	text, err := json.Marshal(*a.Of)
	return string(text), err
}

// Document is a value in a TEXT column as a JSON object, or nothing for its zero
// value. Keys of maps are sorted.
type Document[T any] struct{ Of *T }

// Scan implements [database/sql.Scanner].
func (d Document[T]) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("a document column holds a %T", column)
	}
	var none T
	*d.Of = none
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), d.Of)
}

// Value implements [driver.Valuer].
func (d Document[T]) Value() (driver.Value, error) {
	if reflect.ValueOf(d.Of).Elem().IsZero() {
		return "", nil
	}
	text, err := json.Marshal(*d.Of)
	return string(text), err
}

// Words is a map of text in a TEXT column: a JSON object with sorted keys, `{}` for
// none.
type Words struct{ Of *map[string]string }

// Scan implements [database/sql.Scanner].
func (w Words) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("a map column holds a %T", column)
	}
	*w.Of = nil
	if text == "{}" || text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), w.Of)
}

// Value implements [driver.Valuer].
func (w Words) Value() (driver.Value, error) {
	if len(*w.Of) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(*w.Of)
	return string(text), err
}
