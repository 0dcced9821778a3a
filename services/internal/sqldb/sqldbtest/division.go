package sqldbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// dividedRows is how many rows a table has when its division begins.
const dividedRows = 20_000

// A Division is a migration of PostgreSQL that divides a table while it is in use.
type Division struct {
	Schema     string // as [sqldb.Migrate] has it
	Migrations fs.FS
	Number     string // of the migration
	Table      string
	Fill       string // adds rows 1 to $1 to the undivided table

	// Turn writes as others do. Its numbers are odd, so that it may write rows i and i + 1.
	Turn  func(ctx context.Context, app *sqldb.DB, i int) error
	Grows int    // how many rows a turn adds
	Lost  string // selects those of the turns $1 that are not as they were written
}

// Divide checks that a role that owns nothing takes turns while the table is copied, and
// after that was interrupted, and that all it wrote is in the partitions.
func Divide(t *testing.T, d Division) {
	t.Helper()
	admin, owner, app := d.undivided(t)
	const indexes = `SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = $1`
	var before, after, left string
	if err := admin.QueryRow(t.Context(), indexes, d.Table).Scan(&before); err != nil {
		t.Fatal(err)
	}
	stop := d.load(t, app)
	d.interrupt(t, admin, owner)
	if err := sqldb.Migrate(t.Context(), owner, d.Schema, d.Migrations); err != nil {
		t.Fatal(err)
	}
	done := stop()

	lost, err := admin.Query(t.Context(), d.Lost, done)
	if err != nil {
		t.Fatal(err)
	}
	if turns, err := pgx.CollectRows(lost, pgx.RowTo[int]); err != nil || len(turns) > 0 {
		t.Errorf("of %d turns, %v are not as they were written, %v", len(done), turns, err)
	}
	rows, want := 0, dividedRows+d.Grows*len(done)
	err = errors.Join(admin.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM `+d.Table+`),
		(SELECT COALESCE(string_agg(name, ' '), '') FROM (SELECT proname FROM pg_proc WHERE pronamespace = 'public'::REGNAMESPACE
			UNION ALL SELECT relname FROM pg_class WHERE relname LIKE '%divided%') AS l (name))`).Scan(&rows, &left),
		admin.QueryRow(t.Context(), indexes, d.Table).Scan(&after))
	indexed := strings.Fields(after)
	lacking := slices.DeleteFunc(strings.Fields(before), func(index string) bool { return slices.Contains(indexed, index) })
	if err != nil || rows != want || left != "" || len(lacking) > 0 {
		t.Errorf("%d rows, %q left behind, the indexes %s, %v, want %d, nothing and %s", rows, left, after, err, want, before)
	}
}

// undivided returns a database with the rows in one table: a connection to it, and pools of
// its owner and of a role that owns nothing.
func (d Division) undivided(t *testing.T) (admin *pgx.Conn, owner, app *sqldb.DB) {
	t.Helper()
	address := Postgres(t)
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
	owner = Open(t, address)
	if err := errors.Join(sqldb.Migrate(t.Context(), owner, d.Schema, Before(t, d.Migrations, d.Number)), owner.Grant(t.Context(), role)); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), d.Fill, dividedRows); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "app")
	return admin, owner, Open(t, u.String())
}

// load takes turns until stop, which returns the numbers of those that are done.
func (d Division) load(t *testing.T, app *sqldb.DB) (stop func() []int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	turns := make([][]int, 4)
	for w := range turns {
		wg.Go(func() {
			for i := 1 + 2*w; ctx.Err() == nil && i < dividedRows; i += 2 * len(turns) {
				if err := d.Turn(t.Context(), app, i); err != nil {
					t.Error(err)
					return
				}
				turns[w] = append(turns[w], i)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return func() (done []int) {
		cancel()
		wg.Wait()
		for w, turns := range turns {
			if len(turns) == 0 {
				t.Errorf("writer %d had no turn", w)
			}
			done = append(done, turns...)
		}
		return done
	}
}

// interrupt has the migration begin, and end before the copy takes the place of the table,
// which somebody is reading.
func (d Division) interrupt(t *testing.T, admin *pgx.Conn, owner *sqldb.DB) {
	t.Helper()
	reading, err := admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback(context.Background()) //nolint:errcheck // it has changed nothing
	if _, err := reading.Exec(t.Context(), `SELECT FROM `+d.Table+` LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- sqldb.Migrate(ctx, owner, d.Schema, d.Migrations) }()
	for rows := 0; rows < dividedRows/2; {
		select {
		case err := <-ended:
			t.Fatalf("the migration ended while somebody was reading the table, %v", err)
		default:
		}
		if err := reading.QueryRow(t.Context(), `SELECT CASE WHEN to_regclass($1) IS NULL THEN 0
			ELSE (xpath('/row/n/text()', query_to_xml('SELECT COUNT(*) AS n FROM ' || $1, FALSE, TRUE, '')))[1]::TEXT::INTEGER END`,
			d.Table+"_divided").Scan(&rows); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("the migration ended while somebody was reading the table")
	}
}
