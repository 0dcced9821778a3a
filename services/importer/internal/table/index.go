package table

import (
	"errors"
	"io"
)

// An Index is a whole file in memory, by the cell of one column. It is not safe for
// concurrent use: it remembers which rows were asked for.
type Index struct {
	header   *Header
	rows     map[string]*entry
	bad      []*RowError
	replaced int
}

type entry struct {
	rows []Row
	used bool
}

// Load reads the file at path into memory, by the cell of column key.
func Load(path, name string, format Format, key string) (*Index, error) {
	r, err := Open(path, name, format)
	if err != nil {
		return nil, err
	}
	x, err := load(r, key)
	return x, errors.Join(err, r.Close())
}

func load(r *Reader, key string) (*Index, error) {
	column, err := r.Header().Column(key)
	if err != nil {
		return nil, err
	}
	x := &Index{header: r.Header(), rows: map[string]*entry{}}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			x.replaced = r.Replaced()
			return x, nil
		}
		if bad, ok := errors.AsType[*RowError](err); ok {
			x.bad = append(x.bad, bad)
			continue
		}
		if err != nil {
			return nil, err
		}
		k := row.Cell(column)
		e := x.rows[k]
		if e == nil {
			e = &entry{}
			x.rows[k] = e
		}
		e.rows = append(e.rows, row)
	}
}

// Header returns the header of the file.
func (x *Index) Header() *Header { return x.header }

// Rows returns the rows whose key is k, in the order of the file.
func (x *Index) Rows(k string) []Row {
	e := x.rows[k]
	if e == nil {
		return nil
	}
	e.used = true
	return e.rows
}

// Unused counts the rows whose key nobody asked for.
func (x *Index) Unused() int {
	n := 0
	for _, e := range x.rows {
		if !e.used {
			n += len(e.rows)
		}
	}
	return n
}

// Bad returns what could not be read, in the order of the file.
func (x *Index) Bad() []*RowError { return x.bad }

// Replaced returns how many cells held bytes that are no UTF-8.
func (x *Index) Replaced() int { return x.replaced }
