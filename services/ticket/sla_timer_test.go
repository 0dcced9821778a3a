package ticket_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A row is a clock as it is stored.
type row struct {
	name                    string
	state                   int32
	policy                  string
	revision, target, start int64
	stop, elapsed, due      int64
	warn, breach            int64
}

// rows reads all clocks that are stored.
func (c counter) rows(t *testing.T) (all []row) {
	t.Helper()
	rows, err := c.db.Read().QueryContext(t.Context(), `
		SELECT ticket, metric, episode, state, policy, policy_revision, target, start_time, stop_time, elapsed, due_time, warn_time, breach_time
		FROM sla_instance ORDER BY ticket, metric, episode`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			r                                row
			ticket                           string
			metric, episode                  int32
			stop, elapsed, due, warn, breach sql.NullInt64
		)
		if err := rows.Scan(&ticket, &metric, &episode, &r.state, &r.policy, &r.revision, &r.target, &r.start, &stop, &elapsed, &due, &warn, &breach); err != nil {
			t.Fatal(err)
		}
		kind := strings.ToLower(strings.TrimPrefix(ticketv1.SlaMetric(metric).String(), "SLA_METRIC_"))
		r.name = fmt.Sprintf("%s/tickets/%s/slaInstances/%s-%d", acme, ticket, kind, episode)
		r.stop, r.elapsed, r.due, r.warn, r.breach = stop.Int64, elapsed.Int64, due.Int64, warn.Int64, breach.Int64
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// rowOf is the row that a clock should have.
func rowOf(i *ticketv1.SlaInstance) row {
	us := func(ts *timestamppb.Timestamp) int64 {
		if ts == nil {
			return 0
		}
		return ts.AsTime().UnixMicro()
	}
	r := row{
		name: i.GetName(), state: int32(i.GetState()), policy: strings.TrimPrefix(i.GetPolicy(), acme+"/slaPolicies/"), revision: i.GetPolicyRevision(),
		target: int64(i.GetTarget().AsDuration()), start: us(i.GetStartTime()), stop: us(i.GetStopTime()),
		due: us(i.GetDueTime()), warn: us(i.GetWarnTime()), breach: us(i.GetBreachTime()),
	}
	if r.stop != 0 {
		r.elapsed = int64(i.GetElapsed().AsDuration())
	}
	return r
}

// said counts the SLA events by what they say about which clock.
func (c counter) said(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, e := range c.events(t) {
		switch p := e.GetPayload().(type) {
		case *eventv1.Event_SlaWarning:
			all["warning "+p.SlaWarning.GetClock().GetInstance().GetName()]++
		case *eventv1.Event_SlaBreached:
			all["breached "+p.SlaBreached.GetClock().GetInstance().GetName()]++
		case *eventv1.Event_SlaMet:
			all["met "+p.SlaMet.GetClock().GetInstance().GetName()]++
		}
	}
	return all
}

// TestTimersTellOnce lets clocks run out while nobody moves a ticket, under two
// services at once and across a restart.
func TestTimersTellOnce(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("p", "", target(resolution, 10*time.Second)))
		start := func(ago time.Duration) string {
			return must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) {
				req.Ticket.OpenTime = timestamppb.New(time.Now().Add(-ago))
			})).GetName()
		}
		late := start(10*time.Second - 100*time.Millisecond) // before anybody watches
		stop := c.run(t)
		soon := start(8*time.Second - 300*time.Millisecond)
		clock := func(ticket string) string { return ticket + "/slaInstances/resolution-1" }
		until(t, "a warning", func() bool { return c.said(t)["warning "+clock(soon)] == 1 })
		stop()
		c.run(t)
		if c.db.Postgres() {
			newCounter(t, c.db).run(t)
		}
		many := make([]string, 20)
		for i := range many {
			many[i] = start(9900 * time.Millisecond)
		}
		met := start(0)
		must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: met, Outcome: solved})
		all := append(many, soon, late)
		until(t, "all breaches", func() bool {
			said := c.said(t)
			return !slices.ContainsFunc(all, func(tk string) bool { return said["breached "+clock(tk)] == 0 })
		})
		want := map[string]int{"met " + clock(met): 1}
		for _, tk := range all {
			want["warning "+clock(tk)], want["breached "+clock(tk)] = 1, 1
		}
		must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: late, Outcome: solved}) // which is no news
		said := c.said(t)
		for what, n := range want {
			if said[what] != n {
				t.Errorf("%s was said %d times", what, said[what])
			}
		}
		if len(said) != len(want) {
			t.Errorf("%d things were said, want %d", len(said), len(want))
		}
		for _, e := range c.events(t) {
			clock := e.GetSlaBreached().GetClock().GetInstance()
			if clock == nil {
				continue
			}
			if due := clock.GetStartTime().AsTime().Add(10 * time.Second); !e.GetEventTime().AsTime().Equal(due) {
				t.Errorf("breached at %v, want %v", e.GetEventTime().AsTime(), due)
			}
		}
		breached := must(c.ListSlaInstances)(t, &ticketv1.ListSlaInstancesRequest{Parent: acme + "/tickets/-", Filter: "state = BREACHED", PageSize: 200})
		if n := len(breached.GetSlaInstances()); n != len(all)-1 {
			t.Errorf("%d clocks are listed as breached, want %d", n, len(all)-1)
		}
	})
}

// TestAPriorityAheadOfItsTimeCountsInTime escalates a ticket a moment ahead: nobody
// moves it then, and yet the clocks follow.
func TestAPriorityAheadOfItsTimeCountsInTime(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		urgently := target(resolution, 2*time.Second)
		urgently.Priority = urgent
		must(c.CreateSlaPolicy)(t, policy("p", "", urgently, target(resolution, time.Hour)))
		c.run(t)
		tk := must(c.CreateTicket)(t, live()).GetName()
		must(c.EscalateTicket)(t, &ticketv1.EscalateTicketRequest{Name: tk, Priority: urgent, EventTime: timestamppb.New(time.Now().Add(time.Second))})
		until(t, "the breach", func() bool { return c.said(t)["breached "+tk+"/slaInstances/resolution-1"] == 1 })
	})
}

// TestOneTicketThatCannotBeComputedKeepsNobodyWaiting damages what one policy says.
func TestOneTicketThatCannotBeComputedKeepsNobodyWaiting(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("good", "", target(resolution, 2*time.Second)))
		must(c.CreateSlaPolicy)(t, policy("bad", "", target(resolution, 2*time.Second)))
		var good []string
		for i := range 6 {
			req := live()
			req.Ticket.SlaPolicy = acme + "/slaPolicies/" + []string{"bad", "good"}[i%2]
			if tk := must(c.CreateTicket)(t, req); i%2 == 1 {
				good = append(good, "breached "+tk.GetName()+"/slaInstances/resolution-1")
			}
		}
		err := c.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE sla_policy_revision SET targets = '{' WHERE id = 'bad'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		newCounter(t, c.db).run(t) // which has not read the policies yet
		until(t, "the breaches of the others", func() bool {
			said := c.said(t)
			return !slices.ContainsFunc(good, func(what string) bool { return said[what] != 1 })
		})
	})
}

// TestTheRowsAreTheClocks moves tickets at random, at times out of order, under
// policies and hours that change: what is stored is what is computed, and simulating
// the policy that a ticket has finds no difference.
func TestTheRowsAreTheClocks(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		dice := rand.New(rand.NewPCG(seed, 0))
		desk := must(c.CreateSchedule)(t, schedule("desk", "America/Havana", weekly(shifts("07:00", "12:30", "13:15", "22:00"), 1, 2, 3, 4, 5, 6, 7)))
		p := policy("p", "desk")
		for m := range ticketv1.SlaMetric_name {
			if m == 0 {
				continue
			}
			p.SlaPolicy.Targets = append(p.SlaPolicy.Targets, target(ticketv1.SlaMetric(m), time.Duration(1+dice.IntN(40))*time.Hour))
			urgently := target(ticketv1.SlaMetric(m), time.Duration(1+dice.IntN(600))*time.Minute)
			urgently.Priority, urgently.WallClock = urgent, dice.IntN(2) == 0
			p.SlaPolicy.Targets = append(p.SlaPolicy.Targets, urgently)
		}
		must(c.CreateSlaPolicy)(t, p)
		must(c.CreateSlaPolicy)(t, place(policy("q", "", target(resolution, 30*time.Hour)), 5, nil))
		c.run(t)
		tickets := make([]string, 12)
		for i := range tickets {
			at := time.Now().Add(-time.Duration(dice.IntN(72*60)) * time.Minute)
			tickets[i] = must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { req.Ticket.OpenTime = timestamppb.New(at) })).GetName()
		}
		for n := range 240 {
			c.stir(t, dice, tickets[dice.IntN(len(tickets))])
			if n%60 == 30 {
				till := fmt.Sprintf("%02d:%02d", 16+dice.IntN(6), dice.IntN(60))
				must(c.UpdateSchedule)(t, &ticketv1.UpdateScheduleRequest{Schedule: &ticketv1.Schedule{
					Name: desk.GetName(), Week: weekly(shifts("07:00", till), 1, 2, 3, 4, 5, 6, 7),
				}})
			}
		}
		var got, want []row
		until(t, "rows that agree", func() bool {
			got, want = c.rows(t), nil
			for _, tk := range tickets {
				for _, i := range c.clocks(t, tk, time.Time{}) {
					sum := time.Duration(0)
					for _, s := range i.GetSegments() {
						if s.GetState() == ticketv1.SlaInstance_Segment_STATE_RUNNING {
							sum += s.GetEndTime().AsTime().Sub(s.GetStartTime().AsTime())
						}
					}
					if sum != i.GetElapsed().AsDuration() {
						t.Fatalf("%s: segments of %v, elapsed %v", i.GetName(), sum, i.GetElapsed().AsDuration())
					}
					want = append(want, rowOf(i))
				}
			}
			byName := func(a, b row) int { return strings.Compare(a.name, b.name) }
			slices.SortFunc(got, byName)
			slices.SortFunc(want, byName)
			return len(got) > 0 && slices.Equal(got, want) || t.Failed()
		})
		resp := c.simulate(t, p.GetSlaPolicy(), `sla_policy = "`+acme+`/slaPolicies/p"`)
		if len(resp.GetResults()) == 0 {
			t.Errorf("the simulation rests on %v", resp.GetBasis())
		}
		for _, r := range resp.GetResults() {
			if r.GetLostCount() != 0 || r.GetWonCount() != 0 || r.GetCurrent().GetN() != r.GetSimulated().GetN() {
				t.Errorf("the same policy differs: %v", r)
			}
		}
	})
}

// stir does something to a ticket. What is refused changes nothing.
func (c counter) stir(t *testing.T, dice *rand.Rand, tk string) {
	at := time.Now().Add(-time.Duration(dice.IntN(48*3600)) * time.Second)
	when, ctx := timestamppb.New(at), t.Context()
	switch dice.IntN(10) {
	case 0, 1:
		c.CreateInteraction(ctx, say(tk, inbound, at.Sub(noon))) //nolint:errcheck // may be refused
	case 2, 3:
		c.CreateInteraction(ctx, say(tk, outbound, at.Sub(noon))) //nolint:errcheck // may be refused
	case 4:
		c.PendTicket(ctx, &ticketv1.PendTicketRequest{Name: tk, EventTime: when}) //nolint:errcheck // may be refused
	case 5:
		c.HoldTicket(ctx, &ticketv1.HoldTicketRequest{Name: tk, EventTime: when}) //nolint:errcheck // may be refused
	case 6:
		c.ResumeTicket(ctx, &ticketv1.ResumeTicketRequest{Name: tk, EventTime: when}) //nolint:errcheck // may be refused
	case 7:
		c.ResolveTicket(ctx, &ticketv1.ResolveTicketRequest{Name: tk, Outcome: solved, ResolveTime: when}) //nolint:errcheck // may be refused
	case 8:
		c.ReopenTicket(ctx, &ticketv1.ReopenTicketRequest{Name: tk, EventTime: when}) //nolint:errcheck // may be refused
	case 9:
		req := &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: tk, Priority: urgent}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}}}
		if dice.IntN(3) == 0 {
			req.Ticket.SlaPolicy, req.UpdateMask.Paths = acme+"/slaPolicies/q", []string{"sla_policy"}
		}
		c.UpdateTicket(ctx, req) //nolint:errcheck // may be refused
	}
}
