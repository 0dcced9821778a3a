package api

import (
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// ripe is how old a day must be for writes to its tickets to be marked, and a
// little more how old it must be to be rolled up. Most writes are to younger ones.
const ripe = 24 * time.Hour

// present is how far in the past a time may lie for it to be taken as now.
const present = 30 * time.Second

// stale marks the roll-ups that count a ticket as it was before and as it is after a
// write. A ticket that is new was nothing before: its ID is empty.
func stale(tx *sqldb.Tx, before, after store.Ticket) {
	now := time.Now()
	day := markDay(tx, after, now)
	if before.ID != "" && almanac.DayOf(sqldb.Micros(before.OpenTime)) != day {
		markDay(tx, before, now)
	}
	for _, t := range []store.Ticket{before, after} {
		if counts := t.ID != "" && t.Asked() && !t.Dismissed(); counts && now.Sub(t.OpenTime) > present && repeats(before, after) {
			store.MarkRepeated(tx, t, now)
		}
	}
}

// markDay marks the day on which t was opened, which it returns.
func markDay(tx *sqldb.Tx, t store.Ticket, now time.Time) almanac.Period {
	day := almanac.DayOf(sqldb.Micros(t.OpenTime))
	if end := sqldb.Time(almanac.StartOf(day + 1)); now.Sub(end) >= ripe {
		store.MarkStale(tx, t.Brand, day, now)
	}
	return day
}

// repeats reports whether a change matters to whether earlier resolutions lasted.
func repeats(before, after store.Ticket) bool {
	return before.ID != after.ID || before.Customer != after.Customer || before.IssueKind != after.IssueKind ||
		before.Asked() != after.Asked() || before.Dismissed() != after.Dismissed() || !before.OpenTime.Equal(after.OpenTime)
}
