package bus

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

func TestWhatDeliveryStandsOnIsReadBack(t *testing.T) {
	b, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	inspect := func() map[string]setting.Setting {
		named := map[string]setting.Setting{}
		for _, s := range b.Inspect(t.Context(), []string{"ticket", "survey"}) {
			named[s.Name] = s
		}
		return named
	}
	got := inspect()
	if got["stream of ticket"].Value != "none yet" || got["sync interval"].Value != "2m0s" || got["max payload"].State != setting.OK || len(got) != 5 {
		t.Errorf("an empty bus is %v", got)
	}
	for _, tt := range []struct {
		name   string
		change func(*jetstream.StreamConfig)
		want   setting.State
		advice string
	}{
		{"as it is made", func(*jetstream.StreamConfig) {}, setting.OK, ""},
		{"for ever", func(c *jetstream.StreamConfig) { c.MaxAge = 0 }, setting.OK, ""},
		{"for a shorter time than the outbox", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, setting.Unsafe, "max_age"}, // C35
		{"until it is read", func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, setting.Unsafe, "retention"},
		{"in memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, setting.Weak, "files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := b.session(t.Context(), func(_ context.Context, js jetstream.JetStream) error {
				config := jetstream.StreamConfig{Name: streamName("ticket"), Subjects: []string{"concentric.ticket.>"}, Storage: jetstream.FileStorage, MaxAge: keep, Duplicates: time.Minute}
				tt.change(&config)
				if _, err := js.CreateStream(t.Context(), config); err != nil {
					return err
				}
				if got := inspect()["stream of ticket"]; got.State != tt.want || !strings.Contains(got.Advice, tt.advice) {
					t.Errorf("it is %v, want it %v", got, tt.want)
				}
				return js.DeleteStream(t.Context(), config.Name)
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	if got := payload(100_000); got.State != setting.Unsafe { // C38
		t.Errorf("a server of small payloads is %v", got)
	}
}

func TestABusOutOfReachIsWeak(t *testing.T) { // C36
	b, err := Open(t.Context(), Config{URL: "nats://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	got := b.Inspect(t.Context(), []string{"ticket"})
	if len(got) != 1 || got[0].State != setting.Weak || !strings.Contains(got[0].Advice, "outboxes") {
		t.Errorf("it is %v", got)
	}
}
