package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Key names a ticket.
type Key struct{ Brand, ID string }

// batch is how many tickets a sweep changes in one transaction.
const batch = 100

// Due returns tickets that were resolved before a time and not written since another,
// a batch at most, without so many of the first.
func (s *Store) Due(ctx context.Context, resolved, written time.Time, without int) ([]Key, error) {
	var q sqldb.Query
	q.Add(`SELECT brand, id FROM ticket WHERE state = 5 AND resolve_time < ? AND update_time < ? AND delete_time IS NULL
		ORDER BY resolve_time, brand, id LIMIT ? OFFSET ?`, sqldb.Micros(resolved), sqldb.Micros(written), batch, without)
	return list(ctx, s.db, &q, scanKey)
}

func scanKey(scan func(...any) error) (k Key, err error) {
	err = scan(&k.Brand, &k.ID)
	return k, err
}

// partsOf are the tables that hold what belongs to a ticket.
var partsOf = []string{"interaction", "ticket_event", "reopening", "sla_instance", "sla_timer"}

// Purge removes a batch of tickets that were deleted before a time, with all that
// belongs to them, and reports whether there were any.
func Purge(tx *sqldb.Tx, deleted time.Time) (bool, error) {
	rows, err := tx.Query(`
		DELETE FROM ticket WHERE (brand, id) IN (SELECT brand, id FROM ticket WHERE delete_time < $1 ORDER BY delete_time LIMIT $2)
		RETURNING brand, id`, sqldb.Micros(deleted), batch)
	if err != nil {
		return false, err
	}
	gone, err := table.All(rows, scanKey)
	for _, k := range gone {
		for _, part := range partsOf {
			tx.Defer(`DELETE FROM `+part+` WHERE brand = $1 AND ticket = $2`, k.Brand, k.ID)
		}
	}
	return len(gone) > 0, err
}
