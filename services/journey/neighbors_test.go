package journey_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// TestABatchThatGoesBackTakesNobodyAlong has batches that meet what is known, and so go back
// a step, share transactions with single writes, whose events and remembered answers stay.
func TestABatchThatGoesBackTakesNobodyAlong(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){"beside single writes": func(t *testing.T, s *suite) {
		const singles, of, batches, times = 12, 30, 4, 50
		s.record(t, visit("bob", "known", noon))
		var wg sync.WaitGroup
		for w := range singles {
			wg.Go(func() {
				for i := range of {
					r := visit("ann", fmt.Sprintf("e-%d-%d", w, i), noon)
					r.RequestId = uuid.NewString()
					if _, err := s.RecordTouchpoint(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for w := range batches {
			wg.Go(func() {
				for i := range times {
					second := visit("ben", fmt.Sprintf("c-%d-%d", w, i), noon)
					if w == 0 && i%5 == 0 {
						second = visit("bob", "known", noon)
					}
					if _, err := s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{
						Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{visit("ben", fmt.Sprintf("b-%d-%d", w, i), noon), second},
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for query, want := range map[string]int{
			`SELECT COUNT(*) FROM touchpoint WHERE customer = 'ann'`:          singles * of,
			`SELECT COUNT(*) FROM request`:                                    singles * of,
			`SELECT COUNT(*) FROM outbox WHERE kind = 'touchpoints_recorded'`: 1 + singles*of + batches*times,
		} {
			var n int
			if err := s.db.Read().QueryRowContext(t.Context(), query).Scan(&n); err != nil || n != want {
				t.Errorf("%s: %d, %v, want %d", query, n, err, want)
			}
		}
	}})
}
