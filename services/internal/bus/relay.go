package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	relayBatch = 512
	// lease is how long a replica has for a batch, or for making the stream anew,
	// before another takes it over.
	lease = 15 * time.Second
	// linger lets events gather after the first, so that they share a commit.
	linger = 5 * time.Millisecond
	// pollEvery finds rows that nobody woke the relay for.
	pollEvery  = time.Second
	checkEvery = 3 * time.Second
)

// A relay publishes one outbox over one connection.
type relay struct {
	bus     *Bus
	out     *Outbox
	service string
	js      jetstream.JetStream

	stream  int64     // the incarnation that is published to
	checked time.Time // when it was found whole
	pruned  time.Time
}

// Relay publishes what is and comes into o as events of service, until ctx
// ends. While the bus is out of reach the outbox grows and Relay goes on trying.
// Replicas may relay the same outbox on PostgreSQL. It returns an error only for
// a service whose name is not made of letters and digits.
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

// run relays until the connection or ctx ends.
func (r *relay) run(ctx context.Context) error {
	for ctx.Err() == nil {
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
		n, err := r.pass(ctx)
		if err != nil {
			return err
		}
		if n < relayBatch {
			r.wait(ctx)
		}
	}
	return nil
}

// wait returns soon after an event was emitted, or when it is time to look.
func (r *relay) wait(ctx context.Context) {
	select {
	case <-r.out.wake:
		sleep(ctx, linger)
	case <-time.After(pollEvery):
	case <-ctx.Done():
	}
}

// pass publishes one batch and returns its size.
func (r *relay) pass(ctx context.Context) (int, error) {
	parcels, err := r.out.due(ctx, time.Now())
	if err != nil {
		return 0, fmt.Errorf("read the outbox: %w", err)
	}
	receipts, failed := r.publish(ctx, parcels)
	// What the stream has is noted even if the rest failed or the end has come.
	err = r.out.mark(context.WithoutCancel(ctx), r.stream, receipts, time.Now())
	if failed == nil && err == nil {
		return len(parcels), nil
	}
	release := r.out.release(context.WithoutCancel(ctx), parcels)
	if sqldb.Unique(err) {
		// The stream gave a place away twice, so it has forgotten an event between.
		return 0, errors.Join(r.remake(ctx, r.stream), release)
	}
	return 0, fmt.Errorf("relay events: %w", errors.Join(failed, err, release))
}

// publish sends the parcels and returns those the stream has, with the first
// error of the others.
func (r *relay) publish(ctx context.Context, parcels []parcel) (receipts []receipt, failed error) {
	acks := make([]jetstream.PubAckFuture, 0, len(parcels))
	for _, p := range parcels {
		msg := &nats.Msg{Subject: subject(r.service, p.brand, p.kind), Data: p.payload, Header: nats.Header{}}
		end := traceSend(ctx, p, msg.Header)
		ack, err := r.js.PublishMsgAsync(msg, jetstream.WithMsgID(p.id))
		end()
		if err != nil {
			failed = err
			break
		}
		acks = append(acks, ack)
	}
	receipts = make([]receipt, 0, len(acks))
	for i, ack := range acks {
		select {
		case a := <-ack.Ok():
			receipts = append(receipts, receipt{parcels[i].id, a.Sequence})
		case err := <-ack.Err():
			failed = errors.Join(err, failed)
		case <-ctx.Done():
			return receipts, ctx.Err()
		}
	}
	return receipts, failed
}
