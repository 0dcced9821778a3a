package rollup

import (
	"math/big"

	"github.com/concentric-cx/concentric/services/internal/pack"
)

type writer struct{ pack.Writer }

func (w *writer) keys(k *Keys) {
	for _, n := range k.Numbers {
		w.Number(uint64(n))
	}
	for _, s := range k.Texts {
		w.Text(s)
	}
}

func (w *writer) big(v *big.Int) { w.Bytes(v.Bytes()) } // never below zero

type reader struct{ pack.Reader }

func newReader(data []byte) *reader { return &reader{pack.Reader{Data: data}} }

func (r *reader) keys(k *Keys) {
	for i := range k.Numbers {
		k.Numbers[i] = int32(r.Number()) //nolint:gosec // it was one
	}
	for i := range k.Texts {
		k.Texts[i] = r.Text()
	}
}

func (r *reader) add(v *big.Int) {
	if b := r.Bytes(); len(b) > 0 {
		v.Add(v, new(big.Int).SetBytes(b))
	}
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
	w.Number(used[0])
	w.Number(used[1])
	for _, n := range c.Counts {
		if n != 0 {
			w.Signed(n)
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
	w.Number(filled)
	var scratch []byte
	for i := range c.Waits {
		if filled>>i&1 == 1 {
			scratch = c.Waits[i].AppendCoarse(scratch[:0])
			w.Bytes(scratch)
		}
	}
}

// MergeBytes adds what an encoded cell counts.
func (c *Cell) MergeBytes(data []byte) error {
	r := newReader(data)
	used := [2]uint64{r.Number(), r.Number()}
	costs := int64(0)
	for i := range c.Counts {
		if used[i/64]>>(i%64)&1 == 1 {
			n := r.Signed()
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
	filled := r.Number()
	for i := range c.Waits {
		if filled>>i&1 == 1 {
			if err := c.Waits[i].MergeBinary(r.Bytes()); err != nil {
				return err
			}
		}
	}
	return r.Err()
}
