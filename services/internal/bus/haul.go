package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// share brings the events of the lanes that are this replica's to take, until ctx ends.
func (d *delivery) share(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, take func(message)) error {
	numbered, earlier := lanes(d.service, d.source, stream, d.kinds)
	c, err := join(js.Conn(), d.service, earlier.durable)
	if err != nil {
		return err
	}
	defer c.leave() // once no lane is held any longer
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		if err := d.haul(ctx, stream, earlier, take); err != nil {
			d.cancel(err)
		}
	})
	holds := make([]hold, len(numbered))
	return c.run(ctx, func(now time.Time) {
		for g, l := range numbered {
			h := &holds[g]
			switch mine := c.mine(g, now); {
			case !mine && h.end != nil:
				h.end()
			case mine && h.over():
				var held context.Context
				held, h.end = context.WithCancel(ctx)
				h.done = make(chan struct{})
				wg.Go(func() {
					defer close(h.done)
					if err := d.haul(held, stream, l, take); err != nil {
						d.cancel(err)
					}
				})
			}
		}
	})
}

// A hold is a lane in the hands of this replica. The zero value is none.
type hold struct {
	end  context.CancelFunc
	done chan struct{} // closed when it is out of its hands
}

// over reports whether the replica does not have the lane, or no longer.
func (h *hold) over() bool {
	if h.done == nil {
		return true
	}
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// haul brings the events of a lane to take until ctx ends, and then lets go of it: each
// event that was brought is settled or given back by then.
func (d *delivery) haul(ctx context.Context, stream jetstream.Stream, l lane, take func(message)) error {
	consumer, err := l.make(ctx, stream)
	unsettled := 0
	if err == nil && l.group != "" {
		unsettled, err = l.free(ctx, consumer)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("take the consumer: %w", err)
	}
	msgs, err := consumer.Messages(l.pulling()...)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer d.ear.attend(consumer)()
	defer context.AfterFunc(ctx, msgs.Drain)()
	var open opened
	p := &pulled{MessagesContext: msgs, consumer: consumer}
	p.begin(unsettled)
	err = d.each(ctx, p, func(m message) {
		open.Add(1)
		m.Msg, m.ended = held{m.Msg, &open}, ctx.Done()
		take(m)
	})
	open.Wait()
	err = errors.Join(err, open.giveBack())
	if l.group != "" {
		letGo(ctx, stream, consumer, l)
	}
	return err
}

// letGo frees a lane, which may be pinned to this replica although it brought nothing. The
// server still has what was asked for last, and would pin the lane to that when a message
// comes, though nobody listens; saying how the consumer stands, it notices (2.15.2).
func letGo(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer, l lane) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	consumer.Info(ctx)                            //nolint:errcheck,gosec // the lane would notice by itself
	stream.UnpinConsumer(ctx, l.durable, l.group) //nolint:errcheck,gosec // likewise
}

// pulled are the messages of a consumer.
type pulled struct {
	jetstream.MessagesContext
	consumer jetstream.Consumer
	first    []jetstream.Msg // to bring before all others
}

// begin takes up to n messages, as far as they come in time, and has them brought in the
// order of the stream: those that come again do so in the order in which the server noticed
// that they have to.
func (p *pulled) begin(n int) {
	end := time.Now().Add(beginFor)
	for left := beginFor; len(p.first) < n && left > 0; left = time.Until(end) {
		msg, err := p.Next(jetstream.NextMaxWait(left))
		if err != nil { // if it is more than the time, the next call has it too
			break
		}
		p.first = append(p.first, msg)
	}
	slices.SortFunc(p.first, bySequence)
}

// next returns the next message. A consumer that says nothing for a while but is there, as
// on a busy machine, is asked again.
func (p *pulled) next(ctx context.Context) (jetstream.Msg, error) {
	if len(p.first) > 0 {
		msg := p.first[0]
		p.first = p.first[1:]
		return msg, nil
	}
	for {
		msg, err := p.Next()
		if !errors.Is(err, jetstream.ErrNoHeartbeat) {
			return msg, err
		}
		if ctx.Err() != nil { // it is being drained
			continue
		}
		if _, gone := p.consumer.Info(ctx); gone != nil {
			return nil, errors.Join(err, gone)
		}
	}
}

// opened are the messages that a lane brought and that are not settled.
type opened struct {
	sync.WaitGroup
	mu   sync.Mutex
	back []jetstream.Msg
}

// giveBack has what is not for this replica come to the next one, in order. By now nothing
// is asked for here, or it would come here again.
func (o *opened) giveBack() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortFunc(o.back, bySequence)
	for _, msg := range o.back {
		if err := msg.Nak(); err != nil {
			return fmt.Errorf("give back: %w", err)
		}
	}
	return nil
}

func bySequence(a, b jetstream.Msg) int { return cmp.Compare(sequence(a), sequence(b)) }

// sequence returns the place of a message in its stream.
func sequence(msg jetstream.Msg) uint64 {
	meta, err := msg.Metadata()
	if err != nil {
		return 0
	}
	return meta.Sequence.Stream
}

// A held message is open until it is answered.
type held struct {
	jetstream.Msg
	open *opened
}

// Ack implements [jetstream.Msg].
func (h held) Ack() error { defer h.open.Done(); return h.Msg.Ack() }

// Nak implements [jetstream.Msg], at the end of the haul.
func (h held) Nak() error {
	defer h.open.Done()
	h.open.mu.Lock()
	defer h.open.mu.Unlock()
	h.open.back = append(h.open.back, h.Msg)
	return nil
}

// NakWithDelay implements [jetstream.Msg].
func (h held) NakWithDelay(d time.Duration) error { defer h.open.Done(); return h.Msg.NakWithDelay(d) }
