package sqldb_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestARoleThatMayDoMoreThanReadAndWriteIsRefused(t *testing.T) {
	address := sqldbtest.Postgres(t)
	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context()) //nolint:errcheck // it is done
	role := "app_" + strings.ToLower(rand.Text())
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), strings.ReplaceAll(statement, "ROLE_NAME", role)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run(`CREATE ROLE ROLE_NAME LOGIN PASSWORD 'app'`)
	defer run(`DROP ROLE ROLE_NAME`)
	defer run(`DROP OWNED BY ROLE_NAME`)
	run(`REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	migrated(t, sqldbtest.Open(t, address))
	run(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ROLE_NAME`)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	app := sqldbtest.Open(t, u.String())
	if err := app.Unprivileged(t.Context()); err != nil {
		t.Errorf("a role that may read and write: %v", err)
	}
	migrated(t, app) // there is nothing to migrate, which it may
	for _, tt := range []struct{ give, take, want string }{
		{`ALTER ROLE ROLE_NAME BYPASSRLS`, `ALTER ROLE ROLE_NAME NOBYPASSRLS`, "bypasses row-level security"},
		{`ALTER ROLE ROLE_NAME SUPERUSER`, `ALTER ROLE ROLE_NAME NOSUPERUSER`, "is a superuser"},
		{`GRANT CREATE ON SCHEMA public TO ROLE_NAME`, `REVOKE CREATE ON SCHEMA public FROM ROLE_NAME`, "may make tables"},
		{`ALTER TABLE item OWNER TO ROLE_NAME`, `ALTER TABLE item OWNER TO CURRENT_USER`, "owns tables"},
	} {
		run(tt.give)
		if err := app.Unprivileged(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("after %s: %v, want an error that says it %s", tt.give, err, tt.want)
		}
		run(tt.take)
	}
	if err := app.Unprivileged(t.Context()); err != nil {
		t.Errorf("after all was taken back: %v", err)
	}
	if err := sqldbtest.Open(t, sqldbtest.SQLite(t)).Unprivileged(t.Context()); err == nil {
		t.Error("whoever opens a SQLite file passes for unprivileged")
	}
}
