package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A crowd is a consumer of events together, which fails on the numbers in sick.
type crowd struct {
	o       *Outbox
	to      *sqldb.DB
	letters *DeadLetters

	mu     sync.Mutex
	sick   map[int]error
	sizes  []int            // of what HandleAll got
	alone  map[int]bool     // what Handle got
	orders map[string][]int // of the numbers of a key, as they were applied
}

func (c *crowd) consumer(kinds ...string) Consumer {
	return Consumer{
		Service: "journey", From: []string{"ticket"}, DB: c.to, DeadLetters: c.letters, Kinds: kinds, Together: []string{"ticket"},
		Handle: func(tx *sqldb.Tx, e *eventv1.Event) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.alone[number(e)] = true
			return c.handle(tx, e)
		},
		HandleAll: func(tx *sqldb.Tx, all []*eventv1.Event) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.sizes = append(c.sizes, len(all))
			for _, e := range all {
				if err := c.handle(tx, e); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (c *crowd) handle(tx *sqldb.Tx, e *eventv1.Event) error {
	if err := apply(tx, e); err != nil {
		return err
	}
	if err := c.sick[number(e)]; errors.Is(err, errPanic) {
		panic(err)
	} else if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.orders[e.GetKey()] = append(c.orders[e.GetKey()], number(e))
	})
	return nil
}

// heal lets all pass from now on.
func (c *crowd) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sick = nil
}

// inCrowd runs f with n events of 7 keys in the stream, which nobody consumes yet.
func inCrowd(t *testing.T, n int, f func(*testing.T, *Bus, *crowd)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, b := migrated(t, database(t)), embedded(t)
		o := NewOutbox(from)
		relaying(t, b, o)
		emitMany(t, o, n)
		relayed(t, from)
		f(t, b, &crowd{
			o: o, to: migrated(t, database(t)), letters: NewDeadLetters(), alone: map[int]bool{}, orders: map[string][]int{},
		})
	})
}

// acknowledged waits until the stream has that many consumers, which have dealt with n
// events each.
func acknowledged(t *testing.T, b *Bus, consumers int, n uint64) {
	t.Helper()
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		eventually(t, "all events acknowledged", func() bool {
			stream, err := js.Stream(ctx, streamName("ticket"))
			if err != nil {
				t.Fatal(err)
			}
			done := 0
			for c := range stream.ListConsumers(ctx).Info() {
				if c.AckFloor.Stream >= n {
					done++
				}
			}
			return done == consumers
		})
	})
}

func TestEventsTogetherHaveTheirEffectOnceAndInTheOrderOfTheirKeys(t *testing.T) {
	inCrowd(t, 600, func(t *testing.T, b *Bus, c *crowd) {
		stop := background(t, func(ctx context.Context) error { return b.Consume(ctx, c.consumer()) })
		applied(t, c.to, 600)
		stop()
		if len(c.sizes) >= 300 {
			t.Errorf("600 events came in %d parts, want them together", len(c.sizes))
		}
		for key, order := range c.orders {
			for i := range order[1:] {
				if order[i+1] <= order[i] {
					t.Errorf("the events of %s were applied in the order %v", key, order)
					break
				}
			}
		}
		c.sizes, c.alone = nil, map[int]bool{}
		background(t, func(ctx context.Context) error { return b.Consume(ctx, c.consumer("ticket_reopened")) }) // gets all of them again
		acknowledged(t, b, 2, 600)
		applied(t, c.to, 600)
		if len(c.sizes) > 0 || len(c.alone) > 0 {
			t.Errorf("events that were known came to the handler in parts of %v and alone %v", c.sizes, c.alone)
		}
	})
}

func TestAnEventThatCannotBeAppliedHoldsUpItsKeyAndNotItsBatch(t *testing.T) {
	for name, err := range map[string]error{"refused": fault.Precondition("TOO_EARLY", "events/2", "it is too early"), "panics": errPanic} {
		t.Run(name, func(t *testing.T) {
			inCrowd(t, 70, func(t *testing.T, b *Bus, c *crowd) {
				c.sick = map[int]error{30: err} // of key-2, behind four
				background(t, func(ctx context.Context) error { return b.Consume(ctx, c.consumer()) })
				for n, want := range []int{6, 16} { // event 30 and those of its key behind it
					eventually(t, "all events dealt with", func() bool {
						return count(t, c.to, `SELECT COUNT(*) FROM inbox`) == 70*(n+1)
					})
					if got := count(t, c.to, `SELECT COUNT(*) FROM dead_letter`); got != want {
						t.Errorf("%d events were put aside, want %d", got, want)
					}
					if got := count(t, c.to, `SELECT COUNT(*) FROM effect`); got != 70*(n+1)-want {
						t.Errorf("%d events were applied, want %d", got, 70*(n+1)-want)
					}
					if n == 0 {
						emitMany(t, c.o, 70)
					}
				}
				resp, err := c.letters.ListDeadLetters(t.Context(), &eventv1.ListDeadLettersRequest{Parent: "services/journey"})
				if err != nil {
					t.Fatal(err)
				}
				if first := resp.GetDeadLetters()[0]; number(first.GetEvent()) != 30 || first.GetReason() == "" {
					t.Fatalf("the first letter is %v, want event 30", first)
				}
				c.heal()
				if _, err := c.letters.RetryDeadLetter(t.Context(), &eventv1.RetryDeadLetterRequest{Name: resp.GetDeadLetters()[0].GetName()}); err != nil {
					t.Fatal(err)
				}
				applied(t, c.to, 140)
				if got, want := fmt.Sprint(c.orders["key-2"][:10]), "[2 9 16 23 30 37 44 51 58 65]"; got != want {
					t.Errorf("the events of the key were applied in the order %s, want %s", got, want)
				}
			})
		})
	}
}
