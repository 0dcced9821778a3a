package e2e

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestARoleThatMayReadAndWriteRows has services whose role owns nothing forget a customer and keep
// brands apart: what a service forgets to say is not found. The stories are told to such services as well.
func TestARoleThatMayReadAndWriteRows(t *testing.T) {
	t.Parallel()
	t.Run("erase me", func(t *testing.T) { eraseMe(t, unprivileged(t)) })
	t.Run("a key opens its brand only", func(t *testing.T) { keyOpensItsBrandOnly(t, unprivileged(t, "--keys", brandKeys(t))) })
}

// unprivileged starts a suite that is split, on databases that their owner has migrated.
func unprivileged(t *testing.T, flags ...string) *suite {
	t.Helper()
	role := newRole()
	return splitOn(t, "", func(service string) string { return role.database(t, service) }, append(flags, "--require-unprivileged")...)
}

// A role is one of PostgreSQL that may read and write rows.
type role string

func newRole() role { return role("app_" + strings.ToLower(rand.Text())) }

// database makes a database of a service, which its owner has migrated, and returns its address
// for the role.
func (r role) database(t testing.TB, service string) string {
	t.Helper()
	owner := sqldbtest.Postgres(t)
	statement(t, owner, `DO $$ BEGIN CREATE ROLE `+string(r)+` LOGIN PASSWORD 'app'; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	t.Cleanup(func() { statement(t, owner, `DROP OWNED BY `+string(r)) })
	migrate(t, service, owner, "--grant", string(r))
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(string(r), "app")
	return u.String()
}

// statement runs one on the database at address.
func statement(t testing.TB, address, text string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it is done
	if _, err := conn.Exec(context.Background(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
