package e2e

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestABackupUnderLoadIsWhole: a backup is taken while eight writers write, the suite is
// killed, and another one begins with the backup. All that was acknowledged before the
// backup is there, once, and has reached the journey, once; and work goes on.
func TestABackupUnderLoadIsWhole(t *testing.T) {
	t.Parallel()
	t.Run("single", func(t *testing.T) {
		s := single(t)
		out, again := filepath.Join(t.TempDir(), "backup"), t.TempDir()
		comesBack(t, s, func() { command(t, "backup", "--data", s.data, out) }, func() {
			s.parts["gateway"].kill(t)
			command(t, "restore", "--data", again, out)
			s.data, s.parts["gateway"].args[1] = again, again
			s.start(t, "gateway")
		})
		s.parts["gateway"].stop(t)
		appliedOnce(t, "sqlite:"+filepath.Join(again, "journey.db"))
	})
	t.Run("split", func(t *testing.T) {
		s := split(t)
		dir := t.TempDir()
		comesBack(t, s, func() {
			for _, name := range dumped { // who listens comes first
				tool(t, "pg_dump", "--format=custom", "--file", filepath.Join(dir, name), plain(t, s.parts[name].db))
			}
		}, func() {
			for _, name := range all {
				s.parts[name].kill(t)
				p := s.parts[name]
				db := sqldbtest.Postgres(t)
				tool(t, "pg_restore", "--dbname", plain(t, db), filepath.Join(dir, name))
				p.args[slices.Index(p.args, p.db)], p.db = db, db
			}
			s.bus.stop() // the bus holds events of a future that is gone
			if err := os.RemoveAll(filepath.Join(s.bus.dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
			s.bus.start(t)
			s.start(t, all...)
		})
		appliedOnce(t, s.parts["journey"].db)
	})
}

// dumped is the order in which databases are copied: who listens comes before whom it listens to.
var dumped = []string{"gateway", "journey", "survey", "ticket"}

// comesBack backs a suite up while writers write, puts it back, and looks at what is there.
func comesBack(t *testing.T, s *suite, backup, restore func()) {
	t.Helper()
	w := write(t, s)
	eventually(t, func() error {
		if n := len(w.acked()); n < 4*writers {
			return fmt.Errorf("%d turns", n)
		}
		return nil
	})
	before := w.acked()
	backup()
	during := len(w.acked()) - len(before)
	after := w.end()
	restore()
	sum := w.recount(t, before)
	fmt.Printf("e2e backup: acked=%d during=%d afterwards=%d lost=%d doubled=%d\n",
		perTurn*len(before), perTurn*during, perTurn*(len(after)-len(before)-during), sum.lost, sum.doubled)
	if sum != (tally{}) {
		t.Errorf("of %d turns %+v", len(before), sum)
	}
	next := write(t, s)
	eventually(t, func() error {
		if n := len(next.acked()); n < writers {
			return fmt.Errorf("%d turns after the backup came back", n)
		}
		return nil
	})
	turns := next.end()
	if sum := next.recount(t, turns); sum != (tally{}) {
		t.Errorf("of %d new turns %+v", len(turns), sum)
	}
}

// appliedOnce looks whether what the outboxes sent again was applied once.
func appliedOnce(t *testing.T, journey string) {
	t.Helper()
	db := sqldbtest.Open(t, journey)
	if n := rows(t, db, `(SELECT source, event_id FROM touchpoint GROUP BY brand, source, event_id HAVING COUNT(*) > 1) AS twice`); n != 0 {
		t.Errorf("%d touchpoints are there twice", n)
	}
	if n := rows(t, db, "dead_letter"); n != 0 {
		t.Errorf("%d events could not be applied", n)
	}
}

// plain returns the URL of a PostgreSQL database as its own tools take it.
func plain(t *testing.T, db string) string {
	t.Helper()
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = ""
	return u.String()
}

// tool runs a program of PostgreSQL to its good end.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil { // beside the server's
		bin, err := sqldbtest.Binaries()
		if err != nil && os.Getenv("CONCENTRIC_TEST_REQUIRE_POSTGRES") == "1" {
			t.Fatal(err)
		}
		if err != nil {
			t.Skip("PostgreSQL's own tools are not here: ", err)
		}
		path = filepath.Join(bin, name)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// command runs a command of the binary to its good end.
func command(t testing.TB, args ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}
