package api

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// decayed is the limit of a recompute: what scores now and their change within the last 30
// days are made of, the sums of all touchpoints of a brand, decayed to one instant, by SQL
// alone. Those until 30 days ago are apart: with the others they are what is known now, and,
// as all decay alike, by themselves what was known then. FILTER in their place takes as long,
// and two workers a tenth longer, as they and the reader share the cores. It does not store
// them.
const decayed = `
	SELECT customer, stage, is_service, before, SUM(p), SUM(p * v), SUM(p * v * v), SUM(p * p), COUNT(*) FROM (
	  SELECT customer, stage, is_service, event_time <= %[2]d AS before, weight * EXP((event_time - %[1]d) * CAST(%[3]g AS DOUBLE PRECISION)) AS p,
	    CASE expectation WHEN 1 THEN CAST(0 AS DOUBLE PRECISION) WHEN 2 THEN 0.75 ELSE 1.0 END AS v
	  FROM touchpoint WHERE brand = 'acme' AND event_time <= %[1]d AND retract_time IS NULL) AS t
	GROUP BY customer, stage, is_service, before`

// BenchmarkRecompute makes the scores of 20,000 customers of 15 touchpoints anew, from
// what is kept of them; the same again and stores them; and their sums from the
// touchpoints. It says how often the time of the aggregate each takes, in turns with it.
func BenchmarkRecompute(b *testing.B) {
	customers := 20_000
	if os.Getenv("CI") != "" {
		customers = 2000
	}
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			s := newTestServer(b, sqldbtest.Open(b, url(b)))
			all := visited(b, s, customers)
			parts := shardsOf(all)
			aggregated(b, s) // once before it counts: connections are opened, and statements planned
			judgedAll(b, s, parts)
			var scores, stored, sums []float64
			for b.Loop() {
				limit := aggregated(b, s)
				scores = append(scores, judgedAll(b, s, parts)/limit)
				stored = append(stored, rescoredAll(b, s, parts)/limit)
				sums = append(sums, filledAll(b, s, all)/limit)
			}
			for unit, ratios := range map[string][]float64{"of-limit": scores, "stored-of-limit": stored, "sums-of-limit": sums} {
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// visited records fifteen touchpoints of so many customers, a week apart, and scores them
// once.
func visited(b *testing.B, s *Server, customers int) (all []string) {
	b.Helper()
	last := sqldb.Micros(time.Now().Add(-time.Hour))
	for from := 0; from < customers; from += 100 {
		var batch []store.Touchpoint
		for c := from; c < from+100; c++ {
			all = append(all, fmt.Sprintf("c-%06d", c))
			for i := range int64(15) {
				at := last - i*7*24*int64(time.Hour/time.Microsecond) - int64(c)
				batch = append(batch, store.Touchpoint{
					ID: fmt.Sprintf("%016x", (uint64(c)*15+uint64(i))*0x9e3779b97f4a7c15), Customer: all[c], Definition: "checkout", //nolint:gosec // small
					EventTime: at, RecordTime: at, Source: "web", EventID: fmt.Sprint(c, "-", i), Channel: typev1.Channel_CHANNEL_WEB,
					Stage: typev1.Stage(1 + i%5), Phase: typev1.Phase_PHASE_PURCHASE, //nolint:gosec // 1 to 5
					Expectation: typev1.Expectation(1 + i%3), Weight: 1, //nolint:gosec // 1 to 3
				})
			}
		}
		if err := s.db.Write(b.Context(), func(tx *sqldb.Tx) error { _, err := s.store.Record(tx, "acme", batch); return err }); err != nil {
			b.Fatal(err)
		}
	}
	if s.db.Postgres() { // as it does by itself within minutes
		if err := s.db.Write(b.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec("ANALYZE"); return err }); err != nil {
			b.Fatal(err)
		}
	}
	rescoredAll(b, s, shardsOf(all))
	return all
}

// aggregated takes the answer of the limit as cheaply as a recompute takes its own.
func aggregated(b *testing.B, s *Server) float64 {
	b.Helper()
	began := time.Now()
	decay := math.Ln2 / float64(score.Default().HalfLife.Microseconds())
	statement := fmt.Sprintf(decayed, sqldb.Micros(began), sqldb.Micros(began.Add(-changeSpan)), decay)
	n := 0
	err := s.store.Snapshot(b.Context(), func(snap *store.Snapshot) error {
		return snap.Reader(b.Context()).Lines(func(*sqldb.Line) { n++ }, statement)
	})
	if err != nil || n < 5000 {
		b.Fatal(err, n)
	}
	return time.Since(began).Seconds()
}

// judgedAll makes scores and stores none, as many parts at a time as there are cores.
func judgedAll(b *testing.B, s *Server, parts []shard) float64 {
	b.Helper()
	began := time.Now()
	sideBySide(b, parts, func(part shard) error {
		return s.store.Snapshot(b.Context(), func(snap *store.Snapshot) error {
			j, err := s.judge(snap.Reader(b.Context()), "acme", store.Range(part.First, part.End), time.Now())
			if err == nil && len(j.scores) == 0 {
				err = errors.New("no scores")
			}
			return err
		})
	})
	return time.Since(began).Seconds()
}

// rescoredAll makes scores and stores them, as a recompute does.
func rescoredAll(b *testing.B, s *Server, parts []shard) float64 {
	b.Helper()
	began := time.Now()
	sideBySide(b, parts, func(part shard) error {
		return s.db.Write(b.Context(), func(tx *sqldb.Tx) error { _, err := s.rescoreShard(tx, "acme", part); return err })
	})
	return time.Since(began).Seconds()
}

// sideBySide calls do with all parts, as replicas do.
func sideBySide(b *testing.B, parts []shard, do func(shard) error) {
	b.Helper()
	waiting := make(chan shard, len(parts))
	for _, part := range parts {
		waiting <- part
	}
	close(waiting)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for part := range waiting {
				if err := do(part); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// shardsOf returns customers, who are in order, as the parts of a recompute.
func shardsOf(customers []string) (parts []shard) {
	for some := range slices.Chunk(customers, shardSize) {
		if n := len(parts); n > 0 {
			parts[n-1].End = some[0]
		}
		parts = append(parts, shard{First: some[0]})
	}
	return parts
}

// filledAll makes sums as a model with another layout needs them.
func filledAll(b *testing.B, s *Server, all []string) float64 {
	b.Helper()
	began := time.Now()
	for part := range slices.Chunk(all, shardSize) {
		if err := s.db.Write(b.Context(), func(tx *sqldb.Tx) error { return s.store.Fill(tx, "acme", 0, part) }); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began).Seconds()
}
