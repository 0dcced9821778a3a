package e2e

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestStoriesUnderARoleThatMayReadAndWriteRows runs the stories on services whose role owns nothing, so
// that PostgreSQL keeps brands apart by itself: what a service forgets to say is not found.
func TestStoriesUnderARoleThatMayReadAndWriteRows(t *testing.T) {
	t.Run("stories", func(t *testing.T) {
		s := unprivileged(t)
		tell(t, s, map[string]*clients{"door": s.door()})
		t.Run("erase me", func(t *testing.T) { eraseMe(t, s) })
	})
	t.Run("a key opens its brand only", func(t *testing.T) { keyOpensItsBrandOnly(t, unprivileged(t, "--keys", brandKeys(t))) })
}

// unprivileged starts a suite that is split, on databases that their owner has migrated.
func unprivileged(t *testing.T, flags ...string) *suite {
	t.Helper()
	role := "app_" + strings.ToLower(rand.Text())
	return splitOn(t, "", func(service string) string {
		owner := sqldbtest.Postgres(t)
		statement(t, owner, `DO $$ BEGIN CREATE ROLE `+role+` LOGIN PASSWORD 'app'; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
		t.Cleanup(func() { statement(t, owner, `DROP OWNED BY `+role) })
		path, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		migrate := exec.Command(path, "migrate", service, "--grant", role)
		migrate.Env = append(os.Environ(), "CONCENTRIC_DB="+owner)
		if out, err := migrate.CombinedOutput(); err != nil {
			t.Fatalf("migrate %s: %v: %s", service, err, out)
		}
		u, err := url.Parse(owner)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(role, "app")
		return u.String()
	}, append(flags, "--require-unprivileged")...)
}

// statement runs one on the database at address.
func statement(t *testing.T, address, text string) {
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
