// Package pack writes numbers and texts into few bytes and reads them back. What it
// writes is kept in databases: its form never changes.
package pack

import (
	"encoding/binary"
	"errors"
)

// ErrBytes says that bytes are not what was written. It is deliberately one error: the
// bytes come from a database that we wrote, so nobody can act on the details.
var ErrBytes = errors.New("the bytes are not what was packed")

// A Writer appends to Data. The zero Writer is ready to use. It is for one goroutine.
type Writer struct {
	Data  []byte
	texts map[string]uint64
}

// Number appends a number that mostly is small.
func (w *Writer) Number(v uint64) { w.Data = binary.AppendUvarint(w.Data, v) }

// Signed appends a number that mostly is near zero.
func (w *Writer) Signed(v int64) { w.Data = binary.AppendVarint(w.Data, v) }

// Bytes appends b and its length.
func (w *Writer) Bytes(b []byte) {
	w.Number(uint64(len(b)))
	w.Data = append(w.Data, b...)
}

// Text appends 0 for the empty text, the place of one that was written before, or the
// next place and the text.
func (w *Writer) Text(s string) {
	if s == "" {
		w.Number(0)
		return
	}
	at, known := w.texts[s]
	if !known {
		if w.texts == nil {
			w.texts = map[string]uint64{}
		}
		at = uint64(len(w.texts)) + 1
		w.texts[s] = at
	}
	w.Number(at)
	if !known {
		w.Number(uint64(len(s)))
		w.Data = append(w.Data, s...)
	}
}

// A Reader takes what a [Writer] wrote off the front of Data until it fails; from then
// on all is zero. It is for one goroutine.
type Reader struct {
	Data  []byte
	texts []string
	bad   bool
}

// Err returns [ErrBytes] once something could not be read.
func (r *Reader) Err() error {
	if r.bad {
		return ErrBytes
	}
	return nil
}

// Number reads what [Writer.Number] wrote.
func (r *Reader) Number() uint64 {
	if len(r.Data) > 0 && r.Data[0] < 0x80 {
		v := r.Data[0]
		r.Data = r.Data[1:]
		return uint64(v)
	}
	v, size := binary.Uvarint(r.Data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.Data = r.Data[size:]
	return v
}

// Signed reads what [Writer.Signed] wrote.
func (r *Reader) Signed() int64 {
	v, size := binary.Varint(r.Data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.Data = r.Data[size:]
	return v
}

// Count reads the number of things that follow, each of at least a byte.
func (r *Reader) Count() int {
	n := r.Number()
	if n > uint64(len(r.Data)) {
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // it is no more than the bytes there are
}

// Bytes reads what [Writer.Bytes] wrote. They are a part of Data.
func (r *Reader) Bytes() []byte {
	n := r.Count()
	b := r.Data[:n:n]
	r.Data = r.Data[n:]
	return b
}

// Text reads what [Writer.Text] wrote.
func (r *Reader) Text() string {
	at := r.Number()
	switch {
	case at == 0:
		return ""
	case at <= uint64(len(r.texts)):
		return r.texts[at-1]
	case at > uint64(len(r.texts))+1:
		r.fail()
		return ""
	}
	s := string(r.Bytes())
	if !r.bad {
		r.texts = append(r.texts, s)
	}
	return s
}

func (r *Reader) fail() { r.bad, r.Data = true, nil }
