package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publish sends the parcels and returns those the stream has, with the first
// error of the others.
func (r *relay) publish(ctx context.Context, parcels []parcel) ([]receipt, error) {
	if r.bus.server != nil && len(parcels) > 2 { // nobody else writes to the stream
		if receipts, err := r.publishRow(ctx, parcels); receipts != nil || err != nil {
			return receipts, err
		}
	}
	return r.publishEach(ctx, parcels)
}

// publishRow asks only where the first and the last parcel are: the others are in the
// places between, in their order, where there is one for each. They go without what the
// stream would know them by. Where that does not work out, as where the first was sent
// before, it returns none.
func (r *relay) publishRow(ctx context.Context, parcels []parcel) ([]receipt, error) {
	last := len(parcels) - 1
	first, err := r.ask(ctx, parcels[0])
	if err != nil || first.Duplicate {
		return nil, err
	}
	for _, p := range parcels[1:last] {
		if err := r.tell(ctx, p); err != nil {
			return nil, err
		}
	}
	end, err := r.ask(ctx, parcels[last])
	if err != nil || end.Sequence-first.Sequence != uint64(last) { //nolint:gosec // above 0; a known one is before the first
		return nil, err
	}
	receipts := make([]receipt, len(parcels))
	for i, p := range parcels {
		receipts[i] = receipt{p.id, first.Sequence + uint64(i)} //nolint:gosec // at least 0
	}
	return receipts, nil
}

// publishEach asks where each parcel is.
func (r *relay) publishEach(ctx context.Context, parcels []parcel) (receipts []receipt, failed error) {
	acks := make([]jetstream.PubAckFuture, 0, len(parcels))
	for _, p := range parcels {
		ack, err := r.send(ctx, p)
		if err != nil {
			failed = err
			break
		}
		acks = append(acks, ack)
	}
	receipts = make([]receipt, 0, len(acks))
	for i, ack := range acks {
		a, err := await(ctx, ack)
		switch {
		case err == nil:
			receipts = append(receipts, receipt{parcels[i].id, a.Sequence})
		case ctx.Err() != nil:
			return receipts, ctx.Err()
		default:
			failed = errors.Join(err, failed)
		}
	}
	return receipts, failed
}

// ask publishes p and returns where it is.
func (r *relay) ask(ctx context.Context, p parcel) (*jetstream.PubAck, error) {
	ack, err := r.send(ctx, p)
	if err != nil {
		return nil, err
	}
	return await(ctx, ack)
}

// send publishes p and asks where it is.
func (r *relay) send(ctx context.Context, p parcel) (jetstream.PubAckFuture, error) {
	msg := r.message(p)
	defer traceSend(ctx, p, msg.Header)()
	return r.js.PublishMsgAsync(msg, jetstream.WithMsgID(p.id))
}

// tell publishes p and asks nothing.
func (r *relay) tell(ctx context.Context, p parcel) error {
	msg := r.message(p)
	defer traceSend(ctx, p, msg.Header)()
	return r.js.Conn().PublishMsg(msg)
}

// message returns p as it is published.
func (r *relay) message(p parcel) *nats.Msg {
	to := subject(r.service, p.brand, p.kind)
	if r.bus.server == nil {
		to = place(r.service, p)
	}
	return &nats.Msg{Subject: to, Data: p.payload, Header: nats.Header{}}
}

// await returns what the stream says of what was sent.
func await(ctx context.Context, ack jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case a := <-ack.Ok():
		return a, nil
	case err := <-ack.Err():
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
