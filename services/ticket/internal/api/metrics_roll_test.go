package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
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
	q := question{brand: "acme", window: rollup.Range{From: sqldb.Micros(start), To: sqldb.Micros(end)}, now: soon()}
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
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
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

func TestWritersAndSeveralRollersDoNotSpoilTheRollUps(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
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

// A tallied is a count of lives, made without the help of package rollup.
type tallied struct {
	counts map[rollup.Count]int64
	waits  map[rollup.Wait][]int64
	costs  [][2]int64
}

type counted struct {
	whole  *tallied
	groups map[rollup.Keys]*tallied
}

func newTallied() *tallied {
	return &tallied{map[rollup.Count]int64{}, map[rollup.Wait][]int64{}, nil}
}

// cell puts the numbers where measures find them.
func (c *tallied) cell() *rollup.Cell {
	cell := new(rollup.Cell)
	for _, cost := range c.costs {
		cell.Add(&rollup.Ticket{Cost: cost[0], Costed: cost[1]})
	}
	*cell = rollup.Cell{Cost: cell.Cost, CostSquared: cell.CostSquared, CostByCosted: cell.CostByCosted}
	for k, n := range c.counts {
		cell.Counts[k] = n
	}
	for k, all := range c.waits {
		for _, v := range all {
			cell.Waits[k].Add(time.Duration(v))
		}
	}
	return cell
}

// recount answers q by looking at every life.
func recount(q question, all []life) counted {
	c := counted{newTallied(), map[rollup.Keys]*tallied{}}
	for _, l := range all {
		if !l.DeleteTime.IsZero() || l.Status.State == lifecycle.Merged || !asked(q, l) {
			continue
		}
		opened := sqldb.Micros(l.OpenTime)
		in, open := opened >= q.window.From && opened < q.window.To, l.openAt(q.window.To)
		if !in && !open {
			continue
		}
		into := []*tallied{c.whole}
		if len(q.groupBy) > 0 {
			key := keyOf(q, l)
			if c.groups[key] == nil {
				c.groups[key] = newTallied()
			}
			into = append(into, c.groups[key])
		}
		for _, one := range into {
			if open {
				one.counts[rollup.Backlog]++
			}
			if in {
				one.count(l, all, q.now)
			}
		}
	}
	return c
}

func asked(q question, l life) bool {
	return (q.channels == nil || slices.Contains(q.channels, l.Channel)) && (q.stages == nil || slices.Contains(q.stages, l.Stage)) &&
		(q.partner == "" || q.partner == l.Partner)
}

func keyOf(q question, l life) (k rollup.Keys) {
	for _, d := range q.groupBy {
		switch d.name {
		case "partner":
			k.Texts[0] = l.Partner
		case "agent":
			k.Texts[2] = l.Agent
		case "issue_type":
			k.Texts[3] = l.IssueType
		case "team":
		default:
			k.Numbers[d.of] = map[string]int32{
				"channel": l.Channel, "handling": l.Handling, "issue_kind": l.IssueKind, "stage": l.Stage, "phase": l.Phase, "priority": l.Priority,
			}[d.name]
		}
	}
	return k
}

func (l life) openAt(at int64) bool {
	if sqldb.Micros(l.OpenTime) >= at || !l.Status.ResolveTime.IsZero() && sqldb.Micros(l.Status.ResolveTime) < at {
		return false
	}
	return !slices.ContainsFunc(l.reopenings, func(s rollup.Span) bool { return s.Settled < at && s.Reopened >= at })
}

func (c *tallied) wait(l life, w rollup.Wait, at time.Time, unknown, early rollup.Count) {
	switch {
	case at.IsZero():
		c.counts[unknown]++
	case at.Before(l.OpenTime):
		c.counts[early]++
	default:
		c.waits[w] = append(c.waits[w], int64(at.Sub(l.OpenTime)))
	}
}

func (c *tallied) when(n rollup.Count, is bool) {
	if is {
		c.counts[n]++
	}
}

// count counts one life.
func (c *tallied) count(l life, all []life, now time.Time) {
	s, reopens, handoffs := l.Status, int64(l.Status.ReopenCount), int64(l.HandoffCount)
	resolved := !s.ResolveTime.IsZero()
	c.counts[rollup.Opened]++
	c.when(rollup.CustomerMade, l.Origin == int32(typev1.Origin_ORIGIN_INBOUND))
	c.wait(l, rollup.FirstResponse, s.FirstResponse, rollup.NoResponseYet, rollup.EarlyResponse)
	c.wait(l, rollup.Resolution, s.ResolveTime, rollup.Unresolved, rollup.EarlyResolution)
	c.wait(l, rollup.Closing, s.CloseTime, rollup.Unclosed, rollup.EarlyClosing)
	c.when(rollup.Settled, resolved || reopens > 0)
	c.when(rollup.Reopened, reopens > 0)
	c.counts[rollup.Reopens] += reopens
	c.counts[rollup.ReopensSquared] += reopens * reopens
	c.when(rollup.HandedOff, handoffs > 0)
	c.counts[rollup.Handoffs] += handoffs
	c.counts[rollup.HandoffsSquared] += handoffs * handoffs
	c.when(rollup.Straight, handoffs == 0 && reopens == 0)
	c.when(rollup.EscalatedOnce, l.EscalationLevel > 0)
	c.when(rollup.MarkedAvoidable, l.Avoidable)
	c.when(rollup.AgentAnswered, l.Counts.Responder != "")
	c.when(rollup.OneAgent, l.Counts.Responder != "" && !l.Counts.OtherResponder)
	first := resolved && s.Outcome == 1 && reopens == 0 && l.Counts.InboundAfter == 0
	open := resolved && now.Before(s.ResolveTime.Add(store.Week))
	c.when(rollup.SolvedAtFirst, first)
	c.when(rollup.WeekOpen, open)
	c.when(rollup.SolvedForWeek, first && !open && !slices.ContainsFunc(all, func(o life) bool {
		return o.ID != l.ID && o.Customer == l.Customer && o.IssueKind == l.IssueKind && o.Origin == 1 && o.DeleteTime.IsZero() &&
			o.Status.State != lifecycle.Merged && !o.OpenTime.Before(s.ResolveTime) && o.OpenTime.Before(s.ResolveTime.Add(store.Week))
	}))
	c.counts[rollup.ContactsSeen] += int64(l.Counts.Contacts)
	if n := int64(l.Counts.Costed); n > 0 {
		c.counts[rollup.Costs]++
		c.counts[rollup.Costed] += n
		c.counts[rollup.CostedSquared] += n * n
		c.costs = append(c.costs, [2]int64{l.Counts.CostMicros, n})
	}
	breached := c.clocks(l, now)
	c.when(rollup.FailedTickets, resolved && s.Outcome >= 2 && s.Outcome <= 4 || reopens > 0 || breached)
	c.bursts(l)
}

func (c *tallied) clocks(l life, now time.Time) (breached bool) {
	none := true
	business := map[int32]int64{}
	for _, k := range l.clocks {
		if k.state == 6 {
			continue
		}
		none = false
		switch m := int(k.metric - 1); {
		case k.stop != 0 && k.elapsed <= 100:
			c.counts[rollup.MetClocks(m)]++
		case k.stop != 0, k.breached, k.due != 0 && k.due < sqldb.Micros(now):
			c.counts[rollup.BreachedClocks(m)]++
			breached = true
		default:
			c.counts[rollup.RunningClocks(m)]++
		}
		if k.business && k.stop != 0 && (k.metric == 5 || k.metric == 2 && k.episode == 1) {
			business[k.metric] = k.elapsed
		}
	}
	c.when(rollup.NoClocks, none)
	for metric, where := range map[int32]struct {
		wait rollup.Wait
		none rollup.Count
	}{2: {rollup.FirstBusiness, rollup.NoFirstClock}, 5: {rollup.ResolutionBusiness, rollup.NoResolutionTime}} {
		if v, ok := business[metric]; ok {
			c.waits[where.wait] = append(c.waits[where.wait], v)
		} else {
			c.counts[where.none]++
		}
	}
	return breached
}

// bursts asks of every message whether it begins one.
func (c *tallied) bursts(l life) {
	ends := []int64{}
	for _, s := range l.reopenings {
		ends = append(ends, s.Settled)
	}
	if !l.Status.ResolveTime.IsZero() {
		ends = append(ends, sqldb.Micros(l.Status.ResolveTime))
	}
	first := int64(rollup.Never)
	for _, s := range l.said {
		if s.Turn == rollup.Response {
			first = min(first, s.At)
			ends = append(ends, s.At)
		}
	}
	slices.Sort(ends)
	starts := map[int64]int64{} // the first message before each end
	for _, s := range l.said {
		if s.Turn != rollup.Message || s.At < first {
			continue
		}
		end := int64(rollup.Never)
		if i := slices.IndexFunc(ends, func(at int64) bool { return at > s.At }); i >= 0 {
			end = ends[i]
		}
		if at, ok := starts[end]; !ok || s.At < at {
			starts[end] = s.At
		}
	}
	for end, at := range starts {
		if end == rollup.Never {
			c.counts[rollup.NextUnanswered]++
		} else {
			c.waits[rollup.NextResponse] = append(c.waits[rollup.NextResponse], (end-at)*1000)
		}
	}
}
