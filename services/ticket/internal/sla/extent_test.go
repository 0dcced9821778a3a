package sla

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// busy is open for a quarter of an hour every two hours, but for Sundays.
func busy(t *testing.T, zone string) *Schedule {
	t.Helper()
	var c Calendar
	c.Zone = zone
	for weekday := 1; weekday < 7; weekday++ {
		for hour := range 12 {
			open := time.Duration(2*hour) * time.Hour
			c.Week[weekday] = append(c.Week[weekday], Span{open, open + 15*time.Minute})
		}
	}
	s, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAnExtentIsAnEndOfAllSegments compares clocks whose segments are limited, at
// either end, with whole ones, on random logs of some months.
func TestAnExtentIsAnEndOfAllSegments(t *testing.T) {
	schedules := []*Schedule{busy(t, "UTC"), busy(t, "America/Havana"), Always(), nil}
	start := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.Int64Range(0, 24*150)
		at := func(name string) time.Time { return start.Add(time.Duration(hour.Draw(t, name)) * time.Hour) }
		p := &Policy{Targets: map[Metric]Target{}}
		for m := Acknowledge; m < metrics; m++ {
			p.Targets[m] = Target{Duration: time.Duration(rapid.Int64Range(1, 200).Draw(t, "target")) * time.Hour, BusinessTime: true, WarnAt: .5}
		}
		first, second := rapid.SampledFrom(schedules).Draw(t, "first"), rapid.SampledFrom(schedules).Draw(t, "second")
		h := History{
			Events:   []Event{{Time: start, Kind: Moved, State: lifecycle.New}},
			Policies: []Applied{{From: start, Policy: p, Schedules: []InForce{{Schedule: first}, {From: at("change"), Schedule: second}}}},
		}
		for now := start; now.Before(start.Add(120 * 24 * time.Hour)); now = now.Add(time.Duration(rapid.Int64Range(1, 900).Draw(t, "gap")) * time.Hour) {
			e := Event{Time: now, Kind: rapid.SampledFrom([]EventKind{Moved, Inbound, Reply}).Draw(t, "kind"), Actor: lifecycle.Agent}
			switch e.Kind {
			case Moved:
				e.State = rapid.SampledFrom([]lifecycle.State{lifecycle.Open, lifecycle.Pending, lifecycle.OnHold}).Draw(t, "state")
			case Inbound:
				e.Actor = lifecycle.Customer
			}
			h.Events = append(h.Events, e)
		}
		now, n := at("now"), rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(1, 1500)).Draw(t, "n")
		all := clocks(h, now, extent{last: 1 << 30})
		for _, e := range []extent{{first: n}, {last: n}} {
			got := clocks(h, now, e)
			for i, want := range all {
				if e.first > 0 {
					want.Segments = want.Segments[:min(n, len(want.Segments))]
				} else {
					want.Segments = want.Segments[max(0, len(want.Segments)-n):]
				}
				if !reflect.DeepEqual(got[i], want) {
					t.Fatalf("%+v at %v:\n%+v, want\n%+v", e, now, got[i], want)
				}
			}
		}
	})
}

// TestManySegmentsAreNotBuilt asks for the clock of a ticket that is as old as 1970.
func TestManySegmentsAreNotBuilt(t *testing.T) {
	start := time.Unix(0, 0)
	h := History{
		Events: []Event{
			{Time: start, Kind: Moved, State: lifecycle.New},
			{Time: start.AddDate(54, 0, 0), Kind: Moved, State: lifecycle.Pending},
			{Time: start.AddDate(56, 0, 0), Kind: Moved, State: lifecycle.Open},
		},
		Policies: []Applied{{From: start, Policy: &Policy{Targets: map[Metric]Target{Resolution: {Duration: time.Hour, BusinessTime: true}}}, Schedules: []InForce{{Schedule: busy(t, "UTC")}}}},
	}
	now := start.AddDate(56, 1, 0)
	m := measurer{at: nanos(now), policies: newTimeline(h.Policies), extent: extent{last: MaxSegments}}
	m.log = read(h.Events, m.policies, m.at)
	for i := range m.log.episodes {
		m.measure(&m.log.episodes[i])
	}
	if n := cap(m.segments); len(m.segments) != MaxSegments || n > 4*MaxSegments {
		t.Errorf("%d segments in room for %d, want %d in little more", len(m.segments), n, MaxSegments)
	}
	c, b := Clocks(h, now)[0], Brief(h, now)[0]
	if got := c.Segments; len(got) != MaxSegments || !got[len(got)-1].End.Equal(now) {
		t.Errorf("%d segments until %v, want the last %d", len(got), got[len(got)-1].End, MaxSegments)
	}
	if c.Segments = nil; !reflect.DeepEqual(c, b) {
		t.Errorf("%+v, want\n%+v", c, b)
	}
}
