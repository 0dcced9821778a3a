// Package table keeps resources that are created, listed, changed and deleted
// alike, each in a table whose key is the brand and an id.
package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// The answers a caller must be ready for.
var (
	ErrNotFound = errors.New("no such row")
	ErrExists   = errors.New("the id is taken")
)

// A Record is what every row of a [Table] has. Its columns are brand, id,
// create_time, update_time and version.
type Record struct {
	Brand, ID  string
	CreateTime time.Time
	UpdateTime time.Time
	Version    int64
}

// A Table keeps rows of one sort. Its fields are set once; its methods may be
// called concurrently.
type Table[T any] struct {
	Name    string
	Columns []string       // beside those of the Record
	Fields  func(*T) []any // what the columns hold, to be read and written
	Head    func(*T) *Record

	Derived string // an expression that is read with the columns but not written; "" for none
	Result  func(*T) any
}

// Record returns what row has in common with those of other tables.
func (t *Table[T]) Record(row T) Record { return *t.Head(&row) }

// Add adds a row and returns it. It returns [ErrExists] if the id is taken.
func (t *Table[T]) Add(tx *sqldb.Tx, row T) (T, error) {
	r := t.Head(&row)
	args := append([]any{r.Brand, r.ID, Micros{&r.CreateTime}, Micros{&r.UpdateTime}, r.Version}, t.Fields(&row)...)
	row, err := t.Scan(tx.QueryRow(`INSERT INTO `+t.Name+` (`+t.stored()+`) VALUES `+sqldb.Values(1, len(args))+
		` ON CONFLICT DO NOTHING RETURNING `+t.Read(), args...).Scan)
	if errors.Is(err, ErrNotFound) {
		err = ErrExists
	}
	return row, err
}

// Get returns one row or [ErrNotFound].
func (t *Table[T]) Get(tx *sqldb.Tx, brand, id string) (T, error) {
	return t.Scan(tx.QueryRow(`SELECT `+t.Read()+` FROM `+t.Name+` WHERE brand = $1 AND id = $2`, brand, id).Scan)
}

// Lock is [Table.Get] for a transaction that depends on the row: until it ends,
// nobody else changes, deletes or locks the row.
func (t *Table[T]) Lock(tx *sqldb.Tx, brand, id string) (T, error) {
	return t.Scan(tx.QueryRow(`UPDATE `+t.Name+` SET version = version WHERE brand = $1 AND id = $2 RETURNING `+t.Read(), brand, id).Scan)
}

// Update writes a row that the transaction has locked and returns it in its next
// version.
func (t *Table[T]) Update(tx *sqldb.Tx, row T) (T, error) {
	r := t.Head(&row)
	r.Version++
	var q sqldb.Query
	q.Add(`UPDATE `+t.Name+` SET update_time = ?, version = ?`, Micros{&r.UpdateTime}, r.Version)
	for i, field := range t.Fields(&row) {
		q.Add(`, `+t.Columns[i]+` = ?`, field)
	}
	q.Add(` WHERE brand = ? AND id = ? RETURNING `+t.Read(), r.Brand, r.ID)
	return t.Scan(tx.QueryRow(q.String(), q.Args...).Scan)
}

// Delete removes a row.
func (t *Table[T]) Delete(tx *sqldb.Tx, brand, id string) {
	tx.Defer(`DELETE FROM `+t.Name+` WHERE brand = $1 AND id = $2`, brand, id)
}

// A Listing picks, orders and pages rows of a brand.
type Listing struct {
	Brand string
	Where []filter.Clause // all of them hold
	By    string          // the order
	Limit int
}

// List returns the rows that l picks.
func (t *Table[T]) List(ctx context.Context, db *sqldb.DB, l Listing) ([]T, error) {
	var q sqldb.Query
	q.Add(`SELECT `+t.Read()+` FROM `+t.Name+` WHERE brand = ?`, l.Brand)
	for _, c := range l.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` ORDER BY `+l.By+` LIMIT ?`, l.Limit)
	rows, err := db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	read, err := All(rows, t.Scan)
	return read, sqldb.Fault(err)
}

// Read returns the columns that [Table.Scan] reads, for statements of one's own.
func (t *Table[T]) Read() string {
	if t.Derived == "" {
		return t.stored()
	}
	return t.stored() + `, ` + t.Derived
}

// Scan reads one row; without one it returns [ErrNotFound].
func (t *Table[T]) Scan(scan func(...any) error) (T, error) {
	var row, none T
	r := t.Head(&row)
	into := append([]any{&r.Brand, &r.ID, Micros{&r.CreateTime}, Micros{&r.UpdateTime}, &r.Version}, t.Fields(&row)...)
	if t.Derived != "" {
		into = append(into, t.Result(&row))
	}
	switch err := scan(into...); {
	case errors.Is(err, sql.ErrNoRows):
		return none, ErrNotFound
	case err != nil:
		return none, fmt.Errorf("read %s: %w", t.Name, err)
	}
	return row, nil
}

// stored returns the columns as they are written.
func (t *Table[T]) stored() string {
	return `brand, id, create_time, update_time, version, ` + strings.Join(t.Columns, `, `)
}

// All reads rows with scan and closes them.
func All[T any](rows *sql.Rows, scan func(func(...any) error) (T, error)) (all []T, err error) {
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
