// Package store keeps tickets, their interactions and their reopenings in SQLite
// or PostgreSQL. It knows ids where the contract has names: the brand comes first
// in every key, and no statement works without it.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// The answers a caller must be ready for.
var (
	ErrNotFound = errors.New("no such row")
	ErrExists   = errors.New("the id is taken")
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store reads what is kept. Its methods may be called concurrently. What
// writes is a function of a transaction instead.
type Store struct{ db *sqldb.DB }

// Open brings the schema of db up to date and returns a Store on it.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, "ticket", dir); err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// A Cursor is a place between two rows of a list. The zero Cursor is before the
// first.
type Cursor struct {
	Time int64  `json:"t"` // microseconds since 1970
	ID   string `json:"id"`
}

// add adds a row. Where fresh says that nobody else can have its id, the statement
// need not be waited for.
func add(tx *sqldb.Tx, fresh bool, query string, args ...any) error {
	if fresh {
		tx.Defer(query, args...)
		return nil
	}
	n, err := tx.Exec(query+` ON CONFLICT DO NOTHING`, args...)
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// missing turns the absence of a row into [ErrNotFound].
func missing(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db *sqldb.DB, q *query, scan func(func(...any) error) (T, error)) ([]T, error) {
	rows, err := db.Read().QueryContext(ctx, q.String(), q.args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	read, err := all(rows, scan)
	return read, sqldb.Fault(err)
}

// all reads rows and closes them.
func all[T any](rows *sql.Rows, scan func(func(...any) error) (T, error)) (all []T, err error) {
	defer rows.Close()
	for rows.Next() {
		row, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// A query grows part by part and numbers its placeholders as they come.
type query struct {
	strings.Builder
	args []any
}

// add appends text, each ? of which stands for the next of args.
func (q *query) add(text string, args ...any) {
	for _, a := range args {
		before, after, _ := strings.Cut(text, "?")
		q.args = append(q.args, a)
		q.WriteString(before)
		q.WriteString("$" + strconv.Itoa(len(q.args)))
		text = after
	}
	q.WriteString(text)
}

// in appends a condition that column is one of values, unless there are none.
func (q *query) in(column string, values []int32) {
	for i, v := range values {
		if i == 0 {
			q.WriteString(` AND ` + column + ` IN (`)
		} else {
			q.WriteString(`, `)
		}
		q.add(`?`, v)
	}
	if len(values) > 0 {
		q.WriteString(`)`)
	}
}

// oneOf appends a condition that column is one of values, of which there is one.
func (q *query) oneOf(column string, values []string) {
	q.add(` AND `+column+` IN (?`, values[0])
	for _, v := range values[1:] {
		q.add(`, ?`, v)
	}
	q.add(`)`)
}

// optional reads a time that may be absent.
func optional(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return sqldb.Time(us.Int64)
}

// encode returns attributes as a JSON object with sorted keys.
func encode(attributes map[string]string) (string, error) {
	if len(attributes) == 0 {
		return "{}", nil
	}
	body, err := json.Marshal(attributes)
	return string(body), err
}

func decode(body string) (attributes map[string]string, err error) {
	if body == "{}" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(body), &attributes)
	return attributes, err
}
