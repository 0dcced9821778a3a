package sqldb_test

import (
	"slices"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A seen is a row with a column of each kind, one of which may be NULL.
type seen struct {
	id    int64
	name  string
	half  float64
	known bool
	small int64
}

const selectSeen = `SELECT id, CASE WHEN id < 2 THEN 'a' ELSE 'b' END, id * CAST(0.5 AS DOUBLE PRECISION), CASE WHEN id > 0 AND id < $1 THEN CAST(id AS INTEGER) END
	FROM item ORDER BY id`

func (f *seen) read(l *sqldb.Line) {
	f.id, f.name, f.half = l.Int(), l.Text(), l.Float()
	f.known = !l.Null()
	f.small = l.Int()
}

func TestLinesAreTheRowsInOrder(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		want := []seen{{-1 << 40, "a", -1 << 39, false, 0}, {1, "a", 0.5, true, 1}, {3, "b", 1.5, false, 0}}
		collect := func(of *[]seen) func(*sqldb.Line) {
			*of = nil
			return func(l *sqldb.Line) { var f seen; f.read(l); *of = append(*of, f) }
		}
		var got []seen
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`INSERT INTO item (id, name) VALUES (1, 'one'), (3, 'three'), (-1099511627776, 'less')`)
			if err := tx.Lines(collect(&got), selectSeen, 2); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE item SET name = name`) // the connection is free again
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("in a write: %+v, %v, want %+v", got, err, want)
		}
		conn, err := db.Read().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := sqldb.Lines(t.Context(), conn, collect(&got), selectSeen, 2); err != nil || !slices.Equal(got, want) {
			t.Errorf("on a connection: %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestALineOfAnotherKindIsAnError(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`INSERT INTO item (id, name) VALUES (1, 'a')`)
			return tx.Lines(func(l *sqldb.Line) { l.Int() }, `SELECT name FROM item`)
		})
		if err == nil {
			t.Error("a text was read as a whole number")
		}
		if got := count(t, db); got != 0 {
			t.Errorf("%d rows, want 0: the write has failed", got)
		}
	})
}

func TestAVisitorThatPanicsLeavesTheWriteAsItIs(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var met any
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`INSERT INTO item (id, name) VALUES (1, 'a'), (2, 'b')`)
			func() {
				defer func() { met = recover() }()
				tx.Lines(func(*sqldb.Line) { panic("of the visitor") }, `SELECT id FROM item`) //nolint:errcheck // it panics
			}()
			_, err := tx.Exec(`INSERT INTO item (id, name) VALUES (3, 'c')`)
			return err
		})
		if err != nil || met != "of the visitor" {
			t.Errorf("the write says %v and met %v", err, met)
		}
		if got := count(t, db); got != 3 {
			t.Errorf("%d rows, want 3", got)
		}
	})
}
