package stats

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"time"
)

// The first byte of encoded durations. None at all are no bytes at all.
const (
	formExact  = 1 // count, unit, then the sorted values as differences in that unit
	formSketch = 2 // sum (high, low), then for each bin in use: bins left out before it, count
	formCoarse = 3 // count, then as formSketch: a sketch of no more than MaxExact
)

// errDurations is deliberately one error: the bytes come from a database that we
// wrote, so nobody can act on the details.
var errDurations = errors.New("stats: bytes are not encoded durations")

// MarshalBinary implements encoding.BinaryMarshaler. Equal durations have equal
// bytes. The error is always nil.
func (d *Durations) MarshalBinary() ([]byte, error) { return d.AppendBinary(nil) }

// AppendBinary implements encoding.BinaryAppender. The error is always nil.
func (d *Durations) AppendBinary(b []byte) ([]byte, error) {
	if d.sketch != nil {
		return d.sketch.encode(b, d.sum), nil
	}
	if len(d.values) == 0 {
		return b, nil
	}
	d.sort()
	unit := commonUnit(d.values)
	b = slices.Grow(b, 4+3*len(d.values))
	b = append(b, formExact)
	b = binary.AppendUvarint(b, uint64(len(d.values)))
	b = binary.AppendUvarint(b, uint64(unit))
	last := time.Duration(0)
	for _, v := range d.values {
		b = binary.AppendUvarint(b, uint64((v-last)/unit))
		last = v
	}
	return b, nil
}

// commonUnit returns the largest duration of which all values are multiples:
// times that were kept in seconds need no nanoseconds.
func commonUnit(values []time.Duration) time.Duration {
	unit := time.Duration(0)
	for _, v := range values {
		for v != 0 {
			unit, v = v, unit%v
		}
		if unit == 1 {
			break
		}
	}
	return max(unit, 1)
}

func (s *sketch) encode(b []byte, sum uint128) []byte {
	b = appendSketch(b, s.n, sum)
	next := 0
	for i, count := range s.counts[:] {
		if count > 0 {
			b = binary.AppendUvarint(b, uint64(i-next))
			b = binary.AppendUvarint(b, uint64(count))
			next = i + 1
		}
	}
	return b
}

// appendSketch begins a sketch of n durations.
func appendSketch(b []byte, n int64, sum uint128) []byte {
	if n <= MaxExact {
		b = binary.AppendUvarint(append(b, formCoarse), uint64(n))
	} else {
		b = append(b, formSketch)
	}
	b = binary.AppendUvarint(b, sum.high)
	return binary.AppendUvarint(b, sum.low)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: d holds what data does
// and nothing else. After an error d is unchanged.
func (d *Durations) UnmarshalBinary(data []byte) error {
	var fresh Durations
	if err := fresh.MergeBinary(data); err != nil {
		return err
	}
	*d = fresh
	return nil
}

// MergeBinary takes all that the encoded data holds, as Merge does and without
// an object in between. After an error d is unchanged.
func (d *Durations) MergeBinary(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	r := reader{data: data[1:]}
	switch data[0] {
	case formExact:
		return d.mergeExact(&r)
	case formSketch:
		return d.mergeSketch(&r, false)
	case formCoarse:
		return d.mergeSketch(&r, true)
	}
	return errDurations
}

func (d *Durations) mergeExact(r *reader) error {
	n, unit := r.next(), r.next()
	if r.bad || n == 0 || n > MaxExact || n > uint64(len(r.data)) || unit == 0 {
		return errDurations
	}
	start := len(d.values)
	target := slices.Grow(d.values, int(n))
	sum, value := uint128{}, uint64(0)
	for range n {
		high, step := bits.Mul64(r.next(), unit)
		value += step
		if r.bad || high != 0 || step > math.MaxInt64 || value > math.MaxInt64 {
			return errDurations
		}
		sum.add(uint128{low: value})
		target = append(target, time.Duration(value))
	}
	if len(r.data) > 0 {
		return errDurations
	}
	d.sum.add(sum)
	if d.sketch != nil {
		d.append(target)
		d.values = target[:0]
		return nil
	}
	d.unsorted = d.unsorted || start > 0
	d.values = target
	d.reduce()
	return nil
}

func (d *Durations) mergeSketch(r *reader, few bool) error {
	total := uint64(0)
	if few {
		total = r.next()
	}
	sum := uint128{r.next(), r.next()}
	entries, n := *r, int64(0)
	for at := uint64(0); len(r.data) > 0; at++ {
		skipped, count := r.next(), r.next()
		if r.bad || skipped >= bins || at+skipped >= bins || count == 0 || count > math.MaxInt64-uint64(n) {
			return errDurations
		}
		at += skipped
		n += int64(count)
	}
	if r.bad || n == 0 || (n <= MaxExact) != few || few && n != int64(total) {
		return errDurations
	}
	d.force()
	d.sum.add(sum)
	d.sketch.n += n
	for at := uint64(0); len(entries.data) > 0; at++ {
		at += entries.next()
		d.sketch.counts[at] += int64(entries.next())
	}
	return nil
}

// A reader takes numbers off the front of data until it fails.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) next() uint64 {
	if len(r.data) > 0 && r.data[0] < 0x80 {
		v := r.data[0]
		r.data = r.data[1:]
		return uint64(v)
	}
	v, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.data = r.data[size:]
	return v
}
