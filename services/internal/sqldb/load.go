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

// Cells take the values of a row, one column after another.
type Cells interface {
	Text(s string)
	Int(n int64)
	Float(f float64)
	Null()
}

// rows appends to out so many rows as COPY reads them, each of which write gives to Cells.
func (f *Form) rows(out []byte, n int, write func(row int, into Cells)) ([]byte, error) {
	r := copied{out: append(slices.Grow(out, 384*n), copyHead...), kinds: f.kinds}
	for row := range n {
		r.begin()
		write(row, &r)
		if r.column != len(f.kinds) {
			return nil, fmt.Errorf("copy: %d values for %d columns", r.column, len(f.kinds))
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return append(r.out, copyTail...), nil
}

// A copied is a row as COPY reads it.
type copied struct {
	out    []byte
	kinds  []string // of the columns
	column int      // the next
	err    error    // of the first value that is wrong
}

func (r *copied) begin() {
	r.column = 0
	r.out = binary.BigEndian.AppendUint16(r.out, uint16(len(r.kinds))) //nolint:gosec // a table has at most 1,600
}

// next returns the kind of the next column, and "" beyond the last.
func (r *copied) next() (kind string) {
	if r.column < len(r.kinds) {
		kind = r.kinds[r.column]
	}
	r.column++
	return kind
}

// size appends the size of a value.
func (r *copied) size(n int) { r.out = binary.BigEndian.AppendUint32(r.out, uint32(n)) } //nolint:gosec // far below 1 GB

func (r *copied) wrong(v any, kind string) {
	if r.err == nil {
		r.err = fmt.Errorf("copy: a %T is no %s", v, kind)
	}
}

// Text implements [Cells].
func (r *copied) Text(s string) {
	if kind := r.next(); kind != "text" {
		r.wrong(s, kind)
		return
	}
	r.size(len(s))
	r.out = append(r.out, s...)
}

// Int implements [Cells].
func (r *copied) Int(n int64) {
	switch kind := r.next(); {
	case kind == "bigint":
		r.size(8)
		r.out = binary.BigEndian.AppendUint64(r.out, uint64(n)) //nolint:gosec // two's complement
	case kind == "integer" && n == int64(int32(n)): //nolint:gosec // that is the question
		r.size(4)
		r.out = binary.BigEndian.AppendUint32(r.out, uint32(n)) //nolint:gosec // two's complement
	default:
		r.wrong(n, kind)
	}
}

// Float implements [Cells].
func (r *copied) Float(f float64) {
	if kind := r.next(); kind != "float8" {
		r.wrong(f, kind)
		return
	}
	r.size(8)
	r.out = binary.BigEndian.AppendUint64(r.out, math.Float64bits(f))
}

// Null implements [Cells].
func (r *copied) Null() {
	r.next()
	r.out = append(r.out, 0xff, 0xff, 0xff, 0xff)
}

// Loads reports whether [Tx.Load] can be had: PostgreSQL takes no COPY from a role for which
// row-level security holds, and SQLite none from anybody.
func (db *DB) Loads() bool { return db.postgres && !db.fenced }

// Load copies so many rows of a brand into the table of the form, which takes PostgreSQL half of
// what an INSERT does, where [DB.Loads] says that it can. The table may be divided by the hash of
// the brand. Where one of the rows is there already, Load undoes what tx has done since the
// savepoint, ends that and returns false; otherwise the savepoint is left to the caller.
func (tx *Tx) Load(f *Form, brand, savepoint string, n int, write func(row int, into Cells)) (stored bool, err error) {
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
	rows, err := f.rows((*room)[:0], n, write)
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
