package sqldb_test

import (
	"bytes"
	"context"
	"database/sql"
	"io/fs"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // "pgx"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// wantFault reports err unless it is the fault with this code and reason.
func wantFault(t *testing.T, err error, code codes.Code, reason string) {
	t.Helper()
	if status.Code(err) != code || fault.Reason(err) != reason {
		t.Errorf("error = %v (%v, %q), want %v, %s", err, status.Code(err), fault.Reason(err), code, reason)
	}
}

func TestFaultLeavesOtherErrorsAlone(t *testing.T) {
	for _, err := range []error{nil, errRefused, sql.ErrNoRows, context.Canceled, context.DeadlineExceeded, fault.NotFound("x"), fs.ErrNotExist} {
		if got := sqldb.Fault(err); got != err { //nolint:errorlint // the very same
			t.Errorf("Fault(%v) = %v", err, got)
		}
	}
}

func TestAFullDiskIsAFault(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		var pages int
		if err := tx.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
			return err
		}
		return tx.QueryRow(`PRAGMA max_page_count = 12`).Scan(&pages)
	}); err != nil {
		t.Fatal(err)
	}
	big := string(bytes.Repeat([]byte("x"), 100_000))
	var wg sync.WaitGroup
	for id := range 20 {
		wg.Go(func() {
			if id%2 == 0 {
				if err := add(t.Context(), db, id); err != nil {
					t.Errorf("a small write: %v", err)
				}
				return
			}
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				tx.Defer(insert, 1000+id, rowName(1000+id))
				_, err := tx.Exec(insert, id, big+rowName(id))
				return err
			})
			wantFault(t, err, codes.ResourceExhausted, "STORAGE_FULL")
		})
	}
	wg.Wait()
	if got := count(t, db); got != 10 {
		t.Errorf("rows = %d, want the 10 small ones", got)
	}
}

func TestAReadOnlyStorageIsAFault(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(`PRAGMA query_only = 1`); return err }); err != nil {
			t.Fatal(err)
		}
		wantFault(t, add(t.Context(), db, 1), codes.Unavailable, "STORAGE_READ_ONLY")
	})
	t.Run("postgres", func(t *testing.T) {
		url := sqldbtest.Postgres(t)
		migrated(t, sqldbtest.Open(t, url))
		db := sqldbtest.Open(t, url+"&default_transaction_read_only=on")
		wantFault(t, add(t.Context(), db, 1), codes.Unavailable, "STORAGE_READ_ONLY")
	})
}

func TestASlowStatementIsAFault(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)+"&statement_timeout=100ms"))
	_, err := db.Read().ExecContext(t.Context(), `SELECT pg_sleep(5)`)
	wantFault(t, sqldb.Fault(err), codes.DeadlineExceeded, "STORAGE_TIMEOUT")
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(`SELECT pg_sleep(5)`); return err })
	wantFault(t, err, codes.DeadlineExceeded, "STORAGE_TIMEOUT")
	if err := add(t.Context(), db, 1); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestALockThatStaysIsAConflict(t *testing.T) {
	url := sqldbtest.Postgres(t) + "&lock_timeout=50ms"
	db, other := migrated(t, sqldbtest.Open(t, url)), sqldbtest.Open(t, url)
	if err := add(t.Context(), db, 1); err != nil {
		t.Fatal(err)
	}
	update := func(tx *sqldb.Tx) error { tx.Defer(`UPDATE item SET n = n + 1 WHERE id = $1`, 1); return nil }
	err := other.Write(t.Context(), func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE item SET n = 100 WHERE id = $1`, 1); err != nil {
			return err
		}
		wantFault(t, db.Write(t.Context(), update), codes.Aborted, "CONFLICT")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), update); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func TestDeadlockedWritesRunAgain(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	for id := range 2 {
		if err := add(t.Context(), db, id); err != nil {
			t.Fatal(err)
		}
	}
	var met, wg sync.WaitGroup
	met.Add(2)
	started := make(chan struct{}, 2)
	for id := range 2 {
		wg.Go(func() {
			first := true
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := tx.Exec(`UPDATE item SET n = n + 1 WHERE id = $1`, id); err != nil {
					return err
				}
				if first { // go on when both hold their first row
					first = false
					started <- struct{}{}
					met.Done()
					met.Wait()
				}
				_, err := tx.Exec(`UPDATE item SET n = n + 1 WHERE id = $1`, 1-id)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-started // or one lane would take both
	}
	wg.Wait()
	var sum int
	if err := db.Read().QueryRowContext(t.Context(), `SELECT SUM(n) FROM item`).Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum = %d, %v; want 4", sum, err)
	}
}

// terminate ends all other connections to the database of db.
func terminate(t *testing.T, url string) {
	t.Helper()
	conn, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is done
	if _, err := conn.ExecContext(t.Context(),
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
}

func TestALaneConnectsAgain(t *testing.T) {
	url := sqldbtest.Postgres(t)
	db := migrated(t, sqldbtest.Open(t, url))
	for round := range 3 {
		for i := range 20 {
			if err := add(t.Context(), db, round*100+i); err != nil {
				t.Errorf("write %d after the connections broke: %v", i, err)
			}
		}
		if got, want := count(t, db), (round+1)*20; got != want {
			t.Errorf("rows = %d, want %d", got, want)
		}
		terminate(t, url)
	}
}

func TestAWriteWhoseConnectionBreaksRunsAgain(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	runs := 0
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		runs++
		tx.Defer(insert, 1, "once")
		if runs > 1 {
			return nil
		}
		_, err := tx.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("error = %v after %d runs, want none after 2", err, runs)
	}
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	wantFault(t, err, codes.Unavailable, "STORAGE_UNAVAILABLE")
	if got := count(t, db); got != 1 {
		t.Errorf("rows = %d, want 1", got)
	}
}

func TestAConnectionThatBreaksInTheCommitIsUnavailable(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	if err := add(t.Context(), db, 1); err != nil { // the next BEGIN travels with the COMMIT
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`SELECT pg_terminate_backend(pg_backend_pid())`)
		return nil
	})
	wantFault(t, err, codes.Unavailable, "STORAGE_UNAVAILABLE")
	if err := add(t.Context(), db, 2); err != nil {
		t.Errorf("the next write: %v", err)
	}
}
