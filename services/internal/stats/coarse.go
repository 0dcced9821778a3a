package stats

import "encoding/binary"

// Coarsen makes a sketch of d however few it holds, so that it equals what
// [Durations.AppendCoarse] and [Durations.MergeBinary] lead to. Without durations it
// does nothing.
func (d *Durations) Coarsen() {
	if d.Count() > 0 {
		d.force()
	}
}

// AppendCoarse is AppendBinary of what [Durations.Coarsen] would make of d, which
// stays as it is. Many small collections kept to be merged take half the bytes so,
// and no time to sort.
func (d *Durations) AppendCoarse(b []byte) []byte {
	switch {
	case d.sketch != nil:
		return d.sketch.encode(b, d.sum)
	case len(d.values) == 0:
		return b
	}
	d.sort()
	b = appendSketch(b, int64(len(d.values)), d.sum)
	next := 0
	for i := 0; i < len(d.values); {
		at, start := bin(int64(d.values[i])), i
		for i < len(d.values) && bin(int64(d.values[i])) == at {
			i++
		}
		b = binary.AppendUvarint(b, uint64(at-next))
		b = binary.AppendUvarint(b, uint64(i-start))
		next = at + 1
	}
	return b
}
