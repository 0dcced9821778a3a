package sqldb_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// fencedDB returns a database whose policies hold for its role, with a table of rows and
// one of requests, and in both a row of each of the brands acme and beta.
func fencedDB(t *testing.T) *sqldb.DB {
	t.Helper()
	address := sqldbtest.Postgres(t)
	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	role := "app_" + strings.ToLower(rand.Text())
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(context.Background(), strings.ReplaceAll(statement, "ROLE_NAME", role)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run(`CREATE ROLE ROLE_NAME LOGIN PASSWORD 'app'`)
	t.Cleanup(func() {
		run(`DROP OWNED BY ROLE_NAME`)
		run(`DROP ROLE ROLE_NAME`)
		admin.Close(context.Background()) //nolint:errcheck,gosec // it is done
	})
	for _, table := range []string{"row", "request"} {
		run(`CREATE TABLE "` + table + `" (brand TEXT, id TEXT, PRIMARY KEY (brand, id))`)
		run(`INSERT INTO "` + table + `" (brand, id) VALUES ('acme', '1'), ('beta', '1')`)
		run(`ALTER TABLE "` + table + `" ENABLE ROW LEVEL SECURITY`)
		run(`CREATE POLICY brand ON "` + table + `" USING (current_setting('concentric.brand', TRUE) IN (brand, '*'))`)
		run(`GRANT SELECT, INSERT, UPDATE, DELETE ON "` + table + `" TO ROLE_NAME`)
	}
	if owner := sqldbtest.Open(t, address); !owner.Loads() {
		t.Error("the owner cannot load")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	db := sqldbtest.Open(t, u.String())
	if db.Loads() {
		t.Error("PostgreSQL would refuse what is loaded")
	}
	return db
}

const everyRow = `SELECT COUNT(*) FROM "row"`

func TestAReadFindsTheRowsOfItsBrandAlone(t *testing.T) {
	db := fencedDB(t)
	prepared, err := db.Read().PrepareContext(t.Context(), everyRow)
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(context.Context, *int) error{
		"query":    func(ctx context.Context, n *int) error { return db.Read().QueryRowContext(ctx, everyRow).Scan(n) },
		"prepared": func(ctx context.Context, n *int) error { return prepared.QueryRowContext(ctx).Scan(n) },
		"snapshot": func(ctx context.Context, n *int) error {
			return db.Snapshot(ctx, func(s *sqldb.Snapshot) error { return s.QueryRow(everyRow).Scan(n) })
		},
		"write": func(ctx context.Context, n *int) error {
			return db.Write(ctx, func(tx *sqldb.Tx) error { return tx.QueryRow(everyRow).Scan(n) })
		},
		"lead": func(ctx context.Context, n *int) error {
			lead, err := db.Lead(sqldb.ForAll(ctx))
			if err != nil {
				return err
			}
			defer lead.Release()
			rows, err := lead.Query(ctx, everyRow)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			return rows.Scan(n)
		},
	} {
		for _, tt := range []struct {
			ctx  context.Context
			want int
		}{{sqldb.ForBrand(t.Context(), "acme"), 1}, {sqldb.ForBrand(t.Context(), "nobody"), 0}, {sqldb.ForAll(t.Context()), 2}} {
			var n int
			if err := read(tt.ctx, &n); err != nil || n != tt.want {
				t.Errorf("%s: %d rows, %v; want %d", name, n, err, tt.want)
			}
		}
		for _, ctx := range []context.Context{t.Context(), sqldb.ForBrand(t.Context(), "")} {
			if err := read(ctx, new(int)); err == nil {
				t.Errorf("%s: a context that says nothing reads", name)
			}
		}
	}
}

// left fails if something was left behind by who had the connection before.
const left = `DO $$ BEGIN
	IF current_setting('concentric.brand', TRUE) <> '' OR EXISTS (SELECT FROM "row") THEN
		RAISE 'the connection is for %', current_setting('concentric.brand', TRUE);
	END IF; END $$`

func TestTheNextBorrowerOfAConnectionFindsNothingSaid(t *testing.T) {
	db := fencedDB(t)
	acme := sqldb.ForBrand(t.Context(), "acme")
	for _, read := range []func() error{
		func() error { return db.Read().QueryRowContext(acme, everyRow).Scan(new(int)) },
		func() error {
			return db.Snapshot(acme, func(s *sqldb.Snapshot) error { return s.QueryRow(everyRow).Scan(new(int)) })
		},
		func() error {
			return db.Read().QueryRowContext(acme, `SELECT 1 / (COUNT(*) - 1) FROM "row"`).Scan(new(int))
		},
	} {
		err := read()
		conn, e := db.Read().Conn(t.Context())
		if e != nil {
			t.Fatal(e)
		}
		if _, e := conn.ExecContext(t.Context(), left); e != nil {
			t.Errorf("after a read that ended with %v: %v", err, e)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if open := db.Read().Stats().OpenConnections; open != 1 {
			t.Errorf("%d connections, want the one that was looked at", open)
		}
	}
}

// TestWhoGivesUpLeavesTheConnection: what is over before a word is sent says nothing of the
// connection, which database/sql would close as a bad one and open anew.
func TestWhoGivesUpLeavesTheConnection(t *testing.T) {
	conn, err := fencedDB(t).Read().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	over, cancel := context.WithCancel(sqldb.ForBrand(t.Context(), "acme"))
	cancel()
	err = conn.Raw(func(c any) error {
		_, err := c.(driver.QueryerContext).QueryContext(over, everyRow, nil)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a read that is given up ends with %v", err)
	}
	if err := conn.QueryRowContext(sqldb.ForBrand(t.Context(), "acme"), everyRow).Scan(new(int)); err != nil {
		t.Errorf("the next one ends with %v", err)
	}
}

// TestWritesOfManyBrandsShareACommit has writes of several brands run together, some of which
// fail or reach for a row of another brand. Each sees and adds rows of its own alone.
func TestWritesOfManyBrandsShareACommit(t *testing.T) {
	db := fencedDB(t)
	const brands, writes = 5, 20
	var wg sync.WaitGroup
	errs := make(chan error, brands*writes)
	for b := range brands {
		for w := range writes {
			wg.Go(func() { errs <- manyBrands(sqldb.ForBrand(t.Context(), fmt.Sprint("brand-", b)), db, b, w) })
		}
	}
	wg.Wait()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for b := range brands {
		var rows, requests int
		ctx := sqldb.ForBrand(t.Context(), fmt.Sprint("brand-", b))
		err := db.Read().QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM "row"), (SELECT COUNT(*) FROM request)`).Scan(&rows, &requests)
		if want := writes / 2; err != nil || rows != 3*want || requests != want {
			t.Errorf("brand %d has %d rows and %d requests, %v; want %d and %d", b, rows, requests, err, 3*want, want)
		}
	}
}

// manyBrands makes the write w of the brand b: of four, one fails by itself and one adds
// a row to another brand.
func manyBrands(ctx context.Context, db *sqldb.DB, b, w int) error {
	brand, id := fmt.Sprint("brand-", b), fmt.Sprint("w", w)
	failed := errors.New("the write fails")
	err := db.WriteAsking(ctx, sqldb.Ask{Query: `SELECT id FROM request WHERE brand = $1 AND id = $2`, Key: []string{brand, id}}, func(tx *sqldb.Tx) error {
		if err := tx.Asked().Scan(new(string)); !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("the request is there: %w", err)
		}
		tx.Defer(`INSERT INTO "row" (brand, id) VALUES ($1, $2)`, brand, id+"a")
		var foreign int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM "row" WHERE brand <> $1`, brand).Scan(&foreign); err != nil || foreign > 0 {
			return fmt.Errorf("%s sees %d rows of others, %w", brand, foreign, err)
		}
		tx.Defer("SAVEPOINT mine")
		tx.Defer(`INSERT INTO "row" (brand, id) VALUES ($1, $2)`, brand, id+"gone")
		tx.Defer("ROLLBACK TO SAVEPOINT mine")
		tx.Defer(`INSERT INTO "row" (brand, id) VALUES ($1, $2)`, brand, id+"b")
		switch w % 4 {
		case 0:
			return failed
		case 1:
			tx.Defer(`INSERT INTO "row" (brand, id) VALUES ($1, $2)`, fmt.Sprint("brand-", (b+1)%5), "stray")
		}
		tx.Finally(`INSERT INTO "row" (brand, id) VALUES ($1, $2)`, brand, id+"c")
		tx.Finally(`INSERT INTO request (brand, id) VALUES ($1, $2)`, brand, id)
		return nil
	})
	switch {
	case w%4 == 0 && errors.Is(err, failed), w%4 > 1 && err == nil:
		return nil
	case w%4 == 1 && err != nil && strings.Contains(err.Error(), "row-level security"):
		return nil
	}
	return fmt.Errorf("write %d of %s: %w", w, brand, err)
}
