package journey_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
)

// depth is how many batches of 1,000 touchpoints the deep customers of benchmarks have; a
// tenth where CI is set.
func depth() int {
	if os.Getenv("CI") != "" {
		return 10
	}
	return 100
}

// BenchmarkDepth records a touchpoint and reads the score it gives, for a customer of
// 100,000 touchpoints and, in turns, for one of 10.
func BenchmarkDepth(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			db := sqldbtest.Open(b, url(b))
			s := dial(b, db)
			for n := range depth() {
				req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
				for i := range batchSize {
					customer := "deep"
					if n == 0 && i < 10 {
						customer = "shallow"
					}
					req.Requests = append(req.Requests, visit(customer, fmt.Sprint(n, "-", i), noon.Add(-time.Duration(n*batchSize+i)*time.Minute)))
				}
				if _, err := s.BatchRecordTouchpoints(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
			if db.Postgres() {
				analyze(b, db)
			}
			next := 0
			record := func(customer string) cost {
				const calls = 100
				return rate(calls, func() {
					for range calls {
						next++
						if _, err := s.RecordTouchpoint(b.Context(), visit(customer, fmt.Sprint("one-", next), noon)); err != nil {
							b.Fatal(err)
						}
						if _, err := s.GetScore(b.Context(), &journeyv1.GetScoreRequest{
							Name: "brands/acme/customers/" + customer + "/score", AsOfTime: timestamppb.New(noon.Add(time.Hour)),
						}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			var deep, shallow []cost
			for b.Loop() {
				deep, shallow = append(deep, record("deep")), append(shallow, record("shallow"))
			}
			report(b, "calls/s", deep, shallow)
		})
	}
}

// BenchmarkBytes tells how much a touchpoint takes on disk, sums and indexes included,
// and how much its bare row in the same table.
func BenchmarkBytes(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			db, bare := sqldbtest.Open(b, url(b)), sqldbtest.Open(b, url(b))
			s := dial(b, db)
			if _, err := journey.New(b.Context(), bare, journey.Config{}); err != nil {
				b.Fatal(err)
			}
			rows := 0.0
			for b.Loop() {
				n := int(rows) / batchSize
				if _, err := s.BatchRecordTouchpoints(b.Context(), ingestion(n, 100)); err != nil {
					b.Fatal(err)
				}
				if err := raw(b.Context(), bare, n, 100); err != nil {
					b.Fatal(err)
				}
				rows += batchSize
			}
			ours, row := size(b, db)/rows, size(b, bare)/rows
			b.ReportMetric(ours, "bytes/touchpoint")
			b.ReportMetric(row, "bytes/row")
			b.ReportMetric(ours/row, "of-row")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// size returns what the touchpoints and what is kept of them take in db.
func size(b *testing.B, db *sqldb.DB) (bytes float64) {
	b.Helper()
	query := `SELECT SUM(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema
		WHERE tbl_name IN ('touchpoint', 'stage_bucket', 'customer_stale', 'measure'))`
	if db.Postgres() {
		query = `SELECT SUM(pg_total_relation_size(relid)) FROM pg_stat_user_tables
			WHERE relname IN ('stage_bucket', 'customer_stale', 'measure') OR relid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'touchpoint'::REGCLASS)`
	}
	if err := db.Read().QueryRowContext(b.Context(), query).Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	return bytes
}
