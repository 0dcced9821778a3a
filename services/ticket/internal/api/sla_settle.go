package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// recount settles the clocks of a ticket that is stored. The transaction has locked
// its timer, or the ticket.
func (s *Server) recount(tx *sqldb.Tx, t store.Ticket) (changed bool, err error) {
	old, err := store.ReadClocks(tx, t.Brand, t.ID)
	if err != nil {
		return false, err
	}
	h, err := store.ReadHistory(tx, t)
	if err != nil {
		return false, err
	}
	return s.settle(tx, h, old)
}

// settle stores the clocks of a ticket as its history says they stand now, in place of
// the old ones, sets the timer and tells what is new about them: that one has warned,
// was breached or was kept. Because the rows that say so are written by the same
// transaction, each is told once; it is told again only if the history took it back in
// between. It reports whether a row has changed.
func (s *Server) settle(tx *sqldb.Tx, h store.History, old []store.Clock) (changed bool, err error) {
	history, schedule, err := s.within(tx).history(h)
	if err != nil {
		return false, err
	}
	now, t := resource.Now(), h.Ticket
	teller := teller{server: s, tx: tx, ticket: t, history: history, quiet: imported(t)}
	was := make(map[clockKey]store.Clock, len(old))
	for _, c := range old {
		was[clockKey{c.Metric, c.Episode}] = c
	}
	instances := sla.Brief(history, now)
	timer := store.Timer{Brand: t.Brand, Ticket: t.ID, Wake: sla.Next(instances, now)}
	var put []store.Clock
	for i := range instances {
		c := clockRow(t, &instances[i])
		if instances[i].State == sla.Active && instances[i].Target.BusinessTime {
			timer.Schedule = schedule
		}
		key := clockKey{c.Metric, c.Episode}
		before := was[key]
		delete(was, key)
		if before != c {
			put = append(put, c)
			teller.tell(before, c, &instances[i])
		}
	}
	for _, c := range was {
		store.DropClock(tx, c)
	}
	store.PutClocks(tx, put)
	timer.Wake = sooner(timer.Wake, ahead(history, now))
	s.setTimer(tx, timer, len(old) == 0 && len(h.Events) == 1)
	return len(put)+len(was) > 0, nil
}

// ahead returns the first time after now of what was told ahead of its time, or zero.
func ahead(h sla.History, now time.Time) (first time.Time) {
	for i := range h.Events {
		if at := h.Events[i].Time; at.After(now) {
			first = sooner(first, at)
		}
	}
	for i := range h.Policies {
		if at := h.Policies[i].From; at.After(now) {
			first = sooner(first, at)
		}
	}
	return first
}

// sooner returns the earlier of two times, of which zero stands for never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

type clockKey struct{ metric, episode int32 }

// imported reports whether t is as an import has written it: nobody is told of what
// happened elsewhere long ago.
func imported(t store.Ticket) bool { return t.ImportDigest != "" && t.UpdateTime.Equal(t.CreateTime) }

// setTimer stores a timer, if there is something to store, and wakes who waits for it.
// It is the first of its ticket if first says so.
func (s *Server) setTimer(tx *sqldb.Tx, timer store.Timer, first bool) {
	if first && timer.Schedule == "" && timer.Wake.IsZero() {
		return
	}
	if !timer.Wake.IsZero() { // a timer that came early would find nothing to do
		timer.Wake = sqldb.Time(sqldb.Micros(timer.Wake.Add(time.Microsecond - time.Nanosecond)))
		tx.AfterCommit(func() { s.sla.timers.Set(timer.Wake) })
	}
	store.SetTimer(tx, timer)
}

// clockRow returns the row of a clock of t. It does not change while time passes, but
// when something happens to the clock.
func clockRow(t store.Ticket, i *sla.Instance) store.Clock {
	c := store.Clock{
		Brand: t.Brand, Ticket: t.ID, Metric: int32(i.Metric), Episode: int32(i.Episode), //nolint:gosec // few
		Policy: i.Policy, PolicyRevision: i.PolicyRevision, Target: int64(i.Target.Duration), Business: i.Target.BusinessTime,
		Start: sqldb.Micros(i.Start), Stop: micros(i.Stop), State: int32(i.State),
		Due: micros(i.Due), Warn: micros(i.WarnTime), Breach: micros(i.BreachTime),
	}
	if c.Stop != 0 {
		c.Elapsed = int64(i.Elapsed)
	}
	return c
}

// micros returns a time as the store keeps it, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return sqldb.Micros(t)
}

// A teller tells the others what happens to the clocks of one ticket.
type teller struct {
	server  *Server
	tx      *sqldb.Tx
	ticket  store.Ticket
	history sla.History
	quiet   bool
}

// tell says what is true of a clock and was not before.
func (l teller) tell(before, now store.Clock, i *sla.Instance) {
	if l.quiet || i.State == sla.Cancelled {
		return
	}
	if now.Warn != 0 && before.Warn == 0 {
		e, clock := l.event(i, i.WarnTime, i.WarnTime)
		e.Payload = &eventv1.Event_SlaWarning{SlaWarning: &eventv1.SlaWarning{Clock: clock}}
		l.server.Outbox.Emit(l.tx, e)
	}
	if now.Breach != 0 && before.Breach == 0 {
		e, clock := l.event(i, i.BreachTime, i.BreachTime.Add(time.Nanosecond))
		e.Payload = &eventv1.Event_SlaBreached{SlaBreached: &eventv1.SlaBreached{Clock: clock}}
		l.server.Outbox.Emit(l.tx, e)
	}
	if i.State == sla.Met && before.State != now.State {
		e, clock := l.event(i, i.Stop, i.Stop)
		e.Payload = &eventv1.Event_SlaMet{SlaMet: &eventv1.SlaMet{Clock: clock}}
		l.server.Outbox.Emit(l.tx, e)
	}
}

// event makes an event of the time given, still without its payload, about a clock as
// it stood at another.
func (l teller) event(i *sla.Instance, at, stood time.Time) (*eventv1.Event, *eventv1.SlaClockRef) {
	t := l.ticket
	for _, then := range sla.Brief(l.history, stood) {
		if then.Metric == i.Metric && then.Episode == i.Episode && then.Policy == i.Policy && then.PolicyRevision == i.PolicyRevision {
			i = &then
			break
		}
	}
	e := about(t, at)
	e.EventTime = timestamppb.New(at)
	return e, &eventv1.SlaClockRef{
		Ticket: ticketRef(t), Instance: instanceProto(t, i, false),
		Team: ref(t.Brand, "teams", t.Team), Partner: ref(t.Brand, "partners", t.Partner),
	}
}
