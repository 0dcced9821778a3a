package store

import (
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// details are what few tickets have, by id.
type details struct {
	reopenings map[string][]rollup.Span
	said       map[string][]rollup.Said
	clocks     map[string][]clock
}

// details reads those of the tickets that f picks.
func (s *Snapshot) details(f ObservationFilter) (d details, err error) {
	d = details{map[string][]rollup.Span{}, map[string][]rollup.Said{}, map[string][]clock{}}
	var q sqldb.Query
	q.Add(`SELECT ticket, resolve_time, reopen_time FROM reopening WHERE brand = ? AND ticket IN (SELECT id FROM ticket`, f.Brand)
	f.where(&q, ` AND reopen_count > 0)`)
	err = s.each(&q, func(scan func(...any) error) error {
		var id string
		var span rollup.Span
		if err := scan(&id, &span.Settled, &span.Reopened); err != nil {
			return err
		}
		d.reopenings[id] = append(d.reopenings[id], span)
		return nil
	})
	if err != nil || f.Backlog {
		return d, err
	}
	if err := s.said(f, d.said); err != nil {
		return d, err
	}
	return d, s.clocks(f, d.clocks)
}

// said reads who spoke, where a customer did after the first response.
func (s *Snapshot) said(f ObservationFilter, all map[string][]rollup.Said) error {
	var q sqldb.Query
	q.Add(`SELECT ticket, start_time, kind, direction, actor FROM interaction WHERE brand = ? AND ticket IN (SELECT id FROM ticket`, f.Brand)
	f.where(&q, ` AND inbound_after > 0) ORDER BY ticket, start_time, number, id`)
	return s.each(&q, func(scan func(...any) error) error {
		var id string
		var one rollup.Said
		var act lifecycle.Interaction
		if err := scan(&id, &one.At, (*int32)(&act.Kind), (*int32)(&act.Direction), (*int32)(&act.Actor)); err != nil {
			return err
		}
		switch {
		case act.CountsAsResponse():
			one.Turn = rollup.Response
		case act.Direction == lifecycle.Inbound:
			one.Turn = rollup.Message
		default:
			return nil
		}
		all[id] = append(all[id], one)
		return nil
	})
}

// complete adds the details of a ticket to it.
func (d details) complete(o *observation, now time.Time) {
	t := &o.t
	spans := d.reopenings[o.id]
	if end := o.end(); end.Valid {
		spans = append(spans, rollup.Span{Settled: end.Int64, Reopened: rollup.None})
	}
	t.Flows = rollup.FlowsOf(t.Open, spans)
	t.Next, t.NextOpen = nil, 0
	if said := d.said[o.id]; len(said) > 0 {
		for _, span := range spans {
			said = append(said, rollup.Said{At: span.Settled, Turn: rollup.Settle})
		}
		t.Next, t.NextOpen = rollup.Bursts(said)
	}
	t.Clocks, t.FirstBusiness, t.ResolutionBusiness = [rollup.SLAMetrics]rollup.Clocks{}, rollup.None, rollup.None
	for _, c := range d.clocks[o.id] {
		c.count(t, now.UnixMicro())
	}
}

// end returns when the ticket was settled, or closed without that, as histories of
// other systems have it.
func (o *observation) end() sql.NullInt64 {
	if o.resolve.Valid {
		return o.resolve
	}
	return o.closing
}
