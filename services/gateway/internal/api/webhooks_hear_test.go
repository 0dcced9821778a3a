package api

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/table"
)

func TestAnEndpointHearsOfEventsFromItsCreationOnWhateverTheClockOfTheService(t *testing.T) {
	created := time.Now()
	w := &Webhooks{}
	w.Init()
	w.live.Store(&map[string][]store.WebhookEndpoint{"acme": {{Record: table.Record{Brand: "acme", ID: "hooks", CreateTime: created}}}})
	for _, tt := range []struct {
		name string
		told time.Duration // after the creation, by the clock of the service
		want int
	}{
		{"after it", time.Second, 1},
		{"after it, by a clock that is behind", 2*time.Second - clockGrace, 1},
		{"before it", -time.Second - clockGrace, 0},
	} {
		e := &eventv1.Event{
			Brand: "brands/acme", Id: ulid.MustNew(ulid.Timestamp(created.Add(tt.told)), ulid.DefaultEntropy()).String(),
			Payload: &eventv1.Event_TicketReopened{TicketReopened: &eventv1.TicketReopened{}},
		}
		if got := w.listeners(e); len(got) != tt.want {
			t.Errorf("%s: %d endpoints hear of it, want %d", tt.name, len(got), tt.want)
		}
	}
}
