package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestKillLosesNothing: the suite is killed at random moments, again and again,
// while eight writers write. Whatever was acknowledged is there, once, and each
// interaction, answer and resolution has reached the journey, once.
//
// A killed process leaves what it wrote in the system's cache, so this says nothing
// about a power cut.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	const kills = 20
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it draws moments, not secrets
	s := singleOf(t, must(shipped())(t))
	w := write(t, s)
	for range kills {
		<-time.After(50*time.Millisecond + time.Duration(dice.Int64N(int64(350*time.Millisecond))))
		s.parts["gateway"].kill(t)
		s.start(t, "gateway")
	}
	turns := w.end()
	sum := w.recount(t, turns)
	s.parts["gateway"].stop(t)
	sum.doubled += w.audit(t, files(s.data), len(turns))
	fmt.Printf("e2e durability: kills=%d acked=%d lost=%d doubled=%d\n", kills, perTurn*len(turns), sum.lost, sum.doubled)
	if sum != (tally{}) || len(turns) == 0 {
		t.Errorf("of %d turns %+v", len(turns), sum)
	}
}

// files returns the databases of a suite that was one process, by service.
func files(data string) map[string]string {
	dbs := map[string]string{}
	for _, name := range all {
		dbs[name] = "sqlite:" + filepath.Join(data, name+".db")
	}
	return dbs
}

// audit opens the databases of a suite whose work is done: they are sound, hold what the
// turns wrote and nothing besides, and have told it all. It returns how much is there
// that nobody asked for.
func (w *writing) audit(t testing.TB, dbs map[string]string, turns int) (doubled int) {
	t.Helper()
	for service, tables := range map[string]map[string]int{
		"ticket":  {"ticket": turns, "interaction": turns, "outbox": 6 * turns},
		"survey":  {"response": turns, "outbox": turns},
		"journey": {"touchpoint": (2 + batch) * turns, "measure": turns, "dead_letter": 0},
		"gateway": {"brand": 1},
	} {
		db := sqldbtest.Open(t, dbs[service])
		if !db.Postgres() {
			var sound string
			if err := db.Read().QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
				t.Errorf("the database of %s is not sound: %s %v", service, sound, err)
			}
		}
		for table, want := range tables {
			got := rows(t, db, table)
			if got != want {
				t.Errorf("%s has %d rows in %s, want %d", service, got, table, want)
			}
			doubled += max(0, got-want)
		}
		if _, applies := tables["dead_letter"]; applies {
			if n := rows(t, db, "inbox"); n < 3*turns { // it may take notice of others as well
				t.Errorf("%s remembers %d of the %d events that it applied", service, n, 3*turns)
			}
		}
		if _, tells := tables["outbox"]; tells {
			if n := rows(t, db, "outbox WHERE stream = 0"); n != 0 {
				t.Errorf("%s has %d events that it did not tell", service, n)
			}
		}
	}
	return doubled
}

func rows(t testing.TB, db *sqldb.DB, table string) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(sqldb.ForAll(t.Context()), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
