package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// micros is a time in a BIGINT column.
type micros struct{ of *time.Time }

// Scan implements [database/sql.Scanner].
func (m micros) Scan(column any) error {
	us, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a time column holds a %T", column)
	}
	*m.of = sqldb.Time(us)
	return nil
}

// Value implements [driver.Valuer].
func (m micros) Value() (driver.Value, error) { return sqldb.Micros(*m.of), nil }

// flag is a truth in an INTEGER column.
type flag struct{ of *bool }

// Scan implements [database/sql.Scanner].
func (f flag) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a truth column holds a %T", column)
	}
	*f.of = n != 0
	return nil
}

// Value implements [driver.Valuer].
func (f flag) Value() (driver.Value, error) {
	if *f.of {
		return int64(1), nil
	}
	return int64(0), nil
}

// array is a slice in a TEXT column: a JSON array, or nothing for none.
type array[T any] struct{ of *[]T }

// Scan implements [database/sql.Scanner].
func (a array[T]) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("an array column holds a %T", column)
	}
	*a.of = nil
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), a.of)
}

// Value implements [driver.Valuer].
func (a array[T]) Value() (driver.Value, error) {
	if len(*a.of) == 0 {
		return "", nil
	}
	text, err := json.Marshal(*a.of)
	return string(text), err
}
