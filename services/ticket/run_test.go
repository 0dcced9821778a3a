package ticket_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestRunHandsEventsToOthers lets another service listen: it hears what was
// emitted, of tickets made before and after Run began.
func TestRunHandsEventsToOthers(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		c := serve(t, openDB(t), inProcess)
		tk := must(c.CreateTicket)(t, open())
		other := openDB(t)
		if err := bus.Migrate(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var wg sync.WaitGroup
		defer wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wg.Go(func() {
			if err := c.service.Run(ctx, b); err != nil {
				t.Error(err)
			}
		})
		heard := make(chan *eventv1.Event, 16)
		wg.Go(func() {
			err := b.Consume(ctx, bus.Consumer{
				Service: "listener", From: []string{"ticket"}, DB: other,
				Handle: func(tx *sqldb.Tx, e *eventv1.Event) error {
					tx.AfterCommit(func() { heard <- e })
					return nil
				},
			})
			if err != nil {
				t.Error(err)
			}
		})
		must(c.ResolveTicket)(t, resolve(tk.GetName(), solved, time.Hour))
		for range 2 {
			select {
			case got := <-heard:
				if !emitted(c.events(t), got) {
					t.Errorf("heard %v, which was not emitted", got)
				}
			case <-ctx.Done():
				t.Fatal("the events do not arrive")
			}
		}
	})
}

func emitted(all []*eventv1.Event, e *eventv1.Event) bool {
	for _, one := range all {
		if proto.Equal(one, e) {
			return true
		}
	}
	return false
}
