package api

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// perDay is how many tickets 1,000,000 in three years are.
const perDay = 913

// BenchmarkQueryServiceMetrics measures all metrics by one dimension, from roll-ups,
// beside the limit: one SQL aggregate over the same tickets. An answer may take 100 ms,
// whatever the dimension and the window, and as long with ten times the history, which
// takes minutes to make and is left out where CI is set.
func BenchmarkQueryServiceMetrics(b *testing.B) {
	histories := []int{100_000, 1_000_000}
	if os.Getenv("CI") != "" {
		histories = histories[:1]
	}
	for _, n := range histories {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, first := filled(b, n)
			start := time.Now()
			if err := s.RollUp(b.Context(), time.Now()); err != nil {
				b.Fatal(err)
			}
			b.Logf("rolled up %d tickets in %v", n, time.Since(start).Round(time.Millisecond))
			days90 := &typev1.Window{
				StartTime: timestamppb.New(first.AddDate(0, 0, n/perDay-100)), EndTime: timestamppb.New(first.AddDate(0, 0, n/perDay-10)),
			}
			b.Run("limit/agent/90 days", func(b *testing.B) { aggregate(b, s, days90) })
			for _, d := range dimensions {
				b.Run(d.name+"/90 days", func(b *testing.B) { ask(b, s, days90, d.name) })
				b.Run(d.name+"/all", func(b *testing.B) { ask(b, s, nil, d.name) })
			}
			week := &typev1.Window{
				StartTime: timestamppb.New(first.AddDate(0, 0, n/perDay-20)), EndTime: timestamppb.New(first.AddDate(0, 0, n/perDay-10)),
			}
			b.Run("agent/10 days", func(b *testing.B) { ask(b, s, week, "agent") })
		})
	}
}

func ask(b *testing.B, s *Server, w *typev1.Window, by ...string) {
	before := used(b)
	defer func() { b.ReportMetric(float64(used(b)-before)/float64(b.N)/1e6, "cpu-ms/op") }()
	for b.Loop() {
		resp, err := s.QueryServiceMetrics(b.Context(), &ticketv1.QueryServiceMetricsRequest{Parent: "brands/acme", Window: w, GroupBy: by})
		if err != nil || len(resp.GetGroups()) < 2 {
			b.Fatalf("%v, %d groups", err, len(resp.GetGroups()))
		}
	}
}

// used returns the processor time of this process so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// aggregate counts tickets and averages two waits, which is less than a fifth of what
// is asked of us.
func aggregate(b *testing.B, s *Server, w *typev1.Window) {
	for b.Loop() {
		rows, err := s.DB.Read().QueryContext(b.Context(), `
			SELECT agent, COUNT(*), AVG(first_response_time - open_time), AVG(resolve_time - open_time) FROM ticket
			WHERE brand = $1 AND open_time >= $2 AND open_time < $3 GROUP BY agent`,
			"acme", w.GetStartTime().AsTime().UnixMicro(), w.GetEndTime().AsTime().UnixMicro())
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Close(); err != nil || n < 2 {
			b.Fatal(err, n)
		}
	}
}

// filled returns a service on SQLite with n tickets that end 10 days ago, and when
// they begin. Each has values in all dimensions, of 200 agents, and waits.
func filled(b *testing.B, n int) (*Server, time.Time) {
	b.Helper()
	db := sqldbtest.Open(b, sqldbtest.SQLite(b))
	st, err := store.Open(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	first := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -n/perDay-10)
	for i := 0; i < n; i += 5000 {
		err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
			for j := range 5000 {
				if err := store.AddTicket(tx, made(r, i+j, first), true); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return &Server{DB: db, Store: st}, first
}

func made(r *rand.Rand, i int, first time.Time) store.Ticket {
	agent := r.IntN(200)
	wait := func(mean time.Duration) time.Duration {
		return time.Duration(r.ExpFloat64() * float64(mean)).Truncate(time.Microsecond)
	}
	opened := first.AddDate(0, 0, i/perDay).Add(time.Duration(i%perDay) * 24 * time.Hour / perDay).Truncate(time.Microsecond)
	t := store.Ticket{
		Brand: "acme", ID: fmt.Sprintf("t%07d", i), Customer: fmt.Sprint("c", r.IntN(300_000)), Subject: "?", Priority: int32(1 + r.IntN(4)),
		IssueKind: int32(1 + r.IntN(20)), Stage: int32(1 + r.IntN(5)), Phase: int32(1 + r.IntN(4)), Channel: int32(1 + r.IntN(8)),
		Handling: int32(1 + r.IntN(3)), Origin: 1, Agent: fmt.Sprint("a", agent), Team: fmt.Sprint("team", agent/10), Partner: fmt.Sprint("p", agent/50),
		IssueType: fmt.Sprint("type", r.IntN(30)), OpenTime: opened, Version: 1,
		Status: lifecycle.Status{
			State: lifecycle.Closed, FirstResponse: opened.Add(wait(4 * time.Hour)), ResolveTime: opened.Add(wait(48 * time.Hour)), Outcome: 1,
		},
	}
	t.Status.CloseTime = t.Status.ResolveTime.Add(72 * time.Hour)
	t.Counts.Contacts, t.Counts.Responder = int32(r.IntN(6)), t.Agent
	return t
}
