package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

// largest is how large an event is at most, with what goes with it on the way.
const largest = 512 << 10

// Inspect returns what the delivery of events stands on, as read back from the server and
// from the streams of the services. A bus that is out of reach is weak and no more: events
// wait where they are.
func (b *Bus) Inspect(ctx context.Context, services []string) []setting.Setting {
	var all []setting.Setting
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := b.session(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		conn := js.Conn()
		server := setting.Setting{Name: "server", Value: conn.ConnectedServerVersion()}
		if cluster := conn.ConnectedClusterName(); cluster != "" {
			server.Value += ", cluster " + cluster
		}
		all = append(all, server, b.syncing(), payload(conn.MaxPayload()))
		if _, err := js.AccountInfo(ctx); err != nil {
			return err
		}
		for _, name := range services {
			s, err := stream(ctx, js, name)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return errInspected
	})
	if !errors.Is(err, errInspected) {
		all = append(all, setting.Setting{
			Name: "reach", Value: fmt.Sprintf("out of reach (%s)", strings.ReplaceAll(fmt.Sprint(err), "\n", "; ")), State: setting.Weak,
			Advice: "start a NATS server with JetStream there, or allow JetStream to this user; until then events wait in the outboxes",
		})
	}
	return all
}

// errInspected ends the session of Inspect.
var errInspected = errors.New("inspected")

// syncing says when the server writes to the disk. What it loses is sent again: each event
// stays in the outbox of its service for as long as a stream keeps it.
func (b *Bus) syncing() setting.Setting {
	s := setting.Setting{Name: "sync interval", Value: "the server does not tell clients", Advice: "any will do: what a stream loses, the outboxes send again"}
	if b.server == nil {
		return s
	}
	if config := b.server.JetStreamConfig(); config.SyncAlways {
		s.Value = "always"
	} else {
		s.Value = config.SyncInterval.String()
	}
	return s
}

// payload says whether the server takes our largest event.
func payload(limit int64) setting.Setting {
	s := setting.Setting{Name: "max payload", Value: fmt.Sprintf("%d bytes", limit)}
	if limit < largest {
		s.State, s.Advice = setting.Unsafe, fmt.Sprintf("raise max_payload to %d: larger events would never arrive", largest)
	}
	return s
}

// stream says how the stream of a service keeps its events.
func stream(ctx context.Context, js jetstream.JetStream, service string) (setting.Setting, error) {
	s := setting.Setting{Name: "stream of " + service}
	found, err := js.Stream(ctx, streamName(service))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s.Value, s.Advice = "none yet", "made at the first start"
		return s, nil
	}
	if err != nil {
		return s, err
	}
	config := found.CachedInfo().Config
	age := "for ever"
	if config.MaxAge > 0 {
		age = config.MaxAge.String()
	}
	s.Value = fmt.Sprintf("%s, kept %s, %d copies", config.Storage, age, config.Replicas)
	switch {
	case config.MaxAge > 0 && config.MaxAge < keep:
		s.State, s.Advice = setting.Unsafe, fmt.Sprintf("set its max_age to %s: the outbox takes events that are younger for lost", keep)
	case config.Retention != jetstream.LimitsPolicy:
		s.State, s.Advice = setting.Unsafe, "set its retention to limits: events would go before every service has had them"
	case config.Storage != jetstream.FileStorage:
		s.State, s.Advice = setting.Weak, "keep it in files: after a restart of the server all of it is sent again"
	case config.Replicas < 3 && js.Conn().ConnectedClusterName() != "":
		s.State, s.Advice = setting.Weak, "give the cluster three servers: a stream of one copy stands still with its server"
	}
	return s, nil
}
