package sqldbtest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// childEnv makes TestAServerEndsWithItsTests play the binary that is killed.
const childEnv = "CONCENTRIC_SQLDBTEST_CHILD"

func TestEachDatabaseIsEmptyAndItsOwn(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for range 2 {
			if err := open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`CREATE TABLE mine (id BIGINT PRIMARY KEY)`)
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestACopyHoldsWhatTheTemplateDoesAndIsItsOwn(t *testing.T) {
	prepared := sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
		return db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`CREATE TABLE IF NOT EXISTS mine (id BIGINT PRIMARY KEY)`)
			return err
		})
	})
	if os.Getenv("CONCENTRIC_TEST_POSTGRES") != "" {
		t.Skip("its copies are empty")
	}
	prepared.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for range 2 {
			if err := open(t).Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`INSERT INTO mine (id) VALUES (1)`)
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAServerEndsWithItsTests(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		var dir string
		db := sqldbtest.Open(t, sqldbtest.Postgres(t))
		if err := db.Read().QueryRowContext(t.Context(), `SHOW data_directory`).Scan(&dir); err != nil {
			t.Fatal(err)
		}
		fmt.Println("SERVER", sqldbtest.Postgres(t), dir)
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck,gosec // until the parent kills us
		return
	}
	if os.Getenv("CONCENTRIC_TEST_POSTGRES") != "" {
		t.Skip("the server is not ours")
	}
	sqldbtest.Postgres(t) // skips where there is none
	cmd := exec.Command(os.Args[0], "-test.run=^TestAServerEndsWithItsTests$")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var url, dir string
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "SERVER "); ok {
			url, dir, _ = strings.Cut(rest, " ")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck,gosec // it was killed
	if dir == "" {
		t.Fatal("the child has started no server")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		_, gone := os.Stat(dir)
		if conn, err := pgx.Connect(ctx, url); err == nil {
			conn.Close(ctx) //nolint:errcheck,gosec // only asked whether it answers
		} else if os.IsNotExist(gone) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("20 s after the tests were killed their server is there (files: %v)", gone)
		}
	}
}
