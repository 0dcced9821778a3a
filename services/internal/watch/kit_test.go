package watch

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const acme = "acme"

// patient is how long a test waits for what must happen.
const patient = time.Minute

// each runs f on both databases. Every call of open returns another replica's hub on
// one database; SQLite has only one replica, so there it is always the same.
func each(t *testing.T, f func(t *testing.T, open func() *Hub)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		h := hub(t, sqldbtest.SQLite(t))
		f(t, func() *Hub { return h })
	})
	t.Run("postgres", func(t *testing.T) {
		url := sqldbtest.Postgres(t)
		f(t, func() *Hub { return hub(t, url) })
	})
}

func hub(t testing.TB, url string) *Hub {
	t.Helper()
	db := sqldbtest.Open(t, url)
	if err := bus.Migrate(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	h := NewHub(db, bus.NewOutbox(db))
	h.every = 20 * time.Millisecond
	return h
}

func event(brand, key string) *eventv1.Event {
	return &eventv1.Event{Id: name.NewID(), Brand: "brands/" + brand, Key: key, Payload: &eventv1.Event_TicketUpdated{
		TicketUpdated: &eventv1.TicketUpdated{Ticket: &eventv1.TicketRef{Ticket: key}},
	}}
}

// emit emits events of acme in one transaction and returns their ids.
func emit(t testing.TB, h *Hub, keys ...string) (ids []string) {
	t.Helper()
	err := h.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		ids = nil
		for _, key := range keys {
			e := event(acme, key)
			ids = append(ids, e.GetId())
			h.outbox.Emit(tx, e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return ids
}

// insert writes rows that nobody is told of, as another replica does.
func insert(t testing.TB, h *Hub, events ...*eventv1.Event) {
	t.Helper()
	err := h.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		for _, e := range events {
			payload, err := proto.Marshal(e)
			if err != nil {
				return err
			}
			tx.Defer(`INSERT INTO outbox (id, brand, key, kind, payload, create_time) VALUES ($1, $2, $3, 'x', $4, 0)`,
				e.GetId(), name.Brand(e.GetBrand()), e.GetKey(), payload)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func all(*eventv1.Event) bool { return true }

// A client is a watcher that notes what it is sent.
type client struct {
	mu     sync.Mutex
	seen   map[string]int // how often, by id
	at     Position
	beats  int
	hasNot chan struct{} // closed and replaced with every batch
}

func newClient() *client { return &client{seen: map[string]int{}, hasNot: make(chan struct{})} }

func (c *client) send(b Batch) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range b.Events {
		c.seen[e.GetId()]++
	}
	if len(b.Events) == 0 {
		c.beats++
	}
	c.at = b.At
	close(c.hasNot)
	c.hasNot = make(chan struct{})
	return true, nil
}

// position returns where c is.
func (c *client) position() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// until waits until ok holds for what c has been sent.
func (c *client) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.After(patient)
	for {
		c.mu.Lock()
		done, more := ok(), c.hasNot
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-end:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// has waits until c has been sent all of ids.
func (c *client) has(t testing.TB, ids ...string) {
	t.Helper()
	c.until(t, "the arrival of all events", func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return c.seen[id] == 0 })
	})
}

// watching watches for c until stop is called or the test ends. It has begun when
// watching returns.
func watching(t testing.TB, h *Hub, c *client, r Request) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r.Send, r.Brand = c.send, acme
	if r.Match == nil {
		r.Match = all
	}
	go func() { ended <- h.Watch(ctx, r) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	if r.From == "" {
		c.until(t, "the first heartbeat", func() bool { return c.beats > 0 })
	}
	return stop
}
