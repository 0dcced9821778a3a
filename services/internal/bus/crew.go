package bus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	// hailEvery is how often a replica says that it is there, and believedFor how long it
	// is taken for that.
	hailEvery   = time.Second
	believedFor = 5 * hailEvery
	// listenFor is how long a replica hears who is there before it takes lanes.
	listenFor = 500 * time.Millisecond
)

// A crew is the replicas of a service that share lanes, as one of them knows them. They
// agree on who has which lane as soon as they know the same replicas; until then the lanes
// themselves see to it that one at a time is served.
type crew struct {
	conn    *nats.Conn
	subject string // no stream keeps it
	me      string
	heard   chan *nats.Msg
	sub     *nats.Subscription
	seen    map[string]time.Time
}

// join makes the caller one of the crew of a service that shares the lanes of a durable
// consumer.
func join(conn *nats.Conn, service, durable string) (*crew, error) {
	c := &crew{
		conn: conn, subject: "concentric-crew." + service + "." + durable, me: name.NewID(),
		heard: make(chan *nats.Msg, 64), seen: map[string]time.Time{},
	}
	var err error
	if c.sub, err = conn.ChanSubscribe(c.subject, c.heard); err != nil {
		return nil, fmt.Errorf("hear of other replicas: %w", err)
	}
	return c, c.hail()
}

// hail tells the others that the caller is there.
func (c *crew) hail() error {
	if err := c.conn.Publish(c.subject, []byte("+"+c.me)); err != nil {
		return fmt.Errorf("tell other replicas: %w", err)
	}
	return nil
}

// leave tells them that it is there no longer.
func (c *crew) leave() {
	c.conn.Publish(c.subject, []byte("-"+c.me)) //nolint:errcheck,gosec // they will notice
	c.sub.Unsubscribe()                         //nolint:errcheck,gosec // the connection ends too
}

// hear notes what another replica says. One that is new is answered, so that it need not
// wait for the next time.
func (c *crew) hear(msg *nats.Msg, now time.Time) error {
	id, there := strings.CutPrefix(string(msg.Data), "+")
	if !there {
		delete(c.seen, strings.TrimPrefix(id, "-"))
		return nil
	}
	_, known := c.seen[id]
	c.seen[id] = now
	if known || id == c.me {
		return nil
	}
	return c.hail()
}

// mine reports whether a group of partitions is the caller's.
func (c *crew) mine(group int, now time.Time) bool {
	all := []string{c.me}
	for id, at := range c.seen {
		switch {
		case now.Sub(at) > believedFor:
			delete(c.seen, id)
		case id != c.me:
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all[group%len(all)] == c.me
}

// run calls change whenever lanes may have another replica, until ctx ends.
func (c *crew) run(ctx context.Context, change func(now time.Time)) error {
	hail := time.NewTicker(hailEvery)
	defer hail.Stop()
	listened := time.After(listenFor)
	for ready := false; ; {
		select {
		case msg := <-c.heard:
			if err := c.hear(msg, time.Now()); err != nil {
				return err
			}
		case <-hail.C:
			if err := c.hail(); err != nil {
				return err
			}
		case <-listened:
			ready = true
		case <-ctx.Done():
			return nil
		}
		if ready {
			change(time.Now())
		}
	}
}
