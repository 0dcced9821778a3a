package main

import (
	"crypto/rand"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// schema returns what stands in a database of a service, before anybody has called.
func schema(t *testing.T, address string) string {
	t.Helper()
	db, err := sqldb.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query := `SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1`
	if db.Postgres() {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`
	}
	rows, err := db.Read().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

func TestMigratingMakesWhatAStartWouldMake(t *testing.T) {
	started, migrated := t.TempDir(), t.TempDir()
	t.Run("a start", func(t *testing.T) { good(t, "--data", started) })
	for range 2 { // the second has nothing to do
		out, err := prints(t, "migrate", "--data", migrated)
		if want := "ticket is up to date\nsurvey is up to date\njourney is up to date\ngateway is up to date\n"; err != nil || out != want {
			t.Fatalf("it says %q, %v, want %q", out, err, want)
		}
	}
	for _, service := range services {
		got, want := schema(t, "sqlite:"+filepath.Join(migrated, service+".db")), schema(t, "sqlite:"+filepath.Join(started, service+".db"))
		if got != want {
			t.Errorf("the schema of %s is\n%s\nwant\n%s", service, got, want)
		}
	}
	if out, err := prints(t, "migrate", "survey", "--data", migrated, "--db", "sqlite:{data}/ticket.db"); err == nil || !strings.Contains(err.Error(), "belongs to the ticket service") {
		t.Errorf("on the database of another service: %q, %v", out, err)
	}
}

func TestMigratingLeavesAFileInUseAlone(t *testing.T) {
	data := t.TempDir()
	good(t, "--data", data)
	if out, err := prints(t, "migrate", "--data", data); code(err) != 1 || !strings.Contains(err.Error(), "another process uses") {
		t.Errorf("it says %q and ends with %v", out, err)
	}
}

func TestMigratingAsTheOwnerLetsAnotherRoleServe(t *testing.T) {
	keys := rooted(t)
	role := "app_" + strings.ToLower(rand.Text())
	for _, service := range []string{"ticket", "survey", "journey", "gateway"} {
		t.Run(service, func(t *testing.T) {
			owner := sqldbtest.Postgres(t)
			admin, err := pgx.Connect(t.Context(), owner)
			if err != nil {
				t.Fatal(err)
			}
			execute := func(statement string) {
				t.Helper()
				if _, err := admin.Exec(t.Context(), strings.ReplaceAll(statement, "ROLE_NAME", role)); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			defer admin.Close(t.Context()) //nolint:errcheck // it is done
			execute(`CREATE ROLE ROLE_NAME LOGIN PASSWORD 'app'`)
			defer execute(`DROP ROLE ROLE_NAME`)
			defer execute(`DROP OWNED BY ROLE_NAME`)
			u, err := url.Parse(owner)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword(role, "app")
			t.Setenv("CONCENTRIC_DB", u.String())
			t.Setenv("CONCENTRIC_BUS", "nats://127.0.0.1:1")
			if err := run(t.Context(), append(here[:3:3], service, "--data", t.TempDir(), "--require-unprivileged")); code(err) != 2 {
				t.Errorf("a start before there are tables ends with %v", err)
			}
			t.Setenv("CONCENTRIC_DB", owner)
			for range 2 {
				if out, err := prints(t, "migrate", service, "--grant", role); err != nil || out != service+" is up to date\n" {
					t.Fatalf("migrate says %q, %v", out, err)
				}
			}
			t.Setenv("CONCENTRIC_DB", u.String())
			addr := good(t, service, "--data", t.TempDir(), "--require-unprivileged", "--keys", keys)
			t.Setenv("CONCENTRIC_DB", owner) // a release after it migrates while this one serves
			before := schema(t, owner)
			if out, err := prints(t, "migrate", service, "--grant", role); err != nil {
				t.Fatalf("migrate beside a service says %q, %v", out, err)
			}
			if after := schema(t, owner); after != before {
				t.Errorf("the schema is\n%s\nwant that of the service\n%s", after, before)
			}
			if service == "ticket" {
				if got := lists(t, addr, "root", "brands/acme"); got != codes.OK {
					t.Errorf("a call while and after it = %v", got)
				}
			}
		})
	}
}

func TestGrantingToNobodyFails(t *testing.T) {
	if _, err := prints(t, "migrate", "ticket", "--data", t.TempDir(), "--grant", "someone"); err == nil || !strings.Contains(err.Error(), "SQLite has no roles") {
		t.Errorf("on SQLite: %v", err)
	}
	t.Setenv("CONCENTRIC_DB", sqldbtest.Postgres(t))
	if _, err := prints(t, "migrate", "ticket", "--grant", "no such; role"); err == nil || !strings.Contains(err.Error(), `role "no such; role" does not exist`) {
		t.Errorf("to a role that is not there: %v", err)
	}
}
