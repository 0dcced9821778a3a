package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// A life is a ticket and all that is known of it.
type life struct {
	store.Ticket
	reopenings []rollup.Span
	said       []rollup.Said
	clocks     []clockLife
}

// A clockLife is a clock whose target is 100.
type clockLife struct {
	metric, episode, state int32
	business               bool
	stop, elapsed, due     int64 // 0 for none
	breached               bool
}

// A world is tickets, and a service that keeps them.
type world struct {
	*Server
	r     *rand.Rand
	now   time.Time
	mu    sync.Mutex // of what follows
	lives map[string]life
}

// migrated has the schema of the store.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := store.Open(ctx, db)
	return err
})

func newWorld(t *testing.T, db *sqldb.DB, seed uint64) *world {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		Server: &Server{DB: db, Store: s}, r: rand.New(rand.NewPCG(seed, 1)),
		now: time.Now().Truncate(time.Microsecond), lives: map[string]life{},
	}
}

// draw makes up a ticket, opened within the last 100 days.
func (w *world) draw(r *rand.Rand, id string) life {
	day := func(n int) time.Duration {
		return time.Duration(r.Int64N(int64(n) * int64(24*time.Hour))).Truncate(time.Microsecond)
	}
	some := func(n int) bool { return r.IntN(n) > 0 }
	l := life{Ticket: store.Ticket{
		Brand: "acme", ID: id, Customer: fmt.Sprint("c", r.IntN(12)), Priority: int32(1 + r.IntN(2)), IssueKind: int32(r.IntN(3)),
		Stage: int32(3 + r.IntN(2)), Phase: 4, Channel: int32(1 + r.IntN(3)), Handling: int32(1 + r.IntN(2)), Origin: int32(1 + r.IntN(2)),
		Agent: []string{"", "bo", "li"}[r.IntN(3)], Partner: []string{"", "bpo"}[r.IntN(2)], IssueType: []string{"", "late"}[r.IntN(2)],
		OpenTime: w.now.Add(-day(100)), Avoidable: !some(4), EscalationLevel: int32(r.IntN(2)), HandoffCount: int32(r.IntN(3)), Version: 1,
		Attributes: map[string]string{"size": fmt.Sprint(r.IntN(2))},
	}}
	l.Status.State = lifecycle.Open
	l.Counts = lifecycle.Counts{Contacts: int32(r.IntN(5)), CostMicros: r.Int64N(1e7), Costed: int32(r.IntN(3))}
	if some(3) {
		l.Status.FirstResponse = l.OpenTime.Add(day(3) - 12*time.Hour)
		l.Counts.Responder, l.Counts.OtherResponder = "bo", some(2)
	}
	at := l.OpenTime.Add(day(5) - 12*time.Hour)
	for some(3) && at.Before(w.now) {
		again := at.Add(day(4) - 6*time.Hour)
		l.reopenings = append(l.reopenings, rollup.Span{Settled: sqldb.Micros(at), Reopened: sqldb.Micros(again)})
		l.Status.ReopenCount++
		if at = again.Add(day(9)); len(l.reopenings) == 2 {
			break
		}
	}
	if some(4) && at.Before(w.now) {
		l.Status.State, l.Status.ResolveTime, l.Status.Outcome = lifecycle.Resolved, at, lifecycle.Outcome(1+r.IntN(4))
		if some(2) {
			l.Status.State, l.Status.CloseTime = lifecycle.Closed, at.Add(72*time.Hour)
		}
	}
	w.talk(r, &l)
	return l
}

// talk makes up interactions and clocks.
func (w *world) talk(r *rand.Rand, l *life) {
	if r.IntN(3) == 0 {
		l.Counts.InboundAfter = 1
		for range r.IntN(6) {
			l.said = append(l.said, rollup.Said{At: sqldb.Micros(l.OpenTime) + r.Int64N(1e12), Turn: rollup.Turn(r.IntN(2))})
		}
	}
	for metric := range r.IntN(4) {
		c := clockLife{metric: int32(1 + metric*2), episode: int32(1 + r.IntN(2)), state: int32(1 + r.IntN(6)), business: r.IntN(2) > 0}
		switch r.IntN(4) {
		case 0:
			c.stop, c.elapsed = 1, r.Int64N(200)
		case 1:
			c.due = sqldb.Micros(w.now) + r.Int64N(4e10) - 2e10
		case 2:
			c.breached = true
		}
		l.clocks = append(l.clocks, c)
	}
}

// put stores a life in place of what was there, as the service would.
func (w *world) put(t *testing.T, l life) {
	w.mu.Lock()
	before := w.lives[l.ID]
	w.lives[l.ID] = l
	w.mu.Unlock()
	err := w.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`DELETE FROM ticket WHERE brand = $1 AND id = $2`, l.Brand, l.ID)
		for _, table := range []string{"reopening", "interaction", "sla_instance"} {
			tx.Defer(`DELETE FROM `+table+` WHERE brand = $1 AND ticket = $2`, l.Brand, l.ID)
		}
		if err := store.AddTicket(tx, l.Ticket, true); err != nil {
			return err
		}
		for i, s := range l.reopenings {
			tx.Defer(`INSERT INTO reopening (brand, ticket, number, resolve_time, reopen_time) VALUES ($1, $2, $3, $4, $5)`, l.Brand, l.ID, i, s.Settled, s.Reopened)
		}
		for i, s := range l.said {
			one := store.Interaction{Brand: l.Brand, Ticket: l.ID, ID: fmt.Sprint("i", i), Act: lifecycle.Interaction{
				Kind: lifecycle.Message, Direction: lifecycle.Inbound, Actor: lifecycle.Customer, Start: sqldb.Time(s.At),
			}}
			if s.Turn == rollup.Response {
				one.Act.Direction, one.Act.Actor = lifecycle.Outbound, lifecycle.Agent
			}
			if err := store.AddInteraction(tx, one, true); err != nil {
				return err
			}
		}
		for _, c := range l.clocks {
			var stop, elapsed, due, breach any
			if c.stop != 0 {
				stop, elapsed = c.stop, c.elapsed
			}
			if c.due != 0 {
				due = c.due
			}
			if c.breached {
				breach = int64(1)
			}
			business := 0
			if c.business {
				business = 1
			}
			tx.Defer(`INSERT INTO sla_instance (brand, ticket, metric, episode, policy, policy_revision, target, business, start_time, stop_time, state, elapsed, due_time, breach_time)
				VALUES ($1, $2, $3, $4, 'p', 1, 100, $5, 0, $6, $7, $8, $9, $10)`, l.Brand, l.ID, c.metric, c.episode, business, stop, c.state, elapsed, due, breach)
		}
		stale(tx, before.Ticket, l.Ticket)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// change puts another life in place of a random one, or takes it away.
func (w *world) change(t *testing.T, r *rand.Rand) {
	id := fmt.Sprint("t", r.IntN(250))
	w.mu.Lock()
	old, known := w.lives[id]
	w.mu.Unlock()
	l := w.draw(r, id)
	if known {
		l.OpenTime = old.OpenTime
		switch r.IntN(4) {
		case 0:
			l.DeleteTime = w.now
		case 1:
			l = old
			l.Agent = "li"
			l.Status.State = lifecycle.Merged
		}
	}
	w.put(t, l)
}

// ask answers a question from what is rolled up. Windows of more than many tickets
// are read by months.
func (w *world) ask(t *testing.T, q question, many int64) *answer {
	t.Helper()
	a := newAnswer(q, nil)
	a.many = many
	if err := w.Store.Snapshot(t.Context(), a.read); err != nil {
		t.Fatal(err)
	}
	return a
}

// question makes one up.
func (w *world) question() question {
	start := w.now.Add(-time.Duration(w.r.IntN(110*24)) * time.Hour)
	end := start.Add(time.Duration(1+w.r.IntN(100*24)) * time.Hour)
	if w.r.IntN(3) == 0 {
		start, end = start.Truncate(24*time.Hour), end.Truncate(24*time.Hour).Add(24*time.Hour)
	}
	q := question{brand: "acme", window: almanac.Range{From: sqldb.Micros(start), To: sqldb.Micros(end)}, now: soon().Add(time.Duration(w.r.IntN(10*24)) * time.Hour)}
	names := []string{"channel", "stage", "agent", "partner", "issue_kind", "issue_type", "handling", "priority", "phase", "team"}
	w.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, d := range names[:w.r.IntN(4)] {
		q.groupBy = append(q.groupBy, newDimension(d))
	}
	if w.r.IntN(3) == 0 {
		q.channels = []int32{1, 3}
	}
	if w.r.IntN(4) == 0 {
		q.stages = []int32{4}
	}
	if w.r.IntN(5) == 0 {
		q.partner = "bpo"
	}
	return q
}

func (w *world) all() (all []life) {
	for _, l := range w.lives {
		all = append(all, l)
	}
	return all
}

func TestRolledUpAnswersEqualARecount(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newWorld(t, open(t), 3)
		for i := range 250 {
			w.put(t, w.draw(w.r, fmt.Sprint("t", i)))
		}
		for round := range 8 {
			switch round % 4 {
			case 1, 3:
				w.roll(t)
			case 2:
				for range 15 {
					w.change(t, w.r)
				}
			}
			for range 10 {
				q := w.question()
				many := []int64{0, 1000}[w.r.IntN(2)]
				w.compare(t, q, many)
			}
		}
	})
}

// roll rolls up as it would soon.
func (w *world) roll(t *testing.T) {
	t.Helper()
	if err := w.RollUp(t.Context(), soon()); err != nil {
		t.Fatal(err)
	}
}

// soon is when marks that are made now are acted upon.
func soon() time.Time { return time.Now().Add(2 * time.Minute) }

func TestATicketFromThePastTakesAnEarlierSuccessBack(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newWorld(t, open(t), 7)
		at := w.now.AddDate(0, 0, -60)
		ticket := func(id string, opened time.Time, kind int32) life {
			return life{Ticket: store.Ticket{
				Brand: "acme", ID: id, Customer: "c", IssueKind: kind, Origin: 1, Stage: 4, Channel: 1, OpenTime: opened, Version: 1,
				Status: lifecycle.Status{State: lifecycle.Closed, ResolveTime: opened.Add(time.Hour), Outcome: 1},
			}}
		}
		check := func(what string, want int64) {
			t.Helper()
			a := w.ask(t, question{brand: "acme", window: almanac.Range{From: 0, To: sqldb.Micros(at.Add(time.Hour))}, now: soon()}, 0)
			if got := a.whole.cell.Counts[rollup.SolvedForWeek]; got != want {
				t.Errorf("%s: %d resolutions lasted, want %d", what, got, want)
			}
		}
		w.put(t, ticket("first", at, 3))
		w.roll(t)
		check("alone", 1)
		w.put(t, ticket("other", at.AddDate(0, 0, 3), 4))
		check("another kind of issue", 1)
		again := ticket("again", at.AddDate(0, 0, 3), 3)
		w.put(t, again)
		check("again", 0)
		w.roll(t)
		check("again, rolled up", 0)
		again.DeleteTime = w.now
		w.put(t, again)
		check("the other one deleted", 1)
	})
}

func TestTheRollerRunsUntilItIsStopped(t *testing.T) {
	w := newWorld(t, sqldbtest.Open(t, migrated.SQLite(t)), 9)
	for i := range 20 {
		w.put(t, w.draw(w.r, fmt.Sprint("t", i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var roller sync.WaitGroup
	roller.Go(func() { w.RunRollups(ctx) })
	lately := almanac.DayOf(sqldb.Micros(w.now)) - 33
	for rolled := false; !rolled && ctx.Err() == nil; {
		err := w.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
			fresh, err := snap.Fresh("acme", w.now)
			rolled = fresh.Through > lately
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	roller.Wait()
}

func TestWritersAndSeveralRollersDoNotSpoilTheRollUps(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newWorld(t, open(t), 5)
		for i := range 100 {
			w.put(t, w.draw(w.r, fmt.Sprint("t", i)))
		}
		var writers, rollers sync.WaitGroup
		done := make(chan struct{})
		for n := range 4 { // each has tickets of its own
			writers.Go(func() {
				r := rand.New(rand.NewPCG(uint64(n), 2))
				for range 40 {
					w.put(t, w.draw(r, fmt.Sprint("t", r.IntN(100)*4+n)))
				}
			})
		}
		for range 2 {
			rollers.Go(func() {
				for {
					if err := w.RollUp(t.Context(), soon()); err != nil {
						t.Error(err)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		writers.Wait()
		for range 10 {
			w.compare(t, w.question(), 0)
		}
		close(done)
		rollers.Wait()
		for range 10 {
			w.compare(t, w.question(), 0)
		}
	})
}

// compare checks an answer against a recount of the lives.
func (w *world) compare(t *testing.T, q question, many int64) {
	t.Helper()
	a := w.ask(t, q, many)
	want := recount(q, w.all())
	whole, err := a.sum(a.whole)
	if err != nil {
		t.Fatal(err)
	}
	same(t, fmt.Sprintf("%+v", q), a.coarse, whole, want.whole)
	for key, g := range a.groups {
		sum, err := a.sum(g)
		if err != nil {
			t.Fatal(err)
		}
		expected := want.groups[key.Keys]
		if expected == nil {
			t.Errorf("%+v: group %+v should not be there", q, key)
			continue
		}
		same(t, fmt.Sprintf("%+v %+v", q, key), a.coarse, sum, expected)
		delete(want.groups, key.Keys)
	}
	for key := range want.groups {
		t.Errorf("%+v: group %+v is missing", q, key)
	}
}

// same compares the measures of two sums.
func same(t *testing.T, what string, coarse bool, got tally.Sum, want *tallied) {
	t.Helper()
	expected := tally.Sum{Cell: want.cell()}
	if coarse {
		expected.Coarsen()
	}
	wanted := expected.Measures(nil)
	for i, m := range got.Measures(nil) {
		if !proto.Equal(m, wanted[i]) {
			t.Errorf("%s:\n%v, want\n%v", what, m, wanted[i])
		}
	}
	if got.Counts[rollup.FailedTickets] != want.counts[rollup.FailedTickets] {
		t.Errorf("%s: %d failed, want %d", what, got.Counts[rollup.FailedTickets], want.counts[rollup.FailedTickets])
	}
}
