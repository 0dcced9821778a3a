package journey_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// announcements runs s on a bus and returns what others hear of its touchpoints.
func announcements(t *testing.T, s *suite) func() []*eventv1.Event {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	other := sqldbtest.Open(t, migrated.SQLite(t))
	if err := bus.Migrate(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		heard []*eventv1.Event
		wg    sync.WaitGroup
	)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() {
		stop()
		wg.Wait()
		b.Close()
	})
	wg.Go(func() {
		if err := s.service.Run(ctx, b); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		err := b.Consume(ctx, bus.Consumer{
			Service: "survey", From: []string{"journey"}, DB: other, Kinds: []string{"touchpoints_recorded"},
			Handle: func(tx *sqldb.Tx, e *eventv1.Event) error {
				tx.AfterCommit(func() {
					mu.Lock()
					defer mu.Unlock()
					heard = append(heard, e)
				})
				return nil
			},
		})
		if err != nil {
			t.Error(err)
		}
	})
	return func() []*eventv1.Event {
		mu.Lock()
		defer mu.Unlock()
		return append([]*eventv1.Event{}, heard...)
	}
}

func TestNewTouchpointsAreAnnouncedOnce(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){"": func(t *testing.T, s *suite) {
		heard := announcements(t, s)
		one := visit("ann", "one", noon)
		s.record(t, one)
		s.record(t, one)
		requests := batchOf()
		for i := range 950 {
			requests.Requests = append(requests.Requests, visit(fmt.Sprint("c", i%3), fmt.Sprint("e", i), noon))
		}
		s.batch(t, requests)
		s.batch(t, requests) // everything again: nothing is new
		s.record(t, visit("zoe", "last", noon))
		told := map[string]int{}
		eventually(t, func() bool { return len(heard()) >= 4 })
		for _, e := range heard() {
			all := e.GetTouchpointsRecorded().GetTouchpoints()
			if len(all) > 500 {
				t.Errorf("an event speaks of %d touchpoints, want 500 at most", len(all))
			}
			for _, p := range all {
				told[p.GetTouchpoint()]++
				if p.GetKind() != typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT || p.GetStage() == 0 || !p.GetEventTime().AsTime().Equal(noon) {
					t.Errorf("heard %v", p)
				}
			}
		}
		if len(told) != 952 {
			t.Errorf("heard of %d touchpoints, want 952", len(told))
		}
		for name, n := range told {
			if n != 1 {
				t.Errorf("heard %d times of %s", n, name)
			}
		}
	}})
}
