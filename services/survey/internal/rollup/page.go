package rollup

import (
	"cmp"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/pack"
)

// recordDims are the dimensions of a record, those of its answers aside.
var recordDims = []Dim{Channel, Stage, Phase, Origin, Survey, Partner, Team, Agent, Language, Rule}

// Pack encodes the observations of one day; none give no bytes.
func Pack(records []*Record) []byte {
	sorted := slices.SortedStableFunc(slices.Values(records), func(a, b *Record) int { return cmp.Compare(a.At, b.At) })
	var w writer
	last := int64(0)
	for _, r := range sorted {
		w.Signed(r.At - last)
		last = r.At
		w.keys(&r.Keys, recordDims)
		w.Number(uint64(len(r.Parts)))
		for i := range r.Parts {
			w.part(&r.Parts[i])
		}
	}
	return w.Data
}

func (w *writer) part(p *Part) {
	w.Number(uint64(p.Code))
	if p.Code >= decisions {
		return
	}
	w.Text(p.Question)
	w.Text(p.Definition)
	if _, plain := p.Code.Plain(); !plain {
		return
	}
	w.Number(uint64(len(p.Choices)))
	for _, c := range p.Choices {
		w.Text(c)
	}
}

// Unpack calls visit with each observation of a page, by time. The record is valid
// until visit returns.
func Unpack(page []byte, visit func(*Record)) error {
	r := newReader(page)
	var one Record
	for len(r.Data) > 0 {
		one.At += r.Signed()
		r.keys(&one.Keys, recordDims)
		n := r.Count()
		one.Parts = one.Parts[:0]
		for range n {
			one.Parts = append(one.Parts, r.part())
		}
		if r.Err() != nil || n == 0 {
			return pack.ErrBytes
		}
		visit(&one)
	}
	return r.Err()
}

func (r *reader) part() Part {
	p := Part{Code: Code(r.Number())} //nolint:gosec // it was one
	if p.Code >= decisions {
		return p
	}
	p.Question, p.Definition = r.Text(), r.Text()
	if _, plain := p.Code.Plain(); !plain {
		return p
	}
	for range r.Count() {
		p.Choices = append(p.Choices, r.Text())
	}
	return p
}
