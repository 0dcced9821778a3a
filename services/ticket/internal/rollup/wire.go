package rollup

import (
	"encoding/binary"
	"errors"
	"math/big"
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

func (w *writer) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.data = append(w.data, b...)
}

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
		w.bytes([]byte(s))
	}
}

func (w *writer) keys(k *Keys) {
	for _, n := range k.Numbers {
		w.number(uint64(n))
	}
	for _, s := range k.Texts {
		w.text(s)
	}
}

func (w *writer) big(v *big.Int) { w.bytes(v.Bytes()) } // never below zero

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

func (r *reader) bytes() []byte {
	n := r.number()
	if r.bad || n > uint64(len(r.data)) {
		r.bad, r.data = true, nil
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
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
	s := string(r.bytes())
	r.texts = append(r.texts, s)
	return s
}

func (r *reader) keys(k *Keys) {
	for i := range k.Numbers {
		k.Numbers[i] = int32(r.number()) //nolint:gosec // it was one
	}
	for i := range k.Texts {
		k.Texts[i] = r.text()
	}
}

func (r *reader) add(v *big.Int) {
	if b := r.bytes(); len(b) > 0 {
		v.Add(v, new(big.Int).SetBytes(b))
	}
}

func (r *reader) err() error {
	if r.bad {
		return errBytes
	}
	return nil
}

// append writes c with its waits as sketches: which counts are not zero, then
// those, and the same of the waits and costs.
func (c *Cell) append(w *writer) {
	var used [2]uint64
	for i, n := range c.Counts {
		if n != 0 {
			used[i/64] |= 1 << (i % 64)
		}
	}
	w.number(used[0])
	w.number(used[1])
	for _, n := range c.Counts {
		if n != 0 {
			w.signed(n)
		}
	}
	if c.Counts[Costs] > 0 {
		w.big(&c.Cost)
		w.big(&c.CostSquared)
		w.big(&c.CostByCosted)
	}
	filled := uint64(0)
	for i := range c.Waits {
		if c.Waits[i].Count() > 0 {
			filled |= 1 << i
		}
	}
	w.number(filled)
	var scratch []byte
	for i := range c.Waits {
		if filled>>i&1 == 1 {
			scratch = c.Waits[i].AppendCoarse(scratch[:0])
			w.bytes(scratch)
		}
	}
}

// MergeBytes adds what an encoded cell counts.
func (c *Cell) MergeBytes(data []byte) error {
	r := reader{data: data}
	used := [2]uint64{r.number(), r.number()}
	costs := int64(0)
	for i := range c.Counts {
		if used[i/64]>>(i%64)&1 == 1 {
			n := r.signed()
			c.Counts[i] += n
			if Count(i) == Costs {
				costs = n
			}
		}
	}
	if costs > 0 {
		r.add(&c.Cost)
		r.add(&c.CostSquared)
		r.add(&c.CostByCosted)
	}
	filled := r.number()
	for i := range c.Waits {
		if filled>>i&1 == 1 {
			if err := c.Waits[i].MergeBinary(r.bytes()); err != nil {
				return err
			}
		}
	}
	return r.err()
}
