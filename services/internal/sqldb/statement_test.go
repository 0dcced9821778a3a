package sqldb_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestStatementsAnswerAlike(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var changed, id int64
		var names []string
		var none error
		err := db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
			names = nil
			if changed, err = tx.Exec(`INSERT INTO item (id, name) VALUES `+sqldb.Values(3, 2), 1, "a", 2, "b", 3, "c"); err != nil {
				return err
			}
			tx.Defer(`UPDATE item SET name = $1 WHERE id = $2`, "B", 2)
			rows, err := tx.Query(`SELECT name FROM item WHERE id > $1 ORDER BY id`, 0)
			if err != nil {
				return err
			}
			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					return err
				}
				names = append(names, name)
			}
			if err := rows.Err(); err != nil {
				return err
			}
			none = tx.QueryRow(`SELECT id FROM item WHERE id = $1`, 9).Scan(&id)
			return tx.QueryRow(`INSERT INTO item (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id`, 4, "d").Scan(&id)
		})
		if err != nil {
			t.Fatal(err)
		}
		if changed != 3 || id != 4 || !errors.Is(none, sql.ErrNoRows) {
			t.Errorf("changed %d, returned %d, missing row %v; want 3, 4, %v", changed, id, none, sql.ErrNoRows)
		}
		if want := []string{"a", "B", "c"}; !slices.Equal(names, want) {
			t.Errorf("names = %v, want %v", names, want)
		}
		if got := count(t, db); got != 4 {
			t.Errorf("rows = %d, want 4: the row that RETURNING announced too", got)
		}
	})
}

func TestPlaceholdersBindByNumber(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		const query = `SELECT CAST($3 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT) || CAST($1 AS TEXT)`
		db := open(t)
		var read, written string
		if err := db.Read().QueryRowContext(t.Context(), query, "1", "2", "3").Scan(&read); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(query, "1", "2", "3").Scan(&written) }); err != nil {
			t.Fatal(err)
		}
		if read != "3121" || written != "3121" {
			t.Errorf("bound %s in a read and %s in a write, want 3121", read, written)
		}
	})
}

func TestUniqueKnowsKeysFromOtherErrors(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		if err := add(t.Context(), db, 1); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name string
			args []any
			want bool
		}{
			{"the primary key", []any{1, "other"}, true},
			{"a unique index", []any{2, rowName(1)}, true},
			{"a missing value", []any{3, nil}, false},
			{"nothing", []any{4, "fine"}, false},
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(insert, tt.args...); return err })
			if got := sqldb.Unique(err); got != tt.want {
				t.Errorf("%s: Unique(%v) = %v, want %v", tt.name, err, got, tt.want)
			}
		}
	})
}

func TestRowsLeftOpenAreClosed(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for id := range 10 {
			if err := add(t.Context(), db, id); err != nil {
				t.Fatal(err)
			}
		}
		for range 8 {
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				rows, err := tx.Query(`SELECT id FROM item ORDER BY id`)
				if err != nil {
					return err
				}
				rows.Next()
				return nil
			}); err != nil {
				t.Errorf("a write that leaves rows open: %v", err)
			}
		}
		if err := add(t.Context(), db, 100); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

func TestReadTakesNoWrites(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		if _, err := db.Read().ExecContext(t.Context(), insert, 1, "sneaky"); err == nil {
			t.Error("an insert through the readers succeeded")
		}
	})
}

func TestMoreStatementsThanAreKeptPrepared(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for n := range 300 {
			var got int
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				return tx.QueryRow(`SELECT CAST($1 AS BIGINT)`+" -- "+rowName(n), n).Scan(&got)
			})
			if err != nil || got != n {
				t.Fatalf("statement %d answered %d, %v", n, got, err)
			}
		}
	})
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		rows, cols int
		want       string
	}{
		{1, 1, "($1)"},
		{1, 3, "($1,$2,$3)"},
		{2, 2, "($1,$2),($3,$4)"},
		{4, 3, "($1,$2,$3),($4,$5,$6),($7,$8,$9),($10,$11,$12)"},
	} {
		if got := sqldb.Values(tt.rows, tt.cols); got != tt.want {
			t.Errorf("Values(%d, %d) = %s, want %s", tt.rows, tt.cols, got, tt.want)
		}
	}
}

func TestTimesKeepTheirMicroseconds(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.FixedZone("", 3600))
	if got, want := sqldb.Time(sqldb.Micros(at)), at.Truncate(time.Microsecond); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("time = %v, want %v in UTC", got, want.UTC())
	}
	if got := sqldb.NullMicros(time.Time{}); got != nil {
		t.Errorf("NullMicros of the zero time = %v, want nil", got)
	}
	if got := sqldb.NullMicros(time.UnixMicro(5)); got != int64(5) {
		t.Errorf("NullMicros = %v, want 5", got)
	}
}

func TestAQueryMayAskItselfAgainWhileItsRowsAreOpen(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	for id := range 5 {
		if err := add(t.Context(), db, id); err != nil {
			t.Fatal(err)
		}
	}
	const query = `SELECT id FROM item WHERE id >= $1 ORDER BY id`
	var got []int
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		got = nil
		rows, err := tx.Query(query, 1)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id, first int
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if err := tx.QueryRow(query, 3).Scan(&first); err != nil {
				return err
			}
			got = append(got, id, first)
		}
		return rows.Err()
	})
	if want := []int{1, 3, 2, 3, 3, 3, 4, 3}; err != nil || !slices.Equal(got, want) {
		t.Errorf("ids = %v, %v; want %v", got, err, want)
	}
}
