package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// moment is a time in a BIGINT column that is 0 for the zero time.
type moment struct{ of *time.Time }

// Scan implements [database/sql.Scanner].
func (s moment) Scan(column any) error {
	us, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a time column holds a %T", column)
	}
	*s.of = time.Time{}
	if us != 0 {
		*s.of = sqldb.Time(us)
	}
	return nil
}

// Value implements [driver.Valuer].
func (s moment) Value() (driver.Value, error) {
	if s.of.IsZero() {
		return int64(0), nil
	}
	return sqldb.Micros(*s.of), nil
}

// set is a sorted slice of words in a TEXT column: the keys of a JSON object, so that
// filters find them.
type set struct{ of *[]string }

// Scan implements [database/sql.Scanner].
func (s set) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("a set column holds a %T", column)
	}
	*s.of = nil
	keys := map[string]string{}
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return err
	}
	*s.of = slices.Sorted(maps.Keys(keys))
	return nil
}

// Value implements [driver.Valuer].
func (s set) Value() (driver.Value, error) {
	if len(*s.of) == 0 {
		return "{}", nil
	}
	keys := map[string]string{}
	for _, key := range *s.of {
		keys[key] = ""
	}
	text, err := json.Marshal(keys)
	return string(text), err
}
