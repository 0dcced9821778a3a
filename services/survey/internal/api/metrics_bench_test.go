package api

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// perDay is how many responses 1,000,000 in three years are.
const perDay = 913

// BenchmarkRolledUpMetrics measures all metrics by one dimension, and the funnel, from
// roll-ups, beside the limit: one SQL aggregate over the same answers. An answer may
// take 100 ms, whatever the dimension and the window, and as long with ten times the
// history, which takes minutes to make and is left out where CI is set.
func BenchmarkRolledUpMetrics(b *testing.B) {
	histories := []int{100_000, 1_000_000}
	if os.Getenv("CI") != "" {
		histories = histories[:1]
	}
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		for _, n := range histories {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				w, first := filled(b, sqldbtest.Open(b, url(b)), n)
				start := time.Now()
				if err := w.RollUp(b.Context(), time.Now()); err != nil {
					b.Fatal(err)
				}
				b.Logf("rolled up %d responses and invitations in %v", n, time.Since(start).Round(time.Millisecond))
				days90 := measure.Window(first.AddDate(0, 0, n/perDay-100).Add(time.Hour), first.AddDate(0, 0, n/perDay-10).Add(time.Hour))
				b.Run("limit/agent/90 days", func(b *testing.B) { aggregate(b, w, days90) })
				for _, d := range []string{
					"channel", "stage", "phase", "survey", "question", "touchpoint_definition", "partner", "team", "agent", "language", "choice",
				} {
					b.Run(d+"/90 days", func(b *testing.B) { w.measured(b, days90, d) })
					b.Run(d+"/all", func(b *testing.B) { w.measured(b, nil, d) })
				}
				b.Run("three dimensions/90 days", func(b *testing.B) { w.measured(b, days90, "language", "partner", "question") })
				b.Run("funnel/90 days", func(b *testing.B) { w.funneled(b, days90) })
				b.Run("funnel/all", func(b *testing.B) { w.funneled(b, nil) })
			})
		}
	}
}

func (w *world) measured(b *testing.B, in *typev1.Window, by ...string) {
	before := used(b)
	defer func() { b.ReportMetric(float64(used(b)-before)/float64(b.N)/1e6, "cpu-ms/op") }()
	for b.Loop() {
		resp, err := w.QuerySurveyMetrics(b.Context(), &surveyv1.QuerySurveyMetricsRequest{Parent: "brands/acme", Window: in, GroupBy: by})
		if err != nil || len(resp.GetGroups()) < 2 {
			b.Fatalf("%v, %d groups", err, len(resp.GetGroups()))
		}
	}
}

func (w *world) funneled(b *testing.B, in *typev1.Window) {
	for b.Loop() {
		resp, err := w.GetResponseFunnel(b.Context(), &surveyv1.GetResponseFunnelRequest{Parent: "brands/acme", Window: in, GroupBy: []string{"partner"}})
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

// aggregate counts ratings, which is a part of what is asked of us.
func aggregate(b *testing.B, w *world, in *typev1.Window) {
	for b.Loop() {
		rows, err := w.DB.Read().QueryContext(b.Context(), `
			SELECT agent, kind, rating, COUNT(*) FROM answer WHERE brand = $1 AND submit_time >= $2 AND submit_time < $3 GROUP BY agent, kind, rating`,
			"acme", in.GetStartTime().AsTime().UnixMicro(), in.GetEndTime().AsTime().UnixMicro())
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

// filled returns a world with n responses and as many invitations that end 10 days ago,
// and when they begin. Each has values in all dimensions, of 200 agents.
func filled(b *testing.B, db *sqldb.DB, n int) (*world, time.Time) {
	b.Helper()
	w := newWorld(rollingServer(b, db), "acme")
	addSurvey(b, w)
	r := rand.New(rand.NewPCG(1, 2))
	first := w.now.Truncate(24*time.Hour).AddDate(0, 0, -n/perDay-10)
	for i := 0; i < n; i += 5000 {
		w.write(b, func(tx *sqldb.Tx) error {
			for j := i; j < i+5000; j++ {
				v := drawn(r, j, first)
				if err := w.Store.AddResponse(tx, v); err != nil {
					return err
				}
				asked := store.Invitation{
					Brand: "acme", Survey: v.Survey, ID: fmt.Sprint("i", j), Subject: 1, Customer: fmt.Sprint("customers/", j), Occasion: "o", Channel: v.Channel,
					Decision: 1, DecideTime: v.SubmitTime, Attribution: v.Attribution, State: 1 + r.Int32N(6), Origin: 1, Version: 1,
				}
				w.Store.AddInvitation(tx, asked)
			}
			return nil
		})
	}
	w.write(b, func(tx *sqldb.Tx) error { // as PostgreSQL does by itself before long
		_, err := tx.Exec("ANALYZE")
		return err
	})
	return w, first
}

// drawn makes up a response with an NPS, an effort, a choice and words.
func drawn(r *rand.Rand, i int, first time.Time) store.Response {
	agent := r.IntN(200)
	return store.Response{
		Brand: "acme", ID: fmt.Sprintf("r%07d", i), Survey: fmt.Sprint("s", r.IntN(5)), Subject: 1, State: store.ResponseComplete, Version: 1,
		SubmitTime: first.AddDate(0, 0, i/perDay).Add(time.Duration(i%perDay) * 24 * time.Hour / perDay).Truncate(time.Microsecond), CreateTime: first,
		Attribution: store.Attribution{
			Agent: fmt.Sprint("agents/a", agent), Team: fmt.Sprint("teams/t", agent/10), Partner: fmt.Sprint("partners/p", agent/50),
			Channel: 1 + r.Int32N(8), Stage: 1 + r.Int32N(5), Phase: 1 + r.Int32N(4),
		},
		Language: []string{"en", "de", "fr"}[r.IntN(3)], SurveyRevision: 1,
		Answers: []store.Answer{
			{Question: "nps", Kind: 1, Rating: r.Int32N(11), Definition: fmt.Sprint("touchpointDefinitions/d", r.IntN(10))},
			{Question: "ease", Kind: 6, Rating: 1 + r.Int32N(7)},
			{Question: "why", Kind: 9, Choices: []string{"price", "speed", "kindness"}[:1+r.IntN(3)]},
		},
	}
}
