package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// check makes sure that the stream holds what the outbox says it does, and
// makes due again what it does not. It runs before the first publish of every
// connection and every few seconds.
//
// A stream has an incarnation, the time it was created, and each row notes in
// which incarnation it is and where. Rows of another incarnation are due again:
// that covers a deleted stream and a deleted store. A stream that lost something
// but kept its incarnation (a power cut took its tail, or an old copy of the
// store came back) cannot be refilled: its consumers may have acknowledged places
// that it is about to give away again, and would never see what comes there. So
// it is deleted, with its consumers, and made anew.
//
// Such a stream shows in one of these ways:
//   - its last place is before one that a row or a consumer has;
//   - it begins after a row that is too young to have expired;
//   - it has a hole, or says itself that it lost messages;
//   - it gives away a place that a row has, which [Outbox.mark] cannot store twice.
//
// The last one finds a loss that other replicas have already published over.
// What is lost before it was marked is still due and needs no finding.
//
// One replica has the lead, and another may believe so still: both may check at the
// same time. Outbox.condemn lets one of them delete an
// incarnation. Should another delete the new one by mistake, because it stood
// still in between, or should a row be marked with an incarnation
// that had just ended, then those rows are of another incarnation than the
// stream's, and the next check makes them due. Nothing of this relies on an
// event being sent once: the inbox of each consumer knows every event for longer
// than it can come again.
func (r *relay) check(ctx context.Context) error {
	for range 3 {
		stream, err := ensureStream(ctx, r.js, r.service)
		if err != nil {
			return err
		}
		current := incarnation(stream.CachedInfo())
		whole, err := r.whole(ctx, stream, current)
		if err != nil {
			return err
		}
		if whole {
			if err := r.out.resend(ctx, current, time.Now()); err != nil {
				return err
			}
			r.stream, r.checked, r.looked = current, time.Now(), time.Time{} // some may be due again
			return nil
		}
		if err := r.remake(ctx, current); err != nil {
			return err
		}
	}
	return errors.New("it lost something again and again")
}

// whole reports whether the stream, of the incarnation current, has everything
// that anybody knows to be in it.
func (r *relay) whole(ctx context.Context, stream jetstream.Stream, current int64) (bool, error) {
	// Places are read before the stream, which may grow in the meantime.
	highest, err := r.out.highest(ctx, current)
	if err != nil {
		return false, err
	}
	consumers := stream.ListConsumers(ctx)
	for c := range consumers.Info() {
		highest = max(highest, c.Delivered.Stream, c.AckFloor.Stream)
	}
	if err := consumers.Err(); err != nil {
		return false, err
	}
	var info *jetstream.StreamInfo
	for range 3 {
		if info, err = stream.Info(ctx); err != nil {
			return false, err
		}
		if incarnation(info) != current {
			return false, errors.New("it was made anew in the meantime")
		}
		if info.State.LastSeq >= highest {
			break
		}
		sleep(ctx, 300*time.Millisecond) // a new leader may still be catching up
	}
	if info.State.LastSeq < highest || info.State.NumDeleted > 0 || info.State.Lost != nil {
		return false, ctx.Err()
	}
	missing, err := r.out.missing(ctx, current, info.State.FirstSeq, time.Now())
	return !missing, err
}

// remake deletes the incarnation of the stream that lost something. The next
// check makes another.
func (r *relay) remake(ctx context.Context, lost int64) error {
	r.checked = time.Time{}
	mine, err := r.out.condemn(ctx, lost, time.Now())
	if err != nil {
		return err
	}
	if !mine {
		return errors.New("another replica makes it anew")
	}
	stream, err := r.js.Stream(ctx, streamName(r.service))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if incarnation(stream.CachedInfo()) != lost {
		return nil
	}
	r.bus.log.WarnContext(ctx, "the stream lost events; making it anew", "stream", streamName(r.service))
	err = r.js.DeleteStream(ctx, streamName(r.service))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}
