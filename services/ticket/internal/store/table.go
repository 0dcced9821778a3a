package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Record is what every row of a [Table] has.
type Record struct {
	Brand, ID  string
	CreateTime time.Time
	UpdateTime time.Time
	Version    int64
}

// A Table keeps resources that are created, changed and deleted alike. It is safe
// for concurrent use.
type Table[T any] struct {
	name    string
	columns []string       // beside those of the Record
	fields  func(*T) []any // what the columns hold, to be read and written
	record  func(*T) *Record

	derived string // an expression that is read with the columns but not written
	result  func(*T) any
}

// Record returns what row has in common with those of other tables.
func (t *Table[T]) Record(row T) Record { return *t.record(&row) }

// Add adds a row and returns it. It returns [ErrExists] if the id is taken.
func (t *Table[T]) Add(tx *sqldb.Tx, row T) (T, error) {
	r := t.record(&row)
	args := append([]any{r.Brand, r.ID, micros{&r.CreateTime}, micros{&r.UpdateTime}, r.Version}, t.fields(&row)...)
	row, err := t.scan(tx.QueryRow(`INSERT INTO `+t.name+` (`+t.stored()+`) VALUES `+sqldb.Values(1, len(args))+
		` ON CONFLICT DO NOTHING RETURNING `+t.read(), args...).Scan)
	if errors.Is(err, ErrNotFound) {
		err = ErrExists
	}
	return row, err
}

// Read returns one row or [ErrNotFound].
func (t *Table[T]) Read(tx *sqldb.Tx, brand, id string) (T, error) {
	return t.scan(tx.QueryRow(`SELECT `+t.read()+` FROM `+t.name+` WHERE brand = $1 AND id = $2`, brand, id).Scan)
}

// Lock is [Table.Read] for a transaction that depends on the row: until it ends,
// nobody else changes, deletes or locks the row.
func (t *Table[T]) Lock(tx *sqldb.Tx, brand, id string) (T, error) {
	return t.scan(tx.QueryRow(`UPDATE `+t.name+` SET version = version WHERE brand = $1 AND id = $2 RETURNING `+t.read(), brand, id).Scan)
}

// Update writes a row that the transaction has locked and returns it in its next
// version.
func (t *Table[T]) Update(tx *sqldb.Tx, row T) (T, error) {
	r := t.record(&row)
	r.Version++
	var q query
	q.add(`UPDATE `+t.name+` SET update_time = ?, version = ?`, micros{&r.UpdateTime}, r.Version)
	for i, field := range t.fields(&row) {
		q.add(`, `+t.columns[i]+` = ?`, field)
	}
	q.add(` WHERE brand = ? AND id = ? RETURNING `+t.read(), r.Brand, r.ID)
	return t.scan(tx.QueryRow(q.String(), q.args...).Scan)
}

// Delete removes a row.
func (t *Table[T]) Delete(tx *sqldb.Tx, brand, id string) {
	tx.Defer(`DELETE FROM `+t.name+` WHERE brand = $1 AND id = $2`, brand, id)
}

// A Listing picks, orders and pages rows of a brand.
type Listing struct {
	Brand string
	Where []filter.Clause // all of them hold
	By    string          // the order
	Limit int
}

// List returns the rows that l picks.
func (t *Table[T]) List(ctx context.Context, s *Store, l Listing) ([]T, error) {
	var q query
	q.add(`SELECT `+t.read()+` FROM `+t.name+` WHERE brand = ?`, l.Brand)
	for _, c := range l.Where {
		q.add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.add(` ORDER BY `+l.By+` LIMIT ?`, l.Limit)
	return list(ctx, s.db, &q, t.scan)
}

// stored returns the columns as they are written.
func (t *Table[T]) stored() string {
	return `brand, id, create_time, update_time, version, ` + strings.Join(t.columns, `, `)
}

// read returns what is read of a row.
func (t *Table[T]) read() string {
	if t.derived == "" {
		return t.stored()
	}
	return t.stored() + `, ` + t.derived
}

func (t *Table[T]) scan(scan func(...any) error) (T, error) {
	var row, none T
	r := t.record(&row)
	into := append([]any{&r.Brand, &r.ID, micros{&r.CreateTime}, micros{&r.UpdateTime}, &r.Version}, t.fields(&row)...)
	if t.derived != "" {
		into = append(into, t.result(&row))
	}
	if err := scan(into...); err != nil {
		return none, missing(t.name, err)
	}
	return row, nil
}
