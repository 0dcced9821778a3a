package rollup

import (
	"cmp"
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/pack"
)

// Flows are changes of the number of open tickets on one day, by the ticket's values
// and the time.
type Flows map[FlowKey]int64

// A FlowKey is what flows are kept by.
type FlowKey struct {
	Keys
	At int64
}

// Encode returns the bytes of f; none if nothing changes.
func (f Flows) Encode() []byte {
	keys := slices.SortedFunc(maps.Keys(f), func(a, b FlowKey) int {
		return cmp.Or(cmp.Compare(a.At, b.At), a.Compare(b.Keys))
	})
	var w writer
	last := int64(0)
	for _, k := range keys {
		if f[k] == 0 {
			continue
		}
		w.Signed(k.At - last)
		last = k.At
		w.keys(&k.Keys)
		w.Signed(f[k])
	}
	return w.Data
}

// EachFlow calls visit with each of the encoded flows of a day, by time. The key is
// valid until visit returns.
func EachFlow(page []byte, visit func(key *FlowKey, delta int64)) error {
	r := newReader(page)
	var k FlowKey
	for len(r.Data) > 0 {
		k.At += r.Signed()
		r.keys(&k.Keys)
		delta := r.Signed()
		if r.Err() != nil {
			return pack.ErrBytes
		}
		visit(&k, delta)
	}
	return r.Err()
}

// MonthFlows are the changes of one month, by family and value.
type MonthFlows struct {
	families [][]Dim
	nets     []map[Keys]int64
}

// NewMonthFlows returns flows without any.
func NewMonthFlows() *MonthFlows {
	m := &MonthFlows{families: Families()}
	for range m.families {
		m.nets = append(m.nets, map[Keys]int64{})
	}
	return m
}

// Add counts a change.
func (m *MonthFlows) Add(k *Keys, delta int64) {
	for i, family := range m.families {
		m.nets[i][k.Only(family)] += delta
	}
}

// Merge adds the encoded changes of one family.
func (m *MonthFlows) Merge(family int, row []byte) error {
	return EachNet(row, func(k Keys, delta int64) { m.nets[family][k] += delta })
}

// Encode returns the bytes of each family.
func (m *MonthFlows) Encode() [][]byte {
	all := make([][]byte, len(m.nets))
	for i, net := range m.nets {
		all[i] = encodeNet(net)
	}
	return all
}

func encodeNet(net map[Keys]int64) []byte {
	var w writer
	for _, k := range sorted(net) {
		if net[k] != 0 {
			w.keys(&k)
			w.Signed(net[k])
		}
	}
	return w.Data
}

// EachNet calls visit with each of the encoded changes of a family.
func EachNet(row []byte, visit func(Keys, int64)) error {
	r := newReader(row)
	for len(r.Data) > 0 {
		var k Keys
		r.keys(&k)
		delta := r.Signed()
		if r.Err() != nil {
			return pack.ErrBytes
		}
		visit(k, delta)
	}
	return r.Err()
}

// A FlowDiff is how the flows of days change when days of tickets are rolled up
// again.
type FlowDiff map[almanac.Period]Flows

// Add counts the flows of t, times over: -1 takes them away.
func (d FlowDiff) Add(t *Ticket, times int64) {
	for _, f := range t.Flows {
		day := almanac.DayOf(f.At)
		if d[day] == nil {
			d[day] = Flows{}
		}
		d[day][FlowKey{t.Keys, f.At}] += times * f.Delta
	}
}

// Clean drops what cancels out, and days without changes.
func (d FlowDiff) Clean() {
	for day, flows := range d {
		maps.DeleteFunc(flows, func(_ FlowKey, delta int64) bool { return delta == 0 })
		if len(flows) == 0 {
			delete(d, day)
		}
	}
}
