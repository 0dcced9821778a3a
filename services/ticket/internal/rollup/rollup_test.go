package rollup

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawTicket draws a ticket of one day whose flows follow from spans.
func drawTicket(t *rapid.T) *Ticket {
	some := func(what string) int64 {
		return rapid.OneOf(rapid.Just(int64(None)), rapid.Int64Range(-1e9, 1e13)).Draw(t, what)
	}
	one := &Ticket{
		Open: 1_700_006_400_000_000 + rapid.Int64Range(0, 86_400_000_000-1).Draw(t, "open"), Due: Never,
		Response: some("response"), Resolution: some("resolution"), Closing: some("closing"),
		Flags: Flag(rapid.IntRange(0, 63).Draw(t, "flags")), Outcome: rapid.Int32Range(0, 6).Draw(t, "outcome"),
		Repeat: Repeat(rapid.IntRange(0, 2).Draw(t, "repeat")), Handoffs: rapid.Int64Range(0, 3).Draw(t, "handoffs"),
		Contacts: rapid.Int64Range(0, 300).Draw(t, "contacts"), Costed: rapid.Int64Range(0, 2).Draw(t, "costed"),
		NextOpen: rapid.Int64Range(0, 1).Draw(t, "next open"), Next: rapid.SliceOfN(rapid.Int64Range(0, 1e12), 0, 3).Draw(t, "next"),
		FirstBusiness: some("business"), ResolutionBusiness: some("business"),
	}
	if one.Costed > 0 {
		one.Cost = rapid.Int64Range(0, 1e15).Draw(t, "cost")
	}
	for i := range one.Numbers {
		one.Numbers[i] = rapid.Int32Range(0, 2).Draw(t, "number")
	}
	for i := range one.Texts {
		one.Texts[i] = rapid.SampledFrom([]string{"", "a", "b-2"}).Draw(t, "text")
	}
	one.Clocks[rapid.IntRange(0, 5).Draw(t, "clock")].Met = rapid.Int64Range(0, 2).Draw(t, "met")
	var spans []Span
	for range rapid.IntRange(0, 2).Draw(t, "reopened") {
		at := one.Open + rapid.Int64Range(-1e10, 1e12).Draw(t, "settled")
		spans = append(spans, Span{at, at + rapid.Int64Range(-1e10, 1e12).Draw(t, "again")})
		one.Reopens++
	}
	if one.Resolution != None {
		spans = append(spans, Span{one.Open + one.Resolution, None})
	}
	one.Flows = FlowsOf(one.Open, spans)
	return one
}

func TestAPageGivesItsTicketsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(drawTicket), 0, 8).Draw(t, "tickets")
		page := Pack(all)
		slices.SortStableFunc(all, func(a, b *Ticket) int { return int(a.Open - b.Open) })
		i := 0
		err := Unpack(page, func(got *Ticket) {
			want := *all[i]
			if i++; fmt.Sprint(*got) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", *got, want)
			}
		})
		if err != nil || i != len(all) {
			t.Errorf("%d of %d tickets, %v", i, len(all), err)
		}
		for cut := range page {
			_ = Unpack(page[:cut], func(*Ticket) {}) // must not panic or hang
		}
	})
}

func TestCellsDoNotDependOnHowTicketsWereSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(drawTicket), 0, 30).Draw(t, "tickets")
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		var whole, merged Cell
		for _, one := range all {
			whole.Add(one)
		}
		for _, part := range [][]*Ticket{all[cut:], all[:cut]} {
			var cell Cell
			for _, one := range part {
				cell.Add(one)
			}
			var w writer
			cell.append(&w)
			if err := merged.MergeBytes(w.Data); err != nil {
				t.Fatal(err)
			}
		}
		var want, got writer
		whole.append(&want)
		merged.append(&got)
		if !bytes.Equal(got.Data, want.Data) {
			t.Errorf("merged %x, want %x", got.Data, want.Data)
		}
	})
}

func TestFlowsTellWhoIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int64Range(0, 20)
		open := at.Draw(t, "open")
		var spans []Span
		for range rapid.IntRange(0, 4).Draw(t, "spans") {
			spans = append(spans, Span{at.Draw(t, "settled"), rapid.OneOf(at, rapid.Just(int64(None))).Draw(t, "reopened")})
		}
		one := Ticket{Flows: FlowsOf(open, spans)}
		if !slices.IsSortedFunc(one.Flows, func(a, b Flow) int { return int(a.At - b.At) }) {
			t.Errorf("flows = %v, want them in order", one.Flows)
		}
		for now := int64(0); now < 23; now++ {
			want := open < now && !slices.ContainsFunc(spans, func(s Span) bool { return s.Settled < now && (s.Reopened == None || s.Reopened >= now) })
			if got := one.OpenAt(now); got != want {
				t.Errorf("opened %d, settled %v: open at %d is %t, want %t", open, spans, now, got, want)
			}
		}
	})
}

func TestBurstsRunFromTheFirstMessageToTheNextResponse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		said  []Said
		waits string
		open  int64
	}{
		{"nothing", nil, "[]", 0},
		{"before the first response", []Said{{1, Message}, {2, Message}, {5, Response}}, "[]", 0},
		{"a burst counts once", []Said{{1, Response}, {3, Message}, {4, Message}, {9, Response}}, "[6]", 0},
		{"each burst counts", []Said{{1, Response}, {3, Message}, {4, Response}, {6, Message}, {8, Settle}, {9, Message}}, "[1 2]", 1},
		{"out of order", []Said{{9, Response}, {3, Message}, {1, Response}}, "[6]", 0},
		{"a resolution is no response", []Said{{1, Settle}, {2, Message}, {3, Response}}, "[]", 0},
	} {
		if waits, open := Bursts(tt.said); fmt.Sprint(waits) != tt.waits || open != tt.open {
			t.Errorf("%s: %v and %d open, want %s and %d", tt.name, waits, open, tt.waits, tt.open)
		}
	}
}

func TestEveryChannelStageAndOneMoreHaveAFamily(t *testing.T) {
	for d := range dims {
		i, ok := FamilyOf([]Dim{Stage, Channel, d})
		if !ok || !slices.Contains(Families()[i], d) {
			t.Errorf("no family of %d", d)
		}
		if i, _ := FamilyOf([]Dim{d}); len(Families()[i]) != 1 {
			t.Errorf("family of %d alone = %v", d, Families()[i])
		}
	}
	if _, ok := FamilyOf([]Dim{Agent, Team}); ok {
		t.Error("agent and team have a family")
	}
}
