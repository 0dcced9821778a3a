package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkRecord stores touchpoints by the thousand with the sums that scores are made of
// and, in turns, without, and says what part of its speed is left.
func BenchmarkRecord(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		for _, customers := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, customers), func(b *testing.B) {
				db := sqldbtest.Open(b, url(b))
				s, err := Open(b.Context(), db)
				if err != nil {
					b.Fatal(err)
				}
				next := 0
				var ratios []float64
				record := func(f func(*sqldb.Tx, []Touchpoint) error) time.Duration {
					next++
					batch := many(next, customers)
					began := time.Now()
					if err := db.Write(b.Context(), func(tx *sqldb.Tx) error { return f(tx, batch) }); err != nil {
						b.Fatal(err)
					}
					return time.Since(began)
				}
				for b.Loop() {
					bare := record(func(tx *sqldb.Tx, batch []Touchpoint) error {
						r := &recording{store: s, tx: tx, brand: "acme", answer: make([]Recorded, len(batch))}
						for i, t := range batch {
							r.answer[i] = Recorded{Touchpoint: t, New: true}
						}
						r.distinct()
						_, stored, err := r.ahead()
						if err == nil && !stored {
							_, err = r.inTurn()
						}
						return err
					})
					whole := record(func(tx *sqldb.Tx, batch []Touchpoint) error {
						_, err := s.Record(tx, "acme", batch)
						return err
					})
					ratios = append(ratios, bare.Seconds()/whole.Seconds())
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "of-limit")
			})
		}
	}
}

// many are a thousand touchpoints of so many customers.
func many(n, customers int) []Touchpoint {
	batch := make([]Touchpoint, 1000)
	for i := range batch {
		at := int64(n)*int64(time.Hour/time.Microsecond) + int64(i)
		batch[i] = Touchpoint{
			ID: fmt.Sprintf("%016x", uint64(n*1000+i)*0x9e3779b97f4a7c15), Customer: fmt.Sprint("c-", n%10, "-", i%customers),
			Definition: "checkout", EventTime: at, RecordTime: at, Source: "web", EventID: fmt.Sprint(n, "-", i),
			Channel: typev1.Channel_CHANNEL_WEB, Stage: typev1.Stage(1 + i%2), Phase: typev1.Phase_PHASE_PURCHASE, //nolint:gosec // 1 or 2
			Expectation: typev1.Expectation_EXPECTATION_MET, Weight: 1,
		}
	}
	return batch
}
