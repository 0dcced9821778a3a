package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// Digests returns those of ids that are taken, each with the digest of the row that
// brought it, empty for none.
func Digests(tx *sqldb.Tx, brand string, ids []string) (map[string]string, error) {
	var q sqldb.Query
	q.Add(`SELECT id, import_digest FROM ticket WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	found, err := table.All(rows, func(scan func(...any) error) (row [2]string, err error) {
		err = scan(&row[0], &row[1])
		return row, err
	})
	digests := make(map[string]string, len(found))
	for _, row := range found {
		digests[row[0]] = row[1]
	}
	return digests, err
}
