package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An Export is all that is kept of a customer, as far as it is collected.
type Export struct {
	Brand, ID  string
	Customer   string   // the id
	Customers  []string // the names of all that are one with it
	Place      int64    // after the last service once it can be read, before that of no meaning
	Counts     []byte   // of what was found
	ExpireTime time.Time
}

const exportColumns = `brand, id, customer, customers, place, counts, expire_time`

func (e *Export) fields() []any {
	return []any{
		&e.Brand, &e.ID, &e.Customer, table.Array[string]{Of: &e.Customers}, &e.Place, &e.Counts, table.Micros{Of: &e.ExpireTime},
	}
}

// AddExport adds e.
func AddExport(tx *sqldb.Tx, e Export) {
	tx.Defer(`INSERT INTO export (`+exportColumns+`) VALUES `+sqldb.Values(1, 7), e.fields()...)
}

// Export returns one or [table.ErrNotFound].
func (s *Store) Export(ctx context.Context, brand, id string) (Export, error) {
	var e Export
	err := s.db.Read().QueryRowContext(ctx, `SELECT `+exportColumns+` FROM export WHERE brand = $1 AND id = $2`, brand, id).Scan(e.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return e, table.ErrNotFound
	}
	return e, sqldb.Fault(err)
}

// EndExport lets e be read. It reports whether there still is e.
func EndExport(tx *sqldb.Tx, e Export) (bool, error) {
	tx.Defer(`DELETE FROM export_part WHERE brand = $1 AND export = $2 AND place < $3`, e.Brand, e.ID, int64(firstPlace))
	n, err := tx.Exec(`UPDATE export SET place = $1, counts = $2 WHERE brand = $3 AND id = $4`, e.Place, e.Counts, e.Brand, e.ID)
	return n > 0, err
}

// firstPlace is the first place of what is kept of an export. Below it are those of a release
// that took one service after the other.
const firstPlace = 100

// ClearParts forgets what a part of e has found.
func ClearParts(tx *sqldb.Tx, e Export, part int64) {
	tx.Defer(`DELETE FROM export_part WHERE brand = $1 AND export = $2 AND place = $3`, e.Brand, e.ID, firstPlace+part)
}

// AddPart keeps some of what a part of e has found, unless there is no e any more.
func AddPart(tx *sqldb.Tx, e Export, part, number int64, sealed string) {
	tx.Defer(`INSERT INTO export_part (brand, export, place, number, sealed)
		SELECT brand, id, $1, $2, $3 FROM export WHERE brand = $4 AND id = $5`, firstPlace+part, number, sealed, e.Brand, e.ID)
}

// Part returns the part of e after a given one, with its place and number, or
// [table.ErrNotFound] after the last.
func (s *Store) Part(ctx context.Context, e Export, place, number int64) (at, n int64, sealed string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `
		SELECT place, number, sealed FROM export_part WHERE brand = $1 AND export = $2 AND (place, number) > ($3, $4)
		ORDER BY place, number LIMIT 1`, e.Brand, e.ID, place, number).Scan(&at, &n, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		err = table.ErrNotFound
	}
	return at, n, sealed, sqldb.Fault(err)
}

// ForgetExports removes what has expired, and what was found of customers who were erased at
// that moment. It returns how many exports there were.
func ForgetExports(tx *sqldb.Tx, now time.Time) (int64, error) {
	n, err := tx.Exec(`DELETE FROM export WHERE expire_time < $1`, sqldb.Micros(now))
	tx.Defer(`DELETE FROM export_part WHERE NOT EXISTS (SELECT 1 FROM export e WHERE e.brand = export_part.brand AND e.id = export_part.export)`)
	return n, err
}
