package store

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/deflection"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

func TestAContactIsChosenByTheNumbersOfTheContract(t *testing.T) {
	got := []int{originInbound, handlingBot, handlingSelfService, int(lifecycle.Merged)}
	want := []int{
		int(typev1.Origin_ORIGIN_INBOUND), int(typev1.Handling_HANDLING_BOT), int(typev1.Handling_HANDLING_SELF_SERVICE),
		int(ticketv1.Ticket_STATE_MERGED),
	}
	if !slices.Equal(got, want) {
		t.Errorf("the numbers are %v, in the contract %v", got, want)
	}
}

// aSession returns a random session of a few customers in a few days, and aTicket
// a ticket that may be its contact.
func aSession(r *rand.Rand, id string) Session {
	start := noon.Add(time.Duration(r.IntN(400)) * time.Hour)
	s := Session{
		Record: table.Record{Brand: "acme", ID: id, CreateTime: noon, UpdateTime: noon, Version: 1}, Customer: aCustomer(r), Kind: 1, Channel: 1 + r.Int32N(3), IssueKind: r.Int32N(3),
		Stage: 1 + r.Int32N(3), Phase: 4, StartTime: start, EndTime: start.Add(time.Duration(r.IntN(3)) * time.Hour),
		Verdict: deflection.Verdict(r.Int32N(3)),
	}
	return s
}

func aTicket(r *rand.Rand, id string) Ticket {
	t := ticket(id, time.Duration(r.IntN(480))*time.Hour)
	t.Customer, t.IssueKind, t.Origin, t.Handling = cmp.Or(aCustomer(r), "none"), r.Int32N(3), 1+r.Int32N(2), 1+r.Int32N(4)
	if r.IntN(5) == 0 {
		t.Status.State, t.MergedInto = lifecycle.Merged, "another"
	}
	if r.IntN(5) == 0 {
		t.DeleteTime = noon
	}
	return t
}

func aCustomer(r *rand.Rand) string {
	return []string{"", "ann", "bob", "cem", "dan", "eva"}[r.IntN(6)]
}

// contact returns the ticket that followed s, found the slow way.
func contact(s Session, all []Ticket) (first Ticket) {
	for _, t := range all {
		d := t.OpenTime.Sub(s.EndTime)
		if s.Customer == "" || t.Customer != s.Customer || d < 0 || d > 72*time.Hour || s.IssueKind*t.IssueKind != 0 && s.IssueKind != t.IssueKind ||
			t.Origin != 1 || t.Handling == 2 || t.Handling == 3 || t.Status.State == lifecycle.Merged || !t.DeleteTime.IsZero() {
			continue
		}
		if first.ID == "" || t.OpenTime.Before(first.OpenTime) || t.OpenTime.Equal(first.OpenTime) && t.ID < first.ID {
			first = t
		}
	}
	return first
}

func TestDeflectionsAreCountedAsTheSessionsAreRead(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		var tickets []Ticket
		for i := range 150 {
			tickets = append(tickets, aTicket(r, fmt.Sprint("t", i)))
		}
		addTickets(t, s, tickets...)
		var sessions []Session
		write(t, s, func(tx *sqldb.Tx) error {
			sessions = nil
			for i := range 300 {
				want := aSession(r, fmt.Sprint("s", i))
				want.Contact = contact(want, tickets).ID
				got, err := Sessions.Add(tx, want)
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("Add = %+v, want %+v", got, want)
				}
				sessions = append(sessions, got)
			}
			foreign := aSession(r, "s0")
			foreign.Brand = "other"
			_, err := Sessions.Add(tx, foreign)
			return err
		})
		groups := [][]string{nil, {"channel"}, {"stage", "issue_kind"}, {"issue_kind", "channel", "stage"}}
		for range 40 {
			f := DeflectionFilter{
				Brand: "acme", Start: noon.Add(time.Duration(r.IntN(300)) * time.Hour), Now: noon.Add(time.Duration(r.IntN(600)) * time.Hour),
				GroupBy: groups[r.IntN(len(groups))],
			}
			f.End = f.Start.Add(time.Duration(r.IntN(200)) * time.Hour)
			if r.IntN(2) == 0 {
				f.Channels, f.Stages = []int32{1, 3}, []int32{2}
			}
			got, err := s.Deflections(t.Context(), f)
			if want := recount(f, sessions); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Deflections(%+v) = %v, %v, want %v", f, got, err, want)
			}
		}
	})
}

// recount is Deflections the slow way.
func recount(f DeflectionFilter, sessions []Session) (all []DeflectionGroup) {
	for _, s := range sessions {
		if s.StartTime.Before(f.Start) || !s.StartTime.Before(f.End) || f.Channels != nil && !slices.Contains(f.Channels, s.Channel) ||
			f.Stages != nil && !slices.Contains(f.Stages, s.Stage) {
			continue
		}
		values := make([]int32, len(f.GroupBy))
		for i, c := range f.GroupBy {
			values[i] = map[string]int32{"channel": s.Channel, "stage": s.Stage, "issue_kind": s.IssueKind}[c]
		}
		i, found := slices.BinarySearchFunc(all, values, func(g DeflectionGroup, v []int32) int { return slices.Compare(g.Values, v) })
		if !found {
			all = slices.Insert(all, i, DeflectionGroup{values, map[deflection.Sort]int64{}})
		}
		all[i].Counts[s.Deflection(f.Now)]++
	}
	return all
}

// BenchmarkDeflections counts 100,000 sessions of 20,000 customers, beside as many
// tickets of theirs.
func BenchmarkDeflections(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := sqldbtest.Open(b, url(b))
			s, err := Open(b.Context(), db)
			if err != nil {
				b.Fatal(err)
			}
			const minutes = `WITH RECURSIVE minute (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM minute WHERE i < 99999)`
			if err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
				tx.Defer(`
					INSERT INTO self_service_session (brand, id, customer, kind, channel, issue_kind, stage, phase, start_time, end_time,
						verdict, articles, create_time, update_time, version) `+minutes+`
					SELECT 'acme', 's' || i, 'c' || i * 7919 % 20011, 1, 1 + i % 15, i % 21, 1 + i % 5, 4, CAST($1 AS BIGINT) + CAST(i AS BIGINT) * 60000000, CAST($1 AS BIGINT) + CAST(i AS BIGINT) * 60000000,
						i % 3, '', 0, 0, 1 FROM minute`, sqldb.Micros(noon))
				tx.Defer(`
					INSERT INTO ticket (brand, id, customer, subject, state, priority, issue_kind, stage, phase, channel, handling, origin,
						partner, team, agent, open_time, outcome, reopen_count, attributes, create_time, update_time, version) `+minutes+`
					SELECT 'acme', 't' || i, 'c' || i * 10007 % 20011, '', 1, 2, i % 21, 4, 4, 1, 1, 1,
						'', '', '', CAST($1 AS BIGINT) + CAST(i AS BIGINT) * 60000000, 0, 0, '{}', 0, 0, 1 FROM minute`, sqldb.Micros(noon))
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			f := DeflectionFilter{
				Brand: "acme", Start: noon, End: noon.Add(100_000 * time.Minute), Now: time.Now(), GroupBy: []string{"channel", "stage", "issue_kind"},
			}
			for b.Loop() {
				if all, err := s.Deflections(b.Context(), f); err != nil || len(all) == 0 {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}
