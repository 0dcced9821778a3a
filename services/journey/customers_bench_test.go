package journey_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkFollow brings 2,000 customers of 10 touchpoints up to date, their scores among
// it.
func BenchmarkFollow(b *testing.B) {
	const many, each = 2000, 10
	for name, open := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			p := customers(b, sqldbtest.Open(b, open(b)))
			at := time.Now().Add(-100 * 24 * time.Hour)
			for i := range each * many / 1000 {
				req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
				for n := range 1000 {
					req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
						Parent: who(fmt.Sprint("c", (i*1000+n)%many)),
						Touchpoint: &journeyv1.Touchpoint{
							Definition: "brands/acme/touchpointDefinitions/website-visit", EventTime: timestamppb.New(at.Add(time.Duration(i) * 9 * 24 * time.Hour)),
							Source: "web", EventId: fmt.Sprint(i, "/", n), Expectation: typev1.Expectation_EXPECTATION_MET,
						},
					})
				}
				must(p.BatchRecordTouchpoints(b.Context(), req))(b)
			}
			p.work(b)
			p.followed(b)
			for b.Loop() {
				err := p.db.Write(b.Context(), func(tx *sqldb.Tx) error {
					tx.Defer(`INSERT INTO customer_stale (brand, customer) SELECT brand, id FROM customer`)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				p.followed(b)
			}
			b.ReportMetric(float64(b.N*many)/b.Elapsed().Seconds(), "customers/s")
		})
	}
}
