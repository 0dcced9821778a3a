// Package privacytest holds a service to having thought of everything it keeps.
package privacytest

import (
	"slices"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// shared are the tables of what all services have. Their bytes are looked through by
// [privacy.Trace], or hold ids, hashes, counts and times alone.
var shared = []string{
	"outbox", "condemned", "inbox", "stopped_key", "dead_letter", "request", "owner", "operation", "operation_part", "tombstone", "tombstone_key", "retention",
	"audit_event", "audit_head",
}

// Complete fails for each column of text or bytes in db of which tables do not say what
// becomes of it when a customer is erased, and for what they say of tables that are not there.
func Complete(t *testing.T, db *sqldb.DB, tables []privacy.Table) {
	t.Helper()
	there := columns(t, db)
	for _, one := range tables {
		if there[one.Name] == nil {
			t.Errorf("there is no table %s", one.Name)
		}
		for _, c := range one.Plain {
			if c != "*" && !slices.Contains(there[one.Name], c) {
				t.Errorf("%s has no column %s", one.Name, c)
			}
		}
	}
	for table, all := range there {
		if slices.Contains(shared, table) || strings.HasSuffix(table, "_migration") || strings.HasPrefix(table, "sqlite_") {
			continue
		}
		for _, column := range all {
			decided := slices.ContainsFunc(tables, func(one privacy.Table) bool { return one.Name == table && one.Decides(column) })
			if !decided && column != "brand" {
				t.Errorf("nobody says what becomes of %s.%s when a customer is erased", table, column)
			}
		}
	}
}

// columns returns the columns of text or bytes of each table.
func columns(t *testing.T, db *sqldb.DB) map[string][]string {
	query := `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`
	if db.Postgres() {
		query = `SELECT table_name, column_name, data_type FROM information_schema.columns JOIN pg_class ON relname = table_name
			WHERE table_schema = current_schema() AND relnamespace = current_schema()::REGNAMESPACE AND NOT relispartition`
	}
	rows, err := db.Read().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string][]string{}
	for rows.Next() {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			t.Fatal(err)
		}
		if found[table] == nil {
			found[table] = []string{}
		}
		switch strings.ToUpper(kind) {
		case "TEXT", "BLOB", "BYTEA", "":
			found[table] = append(found[table], column)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
