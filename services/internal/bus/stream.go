package bus

import (
	"context"
	"errors"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// streamName returns the stream that holds the events of a service. Only the
// relays of that service write to it.
func streamName(service string) string { return "CONCENTRIC_" + strings.ToUpper(service) }

// subject returns where an event of a service is published.
func subject(service, brand, kind string) string {
	return "concentric." + service + "." + token(brand) + "." + token(kind)
}

// bell returns where a replica that does not relay says that there are events. No
// stream keeps it.
func bell(service string) string { return "concentric-bell." + service }

// subjects returns where the events of a service are published that have one of the
// kinds, or none for all.
func subjects(service string, kinds []string) []string {
	var all []string
	for _, k := range kinds {
		all = append(all, "concentric."+service+".*."+token(k))
	}
	return all
}

// token returns s as one token of a subject.
func token(s string) string {
	if s == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}

// isToken reports whether s names a service as a subject can.
func isToken(s string) bool { return s != "" && s == token(s) }

// ensureStream returns the stream of a service and makes it where it is missing.
func ensureStream(ctx context.Context, js jetstream.JetStream, service string) (jetstream.Stream, error) {
	return keepStream(ctx, js, jetstream.StreamConfig{
		Name: streamName(service), Subjects: []string{"concentric." + service + ".>"},
		Storage: jetstream.FileStorage, MaxAge: keep, Duplicates: 2 * time.Minute,
		DenyDelete: true, DenyPurge: true,
	})
}

// keepStream returns a stream and makes it where it is missing: three copies in a cluster
// that can hold them, otherwise one.
func keepStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	copies := 1
	if js.Conn().ConnectedClusterName() != "" {
		copies = 3
	}
	cfg.Replicas = copies
	s, err := js.Stream(ctx, cfg.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s, err = createStream(ctx, js, cfg)
		if _, refused := errors.AsType[*jetstream.APIError](err); refused && copies > 1 {
			cfg.Replicas = 1
			s, err = createStream(ctx, js, cfg)
		}
	case err == nil && s.CachedInfo().Config.Replicas < copies:
		if better, e := js.UpdateStream(ctx, cfg); e == nil {
			s = better
		} // else the cluster is still too small
	}
	return s, err
}

// createStream makes the stream. A server that still clears away the files of an
// incarnation that was deleted cannot make the next one: it is asked for two seconds.
func createStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (s jetstream.Stream, err error) {
	for range 20 {
		s, err = js.CreateStream(ctx, cfg)
		if e, refused := errors.AsType[*jetstream.APIError](err); !refused || e.Code != http.StatusInternalServerError {
			break
		}
		sleep(ctx, 100*time.Millisecond)
	}
	return s, err
}

// incarnation tells a stream from another of the same name.
func incarnation(info *jetstream.StreamInfo) int64 { return sqldb.Micros(info.Created) }

// durable names the consumer that a service has of a stream. It is another for
// every incarnation: a late acknowledgement of an event in the one must not hit
// the event that has the same place in the other. And it is another for every
// choice of subjects: a service that learns a new kind gets those of the past too,
// and the inbox drops what it had.
func durable(service string, stream jetstream.Stream, subjects []string) string {
	h := fnv.New32a()
	h.Write([]byte(strings.Join(subjects, " "))) //nolint:errcheck // never fails
	return service + "-" + strconv.FormatInt(incarnation(stream.CachedInfo()), 36) + "-" + strconv.FormatUint(uint64(h.Sum32()), 36)
}
