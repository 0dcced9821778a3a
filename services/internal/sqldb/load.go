package sqldb

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Form is how COPY takes the rows of a table of PostgreSQL. It is safe for concurrent
// use.
type Form struct {
	table, columns string
	kinds          []string   // of the columns
	rooms          *sync.Pool // of *[]byte: what rows were written into, for those that come next
	parts          *parts
}

// maxRoom is the largest one that is kept, so that one large load is not held for good.
const maxRoom = 1 << 20

// NewForm returns the form of a table. Columns are separated by commas, each with its
// kind: text, integer, bigint or float8.
func NewForm(table, columns string) Form {
	f := Form{table: table, rooms: &sync.Pool{New: func() any { return new([]byte) }}, parts: &parts{}}
	var names []string
	for column := range strings.SplitSeq(columns, ",") {
		words := strings.Fields(column)
		names, f.kinds = append(names, words[0]), append(f.kinds, words[1])
	}
	f.columns = strings.Join(names, ", ")
	return f
}

// parts are the partitions that brands' rows are in. They are safe for concurrent use.
type parts struct {
	mu    sync.Mutex
	known map[string]part // by brand
}

type part struct {
	name string
	read time.Time
}

const (
	partFor  = time.Minute // a partition is believed to be the one
	maxParts = 4096        // brands remembered, so that nobody can fill the memory
)

// of returns the partition of f's table that rows of the brand are in, or the table where it
// has none, or none that may be written to: to find it for each row takes COPY a tenth of
// its time.
func (p *parts) of(tx *Tx, f *Form, brand string) (string, error) {
	p.mu.Lock()
	known, ok := p.known[brand]
	p.mu.Unlock()
	if ok && time.Since(known.read) < partFor {
		return known.name, nil
	}
	known = part{f.table, time.Now()}
	err := tx.QueryRow(`
		SELECT part.oid::regclass::text
		FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid,
		  regexp_match(pg_get_expr(relpartbound, part.oid), 'modulus ([0-9]+), remainder ([0-9]+)') AS bound
		WHERE inhparent = $1::text::regclass AND satisfies_hash_partition(inhparent, bound[1]::int, bound[2]::int, $2::text)
		  AND has_table_privilege(part.oid, 'INSERT')`, f.table, brand).Scan(&known.name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxParts {
		p.known = map[string]part{}
	}
	p.known[brand] = known
	return known.name, nil
}

// forget has the partition of the brand be looked for anew.
func (p *parts) forget(brand string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, brand)
}

// What every file of COPY begins and ends with.
const (
	copyHead = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTail = "\xff\xff"
)

// rows appends to out so many rows as COPY reads them, of which value returns one at a time,
// in the memory it is given: text, whole numbers, floats and, for NULL, nil.
func (f *Form) rows(out []byte, n int, value func(row int, into []any) []any) ([]byte, error) {
	out = append(slices.Grow(out, 384*n), copyHead...)
	into := make([]any, 0, len(f.kinds))
	for row := range n {
		values := value(row, into)
		if len(values) != len(f.kinds) {
			return nil, fmt.Errorf("copy: %d values for %d columns", len(values), len(f.kinds))
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(values))) //nolint:gosec // a table has at most 1,600
		for i, v := range values {
			var err error
			if out, err = appendValue(out, f.kinds[i], v); err != nil {
				return nil, err
			}
		}
	}
	return append(out, copyTail...), nil
}

// appendValue appends v as a column of the kind.
func appendValue(out []byte, kind string, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(out, 0xff, 0xff, 0xff, 0xff), nil
	case string:
		if kind == "text" {
			out = binary.BigEndian.AppendUint32(out, uint32(len(v))) //nolint:gosec // far below 1 GB
			return append(out, v...), nil
		}
	case int64:
		switch {
		case kind == "bigint":
			out = append(out, 0, 0, 0, 8)
			return binary.BigEndian.AppendUint64(out, uint64(v)), nil //nolint:gosec // two's complement
		case kind == "integer" && v == int64(int32(v)): //nolint:gosec // that is the question
			out = append(out, 0, 0, 0, 4)
			return binary.BigEndian.AppendUint32(out, uint32(v)), nil //nolint:gosec // two's complement
		}
	case float64:
		if kind == "float8" {
			out = append(out, 0, 0, 0, 8)
			return binary.BigEndian.AppendUint64(out, math.Float64bits(v)), nil
		}
	}
	return nil, fmt.Errorf("copy: a %T is no %s", v, kind)
}

// Loads reports whether [Tx.Load] can be had: PostgreSQL takes no COPY from a role for which
// row-level security holds, and SQLite none from anybody.
func (db *DB) Loads() bool { return db.postgres && !db.fenced }

// Load copies so many rows of a brand into the table of the form, which takes PostgreSQL half of
// what an INSERT does, where [DB.Loads] says that it can. The table may be divided by the hash of
// the brand. The row that value returns is in the memory it is
// given. Where one of the rows is there already, Load undoes what tx has done since the
// savepoint, ends that and returns false; otherwise the savepoint is left to the caller.
func (tx *Tx) Load(f *Form, brand, savepoint string, n int, value func(row int, into []any) []any) (stored bool, err error) {
	if err := tx.ready(); err != nil {
		return false, err
	}
	session, ok := tx.session.(*postgresSession)
	if !ok {
		return false, errors.ErrUnsupported
	}
	table, err := f.parts.of(tx, f, brand)
	if err != nil {
		return false, err
	}
	room := f.rooms.Get().(*[]byte) //nolint:errcheck // it holds nothing else
	rows, err := f.rows((*room)[:0], n, value)
	if err == nil {
		tx.dirty = true
		statement := `COPY ` + table + ` (` + f.columns + `) FROM STDIN (FORMAT binary)`
		tx.span.say(statement)
		if stored, err = session.load(statement, savepoint, rows); err != nil {
			f.parts.forget(brand) // it may be gone
		}
		if cap(rows) <= maxRoom {
			*room = rows
			f.rooms.Put(room)
		}
	}
	tx.fail(err)
	return stored, err
}
