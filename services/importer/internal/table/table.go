// Package table reads CSV files that begin with a header line.
//
// Every row keeps the line it came from, so that whatever goes wrong with it later
// can be said where a person will look.
package table

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// replacement stands for bytes that are no UTF-8.
const replacement = "\uFFFD"

// A Header is what a file calls its columns. It is immutable.
type Header struct {
	File  string // as the mapping names it
	names []string
	at    map[string]int
	twice map[string]bool
}

// Columns returns how many columns there are.
func (h *Header) Columns() int { return len(h.names) }

// Column returns the place of the column called name, or an error that says why a
// mapping cannot use that name.
func (h *Header) Column(name string) (int, error) {
	switch i, ok := h.at[name]; {
	case strings.HasPrefix(name, "."):
		return 0, fmt.Errorf("%s: a column name cannot begin with a dot: %q", h.File, name)
	case !ok:
		return 0, fmt.Errorf("%s has no column %q", h.File, name)
	case h.twice[name]:
		return 0, fmt.Errorf("%s has more than one column %q", h.File, name)
	default:
		return i, nil
	}
}

// A Format says how the cells of a file are written.
type Format struct {
	Comma  rune     // what cells end with
	Absent []string // cells that mean nothing was said: they are read as empty
}

// A Row is one record of a file. The zero value is a row without cells.
type Row struct {
	Header *Header
	Line   int // of the record's first line, the header being line 1
	cells  []string
}

// Cell returns the cell in column i, empty in a row without cells.
func (r Row) Cell(i int) string {
	if i >= len(r.cells) {
		return ""
	}
	return r.cells[i]
}

// Map returns the cells by column name; without a header there are none. A name that stands twice in the header
// keeps its first cell.
func (r Row) Map() map[string]string {
	if r.Header == nil {
		return map[string]string{}
	}
	m := make(map[string]string, len(r.Header.names))
	for i := len(r.Header.names) - 1; i >= 0; i-- {
		m[r.Header.names[i]] = r.Cell(i)
	}
	return m
}

// A RowError says that one record cannot be read. The records after it can.
type RowError struct {
	File string
	Line int
	Text string
}

// Error returns the place and the reason.
func (e *RowError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// A Reader reads the rows of one file in order. It is not safe for concurrent use.
type Reader struct {
	file     *os.File
	csv      *csv.Reader
	absent   []string
	header   *Header
	size     int64
	replaced int
}

// Open reads the header of the file at path, which the mapping calls name. The caller
// closes the reader.
func Open(path, name string, format Format) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := newReader(f, name, format)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func newReader(f *os.File, name string, format Format) (*Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(f, 1<<16)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\uFEFF" {
		_, _ = in.Discard(3) // peeked, so it is there
	}
	c := csv.NewReader(in)
	c.Comma, c.FieldsPerRecord = format.Comma, -1
	names, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is empty: a header line is needed", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: read the header: %w", name, err)
	}
	h := &Header{File: name, names: names, at: map[string]int{}, twice: map[string]bool{}}
	for i, n := range names {
		if _, ok := h.at[n]; ok {
			h.twice[n] = true
			continue
		}
		h.at[n] = i
	}
	return &Reader{file: f, csv: c, absent: format.Absent, header: h, size: info.Size()}, nil
}

// Header returns the header of the file.
func (r *Reader) Header() *Header { return r.header }

// Size returns the size of the file in bytes when it was opened.
func (r *Reader) Size() int64 { return r.size }

// Offset returns how many bytes have been read.
func (r *Reader) Offset() int64 { return r.csv.InputOffset() }

// Replaced returns how many cells held bytes that are no UTF-8. Those bytes were
// replaced by U+FFFD.
func (r *Reader) Replaced() int { return r.replaced }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Next returns the next row, a [*RowError] if that row cannot be read, or [io.EOF].
func (r *Reader) Next() (Row, error) {
	cells, err := r.csv.Read()
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return Row{Header: r.header, Line: bad.StartLine}, &RowError{r.header.File, bad.StartLine, bad.Err.Error()}
	}
	if err != nil {
		return Row{}, err
	}
	line, _ := r.csv.FieldPos(0)
	row := Row{Header: r.header, Line: line, cells: cells}
	if len(cells) != r.header.Columns() {
		return row, &RowError{r.header.File, line, fmt.Sprintf("%d cells under a header of %d", len(cells), r.header.Columns())}
	}
	for i, c := range cells {
		if !utf8.ValidString(c) {
			cells[i] = strings.ToValidUTF8(c, replacement)
			r.replaced++
		}
		if slices.Contains(r.absent, cells[i]) {
			cells[i] = ""
		}
	}
	return row, nil
}
