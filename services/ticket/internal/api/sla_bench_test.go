package api

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// BenchmarkClocksOfALog computes the clocks of a ticket with 100 entries in its log and
// six targets, without the store. At most 50 microseconds are asked for.
func BenchmarkClocksOfALog(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the suite runs
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	policy := store.SLAPolicy{Record: table.Record{Brand: "acme", ID: "p"}, Schedule: "desk", Revision: 1}
	for m := range int32(6) {
		policy.Targets = append(policy.Targets, store.Target{Metric: m + 1, Duration: 40 * time.Hour})
	}
	desk := store.Schedule{TimeZone: "Europe/Berlin"}
	for d := range int32(5) {
		desk.Week = append(desk.Week, store.WeekDay{Day: d + 1, Hours: []store.Hours{{Open: "09:00", Close: "12:30"}, {Open: "13:30", Close: "18:00"}}})
	}
	hours, err := compile(desk)
	if err != nil {
		b.Fatal(err)
	}
	known := &book{
		promises: map[revision]*promise{{"acme", "p", 1}: newPromise(policy)},
		timelines: map[scheduleID]timeline{
			{"acme", "desk"}: {inForce: []sla.InForce{{Name: "desk", Schedule: hours}}, last: 1, read: time.Now().Add(time.Hour)},
		},
	}
	h := store.History{
		Ticket: store.Ticket{Brand: "acme", ID: "t", Priority: 2, OpenTime: noon},
		Events: []store.Event{{Kind: store.PolicyApplied, Number: 1, Time: noon, Policy: store.Policy{ID: "p", Revision: 1}}},
	}
	state := lifecycle.New
	for i := range int64(99) {
		at, number := noon.Add(time.Duration(i)*2*time.Hour), i+2
		act := lifecycle.Interaction{Kind: lifecycle.Message, Direction: lifecycle.Inbound, Actor: lifecycle.Customer, Start: at}
		switch i % 3 {
		case 0:
			h.Interactions = append(h.Interactions, store.Said{Act: act, From: state, To: lifecycle.Open, Number: number})
			state = lifecycle.Open
		case 1:
			act.Direction, act.Actor = lifecycle.Outbound, lifecycle.Agent
			h.Interactions = append(h.Interactions, store.Said{Act: act, From: state, To: state, Number: number})
		case 2:
			h.Events = append(h.Events, store.Event{Kind: store.Pended, Number: number, Time: at, From: state, To: lifecycle.Pending})
			state = lifecycle.Pending
		}
	}
	r := reader{book: known}
	before := used(b)
	for b.Loop() {
		history, _, err := r.history(h)
		if err != nil {
			b.Fatal(err)
		}
		if n := len(sla.Clocks(history, noon.Add(400*time.Hour))); n < 30 {
			b.Fatalf("%d clocks", n)
		}
	}
	b.ReportMetric(float64(used(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}
