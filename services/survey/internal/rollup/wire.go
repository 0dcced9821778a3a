package rollup

import (
	"encoding/binary"
	"errors"
)

// errBytes is deliberately one error: the bytes come from a database that we wrote,
// so nobody can act on the details.
var errBytes = errors.New("rollup: bytes are not what was written")

// A writer appends numbers and texts. A text is written once, and after that its
// place.
type writer struct {
	data  []byte
	texts map[string]uint64
}

func (w *writer) number(v uint64) { w.data = binary.AppendUvarint(w.data, v) }

func (w *writer) signed(v int64) { w.data = binary.AppendVarint(w.data, v) }

// text writes 0 for the empty text, the place of one written before, or the next
// place and the text.
func (w *writer) text(s string) {
	if s == "" {
		w.number(0)
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
	w.number(at)
	if !known {
		w.number(uint64(len(s)))
		w.data = append(w.data, s...)
	}
}

// keys writes the values of set, and the subject.
func (w *writer) keys(k *Keys, set []Dim) {
	w.number(uint64(k.Numbers[Subject]))
	for _, d := range set {
		if d.IsText() {
			w.text(k.Text(d))
		} else {
			w.number(uint64(k.Number(d)))
		}
	}
}

// A reader takes what a writer wrote off the front until it fails.
type reader struct {
	data  []byte
	texts []string
	bad   bool
}

func (r *reader) number() uint64 {
	if len(r.data) > 0 && r.data[0] < 0x80 {
		v := r.data[0]
		r.data = r.data[1:]
		return uint64(v)
	}
	v, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return v
}

func (r *reader) signed() int64 {
	v, size := binary.Varint(r.data)
	if size <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return v
}

// count returns how many things of at least a byte each follow.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.data)) {
		r.bad, r.data = true, nil
		return 0
	}
	return int(n) //nolint:gosec // it is no more than the bytes there are
}

func (r *reader) text() string {
	at := r.number()
	switch {
	case at == 0:
		return ""
	case at <= uint64(len(r.texts)):
		return r.texts[at-1]
	case at > uint64(len(r.texts))+1:
		r.bad, r.data = true, nil
		return ""
	}
	n := r.count()
	if r.bad {
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	r.texts = append(r.texts, s)
	return s
}

func (r *reader) keys(k *Keys, set []Dim) {
	k.Numbers[Subject] = int32(r.number()) //nolint:gosec // it was one
	for _, d := range set {
		if d.IsText() {
			k.SetText(d, r.text())
		} else {
			k.Numbers[d] = int32(r.number()) //nolint:gosec // it was one
		}
	}
}

func (r *reader) err() error {
	if r.bad {
		return errBytes
	}
	return nil
}
