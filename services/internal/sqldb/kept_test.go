package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
)

func TestATextThatComesAgainIsPreparedOnce(t *testing.T) {
	conn, _ := reader(t)
	const query = `SELECT id FROM item WHERE id >= $1 ORDER BY id`
	if _, got := read(t, conn, query, 2); fmt.Sprint(got) != "[[2] [3]]" {
		t.Errorf("the rows from 2 on are %v", got)
	}
	first := conn.idle[query]
	if first == nil {
		t.Fatal("the statement is not kept")
	}
	if _, got := read(t, conn, query, 3); fmt.Sprint(got) != "[[3]]" {
		t.Errorf("the rows from 3 on are %v", got)
	}
	if len(conn.idle) != 1 || conn.idle[query] != first {
		t.Errorf("%d statements are kept, want the one that was made first", len(conn.idle))
	}
}

func TestOneTextHasRowsOpenTwice(t *testing.T) {
	conn, _ := reader(t)
	const query = `SELECT id FROM item ORDER BY id`
	outer, sum := ask(t, conn, query), 0
	for one := range next(t, outer) {
		_, inner := read(t, conn, query)
		sum += len(inner)*10 + int(one[0].(int64))
	}
	second := ask(t, conn, query)
	for _, rows := range []driver.Rows{outer, second, outer} { // closing what is closed does nothing
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if sum != 96 || len(conn.idle) != 1 {
		t.Errorf("three rows, each with three inside, add up to %d, and %d statements are kept; want 96 and 1", sum, len(conn.idle))
	}
}

func TestOfManyTextsSomeAreKept(t *testing.T) {
	conn, _ := reader(t)
	for range 2 {
		for n := range 200 {
			if _, got := read(t, conn, fmt.Sprintf(`SELECT %d + $1`, n), 1); fmt.Sprint(got) != fmt.Sprintf("[[%d]]", n+1) {
				t.Fatalf("query %d answers %v", n, got)
			}
		}
	}
	if len(conn.idle) != maxKept {
		t.Errorf("%d statements are kept, want %d", len(conn.idle), maxKept)
	}
	if err := conn.Close(); err != nil || len(conn.idle) != 0 {
		t.Errorf("%d statements are left behind, %v", len(conn.idle), err)
	}
}

func TestAKeptTextSeesWhatOthersDo(t *testing.T) {
	conn, writer := reader(t)
	const query = `SELECT * FROM item WHERE id > 2 ORDER BY id`
	if columns, rows := read(t, conn, query); fmt.Sprint(columns, rows) != "[id] [[3]]" {
		t.Fatalf("the table holds %v %v", columns, rows)
	}
	for _, tt := range []struct{ change, want string }{
		{`INSERT INTO item VALUES (4)`, "[id] [[3] [4]]"},
		{`ALTER TABLE item ADD COLUMN n BIGINT NOT NULL DEFAULT 7`, "[id n] [[3 7] [4 7]]"},
		{`ALTER TABLE item DROP COLUMN n`, "[id] [[3] [4]]"},
	} {
		if _, err := writer.ExecContext(t.Context(), tt.change); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if columns, rows := read(t, conn, query); fmt.Sprint(columns, rows) != tt.want {
				t.Errorf("after %s the table holds %v %v, want %s", tt.change, columns, rows, tt.want)
			}
		}
	}
}

func TestAQueryThatIsCanceledSpoilsNoOther(t *testing.T) {
	conn, _ := reader(t)
	const query = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT COUNT(*) FROM n`
	ctx, cancel := context.WithCancel(t.Context())
	if _, got := read(t, conn, query, 10); fmt.Sprint(got) != "[[10]]" {
		t.Fatalf("the query answers %v, want 10", got)
	}
	go cancel()
	if rows, err := conn.QueryContext(ctx, query, []driver.NamedValue{{Ordinal: 1, Value: int64(1 << 40)}}); err == nil {
		t.Error("a query goes on whose caller went away")
		rows.Close() //nolint:errcheck,gosec // it should not be open
	}
	if _, got := read(t, conn, query, 20); fmt.Sprint(got) != "[[20]]" {
		t.Errorf("the same text answers %v afterward, want 20", got)
	}
}

// reader returns a connection that reads a table of three items, and a pool that writes it.
func reader(t *testing.T) (*keptConn, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	writer, err := sql.Open("sqlite", sqliteURL(path, "rwc", writerPragmas))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() }) //nolint:errcheck,gosec // the file goes with the test
	if _, err := writer.ExecContext(t.Context(), `CREATE TABLE item (id BIGINT PRIMARY KEY); INSERT INTO item VALUES (1), (2), (3)`); err != nil {
		t.Fatal(err)
	}
	conn, err := sqliteReaders{&DB{}, writer.Driver(), sqliteURL(path, "ro", readerPragmas)}.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, ok := conn.(*keptConn)
	if !ok {
		t.Fatalf("a connection that reads is a %T", conn)
	}
	t.Cleanup(func() {
		if !kept.closed {
			kept.Close() //nolint:errcheck,gosec // nothing was written
		}
	})
	return kept, writer
}

// ask opens the rows of a query.
func ask(t *testing.T, conn *keptConn, query string, args ...int64) driver.Rows {
	t.Helper()
	var values []driver.NamedValue
	for i, v := range args {
		values = append(values, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	rows, err := conn.QueryContext(t.Context(), query, values)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// read returns the columns and the rows of a query.
func read(t *testing.T, conn *keptConn, query string, args ...int64) (columns []string, all [][]driver.Value) {
	t.Helper()
	rows := ask(t, conn, query, args...)
	columns = rows.Columns()
	for row := range next(t, rows) {
		all = append(all, row)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return columns, all
}

// next yields the rows that are left.
func next(t *testing.T, rows driver.Rows) func(func([]driver.Value) bool) {
	return func(yield func([]driver.Value) bool) {
		for {
			row := make([]driver.Value, len(rows.Columns()))
			err := rows.Next(row)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !yield(row) {
				return
			}
		}
	}
}
