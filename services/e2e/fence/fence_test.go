package fence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

// migrations bring the database of each service up to date.
var migrations = map[string]func(context.Context, *sqldb.DB) error{
	"ticket": ticket.Migrate, "survey": survey.Migrate, "journey": journey.Migrate, "gateway": gateway.Migrate,
}

const (
	// brandTables finds the tables that have a brand, those that are divided included.
	brandTables = `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::REGNAMESPACE AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND a.attname = 'brand' AND NOT a.attisdropped ORDER BY 1`
	// dividedTables finds those that are divided, and partitions what they consist of.
	dividedTables = `SELECT relname FROM pg_class WHERE relnamespace = 'public'::REGNAMESPACE AND relkind = 'p' ORDER BY 1`
	partitions    = `SELECT relname FROM pg_class WHERE relnamespace = 'public'::REGNAMESPACE AND relispartition AND relkind = 'r' ORDER BY 1`
)

// migrated returns the address of an empty database of a service on PostgreSQL, a
// connection of its owner, and the address of a role that may read and write rows there and no more.
func migrated(t *testing.T, service string) (address string, owner *pgx.Conn, app string) {
	t.Helper()
	address = sqldbtest.Postgres(t)
	db := sqldbtest.Open(t, address)
	if err := errors.Join(sqldb.Own(t.Context(), db, service), migrations[service](t.Context(), db)); err != nil {
		t.Fatal(err)
	}
	owner = connected(t, address)
	role := "app_" + strings.ToLower(rand.Text())
	run(t, owner, `CREATE ROLE `+role+` LOGIN PASSWORD 'app'`)
	t.Cleanup(func() {
		run(t, owner, `DROP OWNED BY `+role)
		run(t, owner, `DROP ROLE `+role)
	})
	if err := db.Grant(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	return address, owner, u.String()
}

func connected(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // it is done
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// tableNames returns the first column of a query.
func tableNames(t *testing.T, conn *pgx.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryTableWithABrandIsFenced(t *testing.T) {
	for service := range migrations {
		t.Run(service, func(t *testing.T) {
			_, owner, app := migrated(t, service)
			tables := tableNames(t, owner, brandTables)
			if len(tables) < 10 {
				t.Fatalf("only %v have a brand", tables)
			}
			conn := connected(t, app)
			for _, table := range tables {
				for _, brand := range []string{"acme", "bravo"} {
					run(t, owner, sample(t, owner, table, brand))
				}
				fenced(t, conn, table, sample(t, owner, table, "castle"))
			}
			for _, table := range tableNames(t, owner, `SELECT tablename FROM pg_policies WHERE policyname = 'everyone'`) {
				run(t, owner, sample(t, owner, table, ""))
				check(t, conn, table, []step{
					{"nothing said, read", "", `SELECT FROM ` + table, 0, false},
					{"what every brand begins with, read", "acme", `SELECT FROM ` + table + ` WHERE id IN ('', 'acme', 'bravo')`, 2, false},
					{"what every brand begins with, change", "acme", `UPDATE ` + table + ` SET version = 2 WHERE brand = ''`, 0, false},
					{"what every brand begins with, delete", "acme", `DELETE FROM ` + table + ` WHERE brand = ''`, 0, false},
				})
			}
		})
	}
}

// TestAPartitionIsReachedThroughItsTableAlone: whoever owns nothing sees no row of a partition
// and adds none to it, whatever they say.
func TestAPartitionIsReachedThroughItsTableAlone(t *testing.T) {
	for service, divided := range map[string]string{"ticket": "interaction", "survey": "answer response", "journey": "touchpoint"} {
		t.Run(service, func(t *testing.T) {
			_, owner, app := migrated(t, service)
			tables := tableNames(t, owner, dividedTables)
			if got := strings.Join(tables, " "); got != divided {
				t.Errorf("%s are divided, want %s", got, divided)
			}
			for _, table := range tables {
				run(t, owner, sample(t, owner, table, "acme"))
			}
			conn := connected(t, app)
			parts := tableNames(t, owner, partitions)
			if len(parts) != 16*len(tables) {
				t.Errorf("there are %d partitions of %v", len(parts), tables)
			}
			for _, part := range parts {
				for _, who := range []string{"acme", "*"} {
					check(t, conn, part, []step{
						{"read", who, `SELECT FROM ` + part, 0, false},
						{"change", who, `UPDATE ` + part + ` SET brand = brand`, 0, false},
						{"delete", who, `DELETE FROM ` + part, 0, false},
						{"add", who, sample(t, owner, part, "acme"), 0, true},
					})
				}
			}
		})
	}
}

// sample returns a statement that adds a row of a brand to a table: texts are its name,
// numbers the length of that.
func sample(t *testing.T, owner *pgx.Conn, table, brand string) string {
	t.Helper()
	columns := tableNames(t, owner, `SELECT attname FROM pg_attribute WHERE attrelid = '`+table+`'::REGCLASS AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	types := tableNames(t, owner, `SELECT atttypid::REGTYPE::TEXT FROM pg_attribute WHERE attrelid = '`+table+`'::REGCLASS AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	values := make([]string, len(columns))
	for i, kind := range types {
		switch kind {
		case "text", "bytea":
			values[i] = `'` + brand + `'`
		default:
			values[i] = fmt.Sprint(len(brand), `::`, kind)
		}
	}
	return `INSERT INTO ` + table + ` (` + strings.Join(columns, `, `) + `) VALUES (` + strings.Join(values, `, `) + `)`
}

// fenced fails unless statements without a brand see, change and add only rows of the brand that the
// transaction is for.
func fenced(t *testing.T, app *pgx.Conn, table, foreign string) {
	t.Helper()
	check(t, app, table, []step{
		{"nothing said, read", "", `SELECT FROM ` + table, 0, false},
		{"nothing said, change", "", `UPDATE ` + table + ` SET brand = brand`, 0, false},
		{"nothing said, add", "", foreign, 0, true},
		{"one brand, read", "acme", `SELECT FROM ` + table + ` WHERE brand <> ''`, 1, false},
		{"another's row, read", "acme", `SELECT FROM ` + table + ` WHERE brand = 'bravo'`, 0, false},
		{"another's row, delete", "acme", `DELETE FROM ` + table + ` WHERE brand = 'bravo'`, 0, false},
		{"a row to another brand", "acme", `UPDATE ` + table + ` SET brand = 'bravo'`, 0, true},
		{"a row of another brand, add", "acme", foreign, 0, true},
		{"the own row, add", "castle", foreign, 1, false},
		{"all, read", "*", `SELECT FROM ` + table + ` WHERE brand <> ''`, 2, false},
		{"one brand, delete", "acme", `DELETE FROM ` + table, 1, false},
	})
}

// A step is a statement in a transaction of its own, which is taken back.
type step struct {
	name, who, do string
	want          int64 // rows
	refused       bool
}

func check(t *testing.T, app *pgx.Conn, table string, steps []step) {
	t.Helper()
	for _, step := range steps {
		tx, err := app.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if step.who != "" {
			if _, err := tx.Exec(t.Context(), `SELECT set_config('concentric.brand', $1, TRUE)`, step.who); err != nil {
				t.Fatal(err)
			}
		}
		tag, err := tx.Exec(t.Context(), step.do)
		var no *pgconn.PgError
		refused := errors.As(err, &no) && no.Code == "42501"
		if refused != step.refused || err != nil && !refused || err == nil && tag.RowsAffected() != step.want {
			t.Errorf("%s: %s: %d rows, %v; want %d, refused %v", table, step.name, tag.RowsAffected(), err, step.want, step.refused)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
