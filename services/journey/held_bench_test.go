package journey_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkHeld says what the service goes on holding in memory of customers who came,
// once it has recorded a touchpoint of each and told the score of each.
func BenchmarkHeld(b *testing.B) {
	s := dial(b, sqldbtest.Open(b, sqldbtest.SQLite(b)))
	next := 0
	come := func() {
		req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
		for range batchSize {
			next++
			req.Requests = append(req.Requests, visit(fmt.Sprint("customer-", next), fmt.Sprint("once-", next), noon))
		}
		if _, err := s.BatchRecordTouchpoints(b.Context(), req); err != nil {
			b.Fatal(err)
		}
		for i := range batchSize {
			if _, err := s.GetScore(b.Context(), &journeyv1.GetScoreRequest{
				Name: fmt.Sprintf("brands/acme/customers/customer-%d/score", next-i), AsOfTime: timestamppb.New(noon.Add(time.Hour)),
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	come() // what is made once, with the first call, counts for nobody
	most := int64(0)
	for b.Loop() {
		before := inUse()
		for range 10 {
			come()
		}
		most = max(most, inUse()-before)
	}
	b.ReportMetric(float64(most)/(10*batchSize), "bytes/customer")
	b.ReportMetric(0, "ns/op")
}

func inUse() int64 {
	for range 3 { // what has finalizers and pools goes late
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse) //nolint:gosec // bytes
}
