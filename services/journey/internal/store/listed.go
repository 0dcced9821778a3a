package store

import (
	"encoding/json"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// listed adds to q that column is one of values. The text is the same for any number of
// them, so that a database prepares it once.
func (s *Store) listed(q *sqldb.Query, column string, values []string) {
	if s.db.Postgres() {
		q.Add(` AND `+column+` = ANY(?::text[])`, values)
		return
	}
	q.Add(` AND `+column+` IN (SELECT value FROM json_each(?))`, s.list(values))
}

// list returns values as one argument: what unnest takes apart on PostgreSQL and
// json_each on SQLite.
func (s *Store) list(values []string) any {
	if s.db.Postgres() {
		return values
	}
	text, _ := json.Marshal(values) //nolint:errchkjson // strings
	return string(text)
}
