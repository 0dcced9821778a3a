package sla

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// TestBriefIsClocksWithoutSegments compares the two on random logs, at instants that
// often are the very edge of opening hours.
func TestBriefIsClocksWithoutSegments(t *testing.T) {
	nine := [7][]Span{1: {{9 * time.Hour, 12 * time.Hour}, {13 * time.Hour, 17 * time.Hour}}, 3: {{22 * time.Hour, 30 * time.Hour}}, 5: {{9 * time.Hour, 17 * time.Hour}}}
	schedules := make([]*Schedule, 0, 3)
	for _, zone := range []string{"UTC", "America/Havana", "Australia/Lord_Howe"} {
		s, err := Compile(Calendar{Zone: zone, Week: nine})
		if err != nil {
			t.Fatal(err)
		}
		schedules = append(schedules, s)
	}
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.Int64Range(0, 24*21)
		at := func(name string) time.Time { return start.Add(time.Duration(hour.Draw(t, name)) * time.Hour) }
		p := &Policy{Targets: map[Metric]Target{}}
		for m := Acknowledge; m < metrics; m++ {
			p.Targets[m] = Target{Duration: time.Duration(rapid.Int64Range(1, 40).Draw(t, "target")) * time.Hour, BusinessTime: true, WarnAt: .5}
		}
		first := rapid.SampledFrom(schedules).Draw(t, "first")
		second := rapid.SampledFrom(schedules).Draw(t, "second")
		h := History{
			Events:   []Event{{Time: start, Kind: Moved, State: lifecycle.New}},
			Policies: []Applied{{From: start, Policy: p, Schedules: []InForce{{Schedule: first}, {From: at("change"), Schedule: second}}}},
		}
		for now := start; now.Before(start.Add(14 * 24 * time.Hour)); now = now.Add(time.Duration(rapid.Int64Range(1, 50).Draw(t, "gap")) * time.Hour) {
			e := Event{Time: now, Kind: rapid.SampledFrom([]EventKind{Moved, Inbound, Reply}).Draw(t, "kind"), Actor: lifecycle.Agent}
			switch e.Kind {
			case Moved:
				e.State = rapid.SampledFrom([]lifecycle.State{lifecycle.Open, lifecycle.Pending, lifecycle.OnHold, lifecycle.Resolved}).Draw(t, "state")
			case Inbound:
				e.Actor = lifecycle.Customer
			}
			h.Events = append(h.Events, e)
		}
		now := at("now")
		want, got := Clocks(h, now), Brief(h, now)
		for i := range want {
			want[i].Segments = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("at %v\n%+v, want\n%+v", now, got, want)
		}
	})
}
