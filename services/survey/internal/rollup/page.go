package rollup

import (
	"cmp"
	"slices"
)

// recordDims are the dimensions of a record, those of its answers aside.
var recordDims = []Dim{Channel, Stage, Phase, Origin, Survey, Partner, Team, Agent, Language, Rule}

// Pack encodes the observations of one day; none give no bytes.
func Pack(records []*Record) []byte {
	sorted := slices.SortedStableFunc(slices.Values(records), func(a, b *Record) int { return cmp.Compare(a.At, b.At) })
	var w writer
	last := int64(0)
	for _, r := range sorted {
		w.signed(r.At - last)
		last = r.At
		w.keys(&r.Keys, recordDims)
		w.number(uint64(len(r.Parts)))
		for i := range r.Parts {
			w.part(&r.Parts[i])
		}
	}
	return w.data
}

func (w *writer) part(p *Part) {
	w.number(uint64(p.Code))
	if p.Code >= decisions {
		return
	}
	w.text(p.Question)
	w.text(p.Definition)
	if _, plain := p.Code.Plain(); !plain {
		return
	}
	w.number(uint64(len(p.Choices)))
	for _, c := range p.Choices {
		w.text(c)
	}
}

// Unpack calls visit with each observation of a page, by time. The record is valid
// until visit returns.
func Unpack(page []byte, visit func(*Record)) error {
	r := reader{data: page}
	var one Record
	for len(r.data) > 0 {
		one.At += r.signed()
		r.keys(&one.Keys, recordDims)
		n := r.count()
		one.Parts = one.Parts[:0]
		for range n {
			one.Parts = append(one.Parts, r.part())
		}
		if r.bad || n == 0 {
			return errBytes
		}
		visit(&one)
	}
	return r.err()
}

func (r *reader) part() Part {
	p := Part{Code: Code(r.number())} //nolint:gosec // it was one
	if p.Code >= decisions {
		return p
	}
	p.Question, p.Definition = r.text(), r.text()
	if _, plain := p.Code.Plain(); !plain {
		return p
	}
	for range r.count() {
		p.Choices = append(p.Choices, r.text())
	}
	return p
}
