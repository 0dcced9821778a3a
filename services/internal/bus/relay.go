package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	relayBatch = 512
	// condemnFor is how long a replica has for making the stream anew before another
	// takes it over.
	condemnFor = 15 * time.Second
	// linger lets events gather after the first, so that they share a commit, and
	// lingerLong does so while there are many.
	linger     = 5 * time.Millisecond
	lingerLong = 50 * time.Millisecond
	many       = 16 // events in one go
	// pollEvery finds rows that nobody woke the relay for, and a lead that was given up.
	pollEvery  = time.Second
	wholeEvery = time.Second
	checkEvery = 3 * time.Second
)

// A relay publishes one outbox over one connection.
type relay struct {
	bus     *Bus
	out     *Outbox
	service string
	js      jetstream.JetStream
	lead    *sqldb.Lead

	stream  int64     // the incarnation that is published to
	checked time.Time // when it was found whole
	pruned  time.Time
	glance  glance

	heard     []parcel            // of what this process has committed, what is not sent
	looked    time.Time           // for all rows that are due
	seen      map[string]struct{} // the ids of what it found when it looked last
	elsewhere atomic.Bool         // whether another replica has told of events since
}

// A glance is where a relay looks for rows that are due: PostgreSQL keeps what was due
// in the index until it is vacuumed, and would walk through all of that each time. So
// the relay looks above what it had sent before, and at all rows every second and
// wherever that found nothing, as some with lower ids may have been committed late.
type glance struct {
	above, sent string // ids; "" is below all
	whole       time.Time
}

// next returns the id to look above.
func (g *glance) next(now time.Time) string {
	if now.Sub(g.whole) >= wholeEvery {
		g.above, g.whole = "", now
	}
	return g.above
}

// saw notes what was found, by id. All that was due up to the last of it was.
func (g *glance) saw(parcels []parcel) {
	if len(parcels) == 0 {
		g.whole = time.Time{}
		return
	}
	last := parcels[len(parcels)-1].id
	if g.above == "" {
		g.above = min(g.sent, last)
	}
	g.sent = max(g.sent, last)
}

// Relay publishes what is and comes into o as events of service, until ctx
// ends. While the bus is out of reach the outbox grows and Relay goes on trying.
// Of the replicas that relay the same outbox on PostgreSQL one does the work, and
// another when that one ends, or loses the bus or the database. It returns an error
// only for a service whose name is not made of letters and digits.
func (b *Bus) Relay(ctx context.Context, service string, o *Outbox) error {
	if !isToken(service) {
		return fmt.Errorf("relay: %q cannot name a service", service)
	}
	stop, err := watchLag(service, o)
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	defer stop()
	b.sessions(ctx, "relay of "+service, func(ctx context.Context, js jetstream.JetStream) error {
		r := &relay{bus: b, out: o, service: service, js: js}
		return r.run(ctx)
	})
	return nil
}

// run relays until the connection or ctx ends, once no other replica does.
func (r *relay) run(ctx context.Context) error {
	if err := r.stand(ctx); err != nil || r.lead == nil {
		return err
	}
	defer r.lead.Release()
	// Events that another replica emits ring here as well.
	rung, err := r.js.Conn().Subscribe(bell(r.service), func(*nats.Msg) {
		r.elsewhere.Store(true)
		r.out.ring()
	})
	if err != nil {
		return fmt.Errorf("hear of events: %w", err)
	}
	defer rung.Unsubscribe() //nolint:errcheck // the connection ends too
	r.out.tray.open()
	defer r.out.tray.close()
	for ctx.Err() == nil {
		if err := r.mind(ctx); err != nil {
			return err
		}
		n, err := r.pass(ctx)
		if err != nil {
			return err
		}
		if n < relayBatch {
			r.wait(ctx, n)
		}
	}
	return nil
}

// stand waits for the lead, or the end of ctx, and tells whoever has it of events.
func (r *relay) stand(ctx context.Context) error {
	for {
		var err error
		if r.lead, err = r.out.db.Lead(ctx); err != nil {
			return fmt.Errorf("take the lead: %w", err)
		}
		if r.lead != nil {
			return nil
		}
		for again := time.After(pollEvery); again != nil; {
			select {
			case <-r.out.wake:
				if err := r.js.Conn().Publish(bell(r.service), nil); err != nil {
					return fmt.Errorf("tell of events: %w", err)
				}
				sleep(ctx, linger)
			case <-again:
				again = nil
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// mind checks the stream and prunes the outbox when it is time to.
func (r *relay) mind(ctx context.Context) error {
	if time.Since(r.checked) >= checkEvery {
		if err := r.check(ctx); err != nil {
			return fmt.Errorf("check the stream: %w", err)
		}
	}
	if time.Since(r.pruned) >= pruneEvery {
		if err := r.out.prune(ctx, r.stream, time.Now()); err != nil {
			return fmt.Errorf("prune the outbox: %w", err)
		}
		r.pruned = time.Now()
	}
	return nil
}

// wait returns soon after an event was emitted, later if there were n just now and
// these are many, or when it is time to look.
func (r *relay) wait(ctx context.Context, n int) {
	select {
	case <-r.out.wake:
		if n < many {
			sleep(ctx, linger)
		} else {
			sleep(ctx, lingerLong)
		}
	case <-time.After(pollEvery):
	case <-ctx.Done():
	}
}

// find returns a batch of what is due: of what this process has committed since, or, each
// second and where there may be more than that, of what the outbox holds.
func (r *relay) find(ctx context.Context) ([]parcel, error) {
	now := time.Now()
	fresh, all := r.out.tray.take() // before it looks, which finds all of that too, within a second
	told := r.elsewhere.Swap(false)
	if all && !told && now.Sub(r.looked) < wholeEvery {
		r.heard = append(r.heard, slices.DeleteFunc(fresh, func(p parcel) bool { _, seen := r.seen[p.id]; return seen })...)
		n := min(len(r.heard), relayBatch)
		parcels := r.heard[:n:n]
		r.heard = r.heard[n:]
		return parcels, nil
	}
	r.heard = nil
	if !all || !told {
		r.glance.whole = time.Time{}
	}
	above := r.glance.next(now)
	parcels, err := r.out.due(ctx, r.lead, above, now)
	if err == nil && len(parcels) == 0 && above != "" { // what rang was committed late
		above = ""
		parcels, err = r.out.due(ctx, r.lead, above, now)
	}
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	r.glance.saw(parcels)
	r.seen = make(map[string]struct{}, len(parcels))
	for _, p := range parcels {
		r.seen[p.id] = struct{}{}
	}
	switch {
	case len(parcels) == relayBatch:
		r.looked = time.Time{} // there may be more
	case above == "":
		r.looked = now
	}
	return parcels, nil
}

// pass publishes one batch and returns its size.
func (r *relay) pass(ctx context.Context) (int, error) {
	parcels, err := r.find(ctx)
	if err != nil {
		return 0, err
	}
	receipts, failed := r.publish(ctx, parcels)
	// What the stream has is noted even if the rest failed or the end has come.
	err = r.out.mark(context.WithoutCancel(ctx), r.stream, receipts, time.Now())
	if failed == nil && err == nil {
		return len(parcels), nil
	}
	if sqldb.Unique(err) {
		// The stream gave a place away twice, so it has forgotten an event between.
		return 0, r.remake(ctx, r.stream)
	}
	return 0, fmt.Errorf("relay events: %w", errors.Join(failed, err))
}
