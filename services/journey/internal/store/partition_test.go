package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

const (
	wholeRows = 20_000
	// fill adds touchpoints of several brands to the table as it was before it was divided.
	fill = `INSERT INTO touchpoint (brand, id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase,
		expectation, is_service, weight) SELECT 'brand-' || i % 5, 'old-' || i, 'c', 'checkout', i, i, 'web', 'e', 1, 1, 1, 1, 0, 1 FROM generate_series(1, $1) AS i`
	addOne = `INSERT INTO touchpoint (brand, id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase,
		expectation, is_service, weight) VALUES ($1, $2, 'c', 'checkout', 1, 1, 'web', 'e', 1, 1, 1, 1, 0, 1)`
)

// TestTouchpointsAreDividedUnderLoad: while the table is copied, and after that was
// interrupted, a role that owns nothing adds, changes and deletes rows of it, and all of it
// is in the partitions.
func TestTouchpointsAreDividedUnderLoad(t *testing.T) {
	admin, owner, app := undivided(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer func() { stop(); wg.Wait() }()
	turns := make([]int, 4)
	for w := range turns {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil && n < wholeRows/len(turns)/2; n++ {
				if err := turn(t.Context(), app, 1+2*(n*len(turns)+w)); err != nil {
					t.Error(err)
					return
				}
				turns[w]++
			}
		})
	}
	interrupt(t, admin, owner)
	if err := sqldb.Migrate(t.Context(), owner, "journey", before(t, "9")); err != nil {
		t.Fatal(err)
	}
	stop()
	wg.Wait()

	var done []int
	for w, turns := range turns {
		for n := range turns {
			done = append(done, 1+2*(n*4+w))
		}
		if turns == 0 {
			t.Errorf("writer %d had no turn", w)
		}
	}
	lost, err := admin.Query(t.Context(), `SELECT i FROM unnest($1::BIGINT[]) AS i
		LEFT JOIN touchpoint added   ON added.id = 'new-' || i
		LEFT JOIN touchpoint changed ON changed.id = 'old-' || i AND changed.rating = 7
		LEFT JOIN touchpoint deleted ON deleted.id = 'old-' || i + 1
		WHERE added.id IS NULL OR changed.id IS NULL OR deleted.id IS NOT NULL`, done)
	if err != nil {
		t.Fatal(err)
	}
	if turns, err := pgx.CollectRows(lost, pgx.RowTo[int]); err != nil || len(turns) > 0 {
		t.Errorf("of %d turns, %v are not as they were written, %v", len(done), turns, err)
	}
	var rows int
	var left, indexes string
	err = admin.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM touchpoint),
		(SELECT COALESCE(string_agg(name, ' '), '') FROM (SELECT proname FROM pg_proc WHERE pronamespace = 'public'::REGNAMESPACE
			UNION ALL SELECT relname FROM pg_class WHERE relname LIKE '%divided%') AS l (name)),
		(SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'touchpoint')`).Scan(&rows, &left, &indexes)
	const want = "touchpoint_customer touchpoint_id touchpoint_interaction touchpoint_time"
	if err != nil || rows != wholeRows || left != "" || indexes != want {
		t.Errorf("%d rows, %q left behind, the indexes %s, %v, want %d, nothing and %s", rows, left, indexes, err, wholeRows, want)
	}
}

// undivided returns a database with touchpoints in one table: a connection to it, and pools of its owner and
// of a role that owns nothing.
func undivided(t *testing.T) (admin *pgx.Conn, owner, app *sqldb.DB) {
	t.Helper()
	address := sqldbtest.Postgres(t)
	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	role := "app_" + strings.ToLower(rand.Text())
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'app'`)
	t.Cleanup(func() {
		run(`DROP OWNED BY ` + role)
		run(`DROP ROLE ` + role)
		admin.Close(context.Background()) //nolint:errcheck,gosec // it is done
	})
	owner = sqldbtest.Open(t, address)
	if err := errors.Join(sqldb.Migrate(t.Context(), owner, "journey", before(t, "0017")), owner.Grant(t.Context(), role)); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), fill, wholeRows); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	return admin, owner, sqldbtest.Open(t, u.String())
}

// before returns the migrations that come before a number.
func before(t *testing.T, number string) fs.FS {
	t.Helper()
	files, err := fs.ReadDir(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	some := fstest.MapFS{}
	for _, f := range files {
		text, err := fs.ReadFile(migrations, "migrations/"+f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() < number {
			some[f.Name()] = &fstest.MapFile{Data: text}
		}
	}
	return some
}

// turn adds a row, changes one and deletes the one after that.
func turn(ctx context.Context, app *sqldb.DB, i int) error {
	brand, next := fmt.Sprint("brand-", i%5), fmt.Sprint("brand-", (i+1)%5)
	err := app.Write(sqldb.ForBrand(ctx, brand), func(tx *sqldb.Tx) error {
		tx.Defer(addOne, brand, fmt.Sprint("new-", i))
		n, err := tx.Exec(`UPDATE touchpoint SET rating = 7 WHERE brand = $1 AND id = $2`, brand, fmt.Sprint("old-", i))
		if err == nil && n != 1 {
			err = fmt.Errorf("row %d is not there", i)
		}
		return err
	})
	if err != nil {
		return err
	}
	return app.Write(sqldb.ForBrand(ctx, next), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM touchpoint WHERE brand = $1 AND id = $2`, next, fmt.Sprint("old-", i+1))
		return err
	})
}

// interrupt has the migration begin, and end before the copy takes the place of the table,
// which somebody is reading.
func interrupt(t *testing.T, admin *pgx.Conn, owner *sqldb.DB) {
	t.Helper()
	reading, err := admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback(context.Background()) //nolint:errcheck // it has changed nothing
	if _, err := reading.Exec(t.Context(), `SELECT FROM touchpoint LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- sqldb.Migrate(ctx, owner, "journey", before(t, "9")) }()
	for rows := 0; rows < wholeRows/2; {
		if err := reading.QueryRow(t.Context(), `SELECT CASE WHEN to_regclass('touchpoint_divided') IS NULL THEN 0
			ELSE (xpath('/row/n/text()', query_to_xml('SELECT COUNT(*) AS n FROM touchpoint_divided', FALSE, TRUE, '')))[1]::TEXT::INTEGER END`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("the migration ended while somebody was reading the table")
	}
}
