package rollup

import (
	"cmp"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/pack"
)

// Which parts of a ticket follow its flags in a page.
const (
	hasResponse = 1 << iota
	hasResolution
	hasClosing
	hasReopens
	hasHandoffs
	hasContacts
	hasCost
	hasNext
	hasClocks
	hasBusiness
	hasFlows // where they do not follow from opening and resolution
)

// Pack encodes the tickets that were opened on one day.
func Pack(tickets []*Ticket) []byte {
	sorted := slices.SortedStableFunc(slices.Values(tickets), func(a, b *Ticket) int { return cmp.Compare(a.Open, b.Open) })
	var w writer
	last := int64(0)
	for _, t := range sorted {
		w.Signed(t.Open - last)
		last = t.Open
		w.ticket(t)
	}
	return w.Data
}

func (w *writer) ticket(t *Ticket) {
	w.keys(&t.Keys)
	parts := t.parts()
	w.Number(uint64(parts))
	w.Number(uint64(t.Flags))
	w.Number(uint64(t.Outcome))
	w.Number(uint64(t.Repeat))
	for _, p := range []struct {
		bit   int
		value int64
	}{
		{hasResponse, t.Response},
		{hasResolution, t.Resolution},
		{hasClosing, t.Closing},
		{hasReopens, t.Reopens},
		{hasHandoffs, t.Handoffs},
		{hasContacts, t.Contacts},
	} {
		if parts&p.bit != 0 {
			w.Signed(p.value)
		}
	}
	if parts&hasCost != 0 {
		w.Signed(t.Cost)
		w.Signed(t.Costed)
	}
	if parts&hasNext != 0 {
		w.Signed(t.NextOpen)
		w.Number(uint64(len(t.Next)))
		for _, v := range t.Next {
			w.Signed(v)
		}
	}
	if parts&hasClocks != 0 {
		for _, c := range t.Clocks {
			w.Signed(c.Met)
			w.Signed(c.Breached)
			w.Signed(c.Running)
		}
	}
	if parts&hasBusiness != 0 {
		w.Signed(t.FirstBusiness)
		w.Signed(t.ResolutionBusiness)
	}
	if parts&hasFlows != 0 {
		w.Number(uint64(len(t.Flows)))
		for _, f := range t.Flows {
			w.Signed(f.At - t.Open)
			w.Signed(f.Delta)
		}
	}
}

func (t *Ticket) parts() int {
	parts := 0
	for _, p := range []struct {
		bit  int
		here bool
	}{
		{hasResponse, t.Response != None},
		{hasResolution, t.Resolution != None},
		{hasClosing, t.Closing != None},
		{hasReopens, t.Reopens != 0},
		{hasHandoffs, t.Handoffs != 0},
		{hasContacts, t.Contacts != 0},
		{hasCost, t.Costed != 0},
		{hasNext, t.NextOpen != 0 || len(t.Next) > 0},
		{hasClocks, t.Clocks != [SLAMetrics]Clocks{}},
		{hasBusiness, t.FirstBusiness != None || t.ResolutionBusiness != None},
		{hasFlows, !slices.Equal(t.Flows, t.plainFlows(nil))},
	} {
		if p.here {
			parts |= p.bit
		}
	}
	return parts
}

// plainFlows appends the flows of a ticket that was never reopened.
func (t *Ticket) plainFlows(all []Flow) []Flow {
	all = append(all, Flow{t.Open, 1})
	if t.Resolution != None {
		all = append(all, Flow{t.Open + max(t.Resolution, 0), -1})
	}
	return all
}

// Unpack calls visit with each ticket of a page, by the time of its opening. The
// ticket is valid until visit returns; its Due is not kept.
func Unpack(page []byte, visit func(*Ticket)) error {
	r := newReader(page)
	var t Ticket
	last := int64(0)
	for len(r.Data) > 0 {
		last += r.Signed()
		r.ticket(&t, last)
		if r.Err() != nil {
			return pack.ErrBytes
		}
		visit(&t)
	}
	return r.Err()
}

func (r *reader) ticket(t *Ticket, open int64) {
	next, flows := t.Next[:0], t.Flows[:0]
	*t = Ticket{Open: open, Response: None, Resolution: None, Closing: None, FirstBusiness: None, ResolutionBusiness: None, Due: Never}
	r.keys(&t.Keys)
	parts := int(r.Number())      //nolint:gosec // bits
	t.Flags = Flag(r.Number())    //nolint:gosec // it was one
	t.Outcome = int32(r.Number()) //nolint:gosec // it was one
	t.Repeat = Repeat(r.Number()) //nolint:gosec // it was one
	t.Next, t.Flows = next, flows
	for _, p := range [...]struct {
		bit  int
		into *int64
	}{
		{hasResponse, &t.Response},
		{hasResolution, &t.Resolution},
		{hasClosing, &t.Closing},
		{hasReopens, &t.Reopens},
		{hasHandoffs, &t.Handoffs},
		{hasContacts, &t.Contacts},
	} {
		if parts&p.bit != 0 {
			*p.into = r.Signed()
		}
	}
	if parts&hasCost != 0 {
		t.Cost, t.Costed = r.Signed(), r.Signed()
	}
	if parts&hasNext != 0 {
		t.NextOpen = r.Signed()
		for range min(r.Number(), uint64(len(r.Data))) {
			t.Next = append(t.Next, r.Signed())
		}
	}
	if parts&hasClocks != 0 {
		for i := range t.Clocks {
			t.Clocks[i] = Clocks{r.Signed(), r.Signed(), r.Signed()}
		}
	}
	if parts&hasBusiness != 0 {
		t.FirstBusiness, t.ResolutionBusiness = r.Signed(), r.Signed()
	}
	if parts&hasFlows == 0 {
		t.Flows = t.plainFlows(t.Flows)
		return
	}
	for range min(r.Number(), uint64(len(r.Data))) {
		t.Flows = append(t.Flows, Flow{open + r.Signed(), r.Signed()})
	}
}
