package store

import (
	"database/sql"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// A clock is what measuring needs of one of a ticket's.
type clock struct {
	metric, episode, state       int32
	business                     int64
	target                       int64
	stop, elapsed, due, breached sql.NullInt64
}

// cancelled is the state of a clock that no longer matters, in the contract's numbers.
const cancelled = 6

// The SLA metrics whose business time is measured, in the contract's numbers.
const (
	firstResponseClock = 2
	resolutionClock    = 5
)

// clocks reads those of the tickets that f picks.
func (s *Snapshot) clocks(f ObservationFilter, all map[string][]clock) error {
	var some bool
	err := s.QueryRow(`SELECT EXISTS (SELECT 1 FROM sla_instance WHERE brand = $1)`, f.Brand).Scan(&some)
	if err != nil || !some {
		return sqldb.Fault(err)
	}
	var q sqldb.Query
	q.Add(`SELECT ticket, metric, episode, state, business, target, stop_time, elapsed, due_time, breach_time
		FROM sla_instance WHERE brand = ? AND ticket IN (SELECT id FROM ticket`, f.Brand)
	f.where(&q, `) ORDER BY ticket, metric, episode`)
	return s.each(&q, func(scan func(...any) error) error {
		var id string
		var c clock
		err := scan(&id, &c.metric, &c.episode, &c.state, &c.business, &c.target, &c.stop, &c.elapsed, &c.due, &c.breached)
		all[id] = append(all[id], c)
		return err
	})
}

// count adds c, as it stands now, to its ticket. Of several episodes the first tells
// the business time to the first response, and the last that to the resolution.
func (c clock) count(t *rollup.Ticket, now int64) {
	i := int(c.metric) - 1
	if c.state == cancelled || i < 0 || i >= rollup.SLAMetrics {
		return
	}
	clocks := &t.Clocks[i]
	switch {
	case c.stop.Valid && c.elapsed.Int64 <= c.target:
		clocks.Met++
	case c.stop.Valid || c.breached.Valid || c.due.Valid && c.due.Int64 < now:
		clocks.Breached++
	default:
		clocks.Running++
		if c.due.Valid {
			t.Due = min(t.Due, c.due.Int64+1)
		}
	}
	if c.business == 0 || !c.stop.Valid {
		return
	}
	switch c.metric {
	case firstResponseClock:
		if c.episode == 1 {
			t.FirstBusiness = c.elapsed.Int64
		}
	case resolutionClock:
		t.ResolutionBusiness = c.elapsed.Int64
	}
}
