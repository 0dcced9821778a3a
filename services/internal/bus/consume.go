package bus

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	consumeBatch = 512 // deliveries on their way
	workers      = 128 // events applied at once, so that they share a commit
	ackWait      = 5 * time.Second
	maxAttempts  = 10 // of an event whose failure may pass
)

// A Consumer is a service as it listens to others.
type Consumer struct {
	Service string    // its own name; replicas of one service share the events
	From    []string  // the services it listens to
	Kinds   []string  // the payloads it has a use for, by their fields in the contract, such as ticket_resolved; nil: all
	DB      *sqldb.DB // where Handle has its effect; [Migrate] has brought it up to date

	// Wants reports whether there is any use for e, where that depends on more than its
	// kind: without one it is let go at no cost. Nil is for all.
	Wants func(e *eventv1.Event) bool

	// DeadLetters lets operators see what was put aside, while Consume runs. Nil
	// hides it.
	DeadLetters *DeadLetters

	// Handle applies e in tx. It runs again after an error, so it has no effect
	// but through tx. An error that cannot pass makes e a dead letter at once;
	// one that may ([codes.Unavailable], [codes.Aborted], a row of the same key,
	// …) after ten tries. A panic is an error.
	Handle func(tx *sqldb.Tx, e *eventv1.Event) error

	// HandleAll applies several events in tx as Handle would one after another, at less
	// cost: it is for events of which there are so many that round trips count. It gets
	// those of the services Together, and after an error, or a panic, Handle gets them
	// one by one.
	Together  []string
	HandleAll func(tx *sqldb.Tx, all []*eventv1.Event) error // not nil where Together is not empty
}

// Consume applies the events of other services, each once, until ctx ends.
// Events of one key are applied one after another and in most cases in order;
// c.Handle must bear any order. It returns an error only for a Consumer that
// lacks something.
func (b *Bus) Consume(ctx context.Context, c Consumer) error {
	if !isToken(c.Service) || c.DB == nil || c.Handle == nil || len(c.From) == 0 || c.HandleAll == nil && len(c.Together) > 0 {
		return fmt.Errorf("consume: the consumer %q lacks a name, a source, a database or a handler", c.Service)
	}
	for _, source := range c.From {
		if !isToken(source) {
			return fmt.Errorf("consume: %q cannot name a service", source)
		}
	}
	a := &applier{db: c.DB, handle: c.Handle, handleAll: c.HandleAll}
	if c.DeadLetters != nil {
		c.DeadLetters.add(c.Service, a)
		defer c.DeadLetters.remove(c.Service, a)
	}
	ears := map[string]*ear{}
	for _, source := range c.From {
		e, stop, err := newEar(c.Service, source)
		if err != nil {
			return fmt.Errorf("consume: %w", err)
		}
		defer stop()
		ears[source] = e
	}
	var wg sync.WaitGroup
	for _, source := range c.From {
		who := c.Service + " of events of " + source
		wg.Go(func() {
			b.sessions(ctx, who, func(ctx context.Context, js jetstream.JetStream) error {
				d := &delivery{
					bus: b, apply: a, service: c.Service, source: source, kinds: c.Kinds,
					together: slices.Contains(c.Together, source), wants: c.Wants, ear: ears[source],
				}
				return d.run(ctx, js)
			})
		})
	}
	wg.Go(func() { b.tidy(ctx, c.Service, a) })
	wg.Wait()
	return nil
}

// tidy goes on with lines that a crash interrupted and forgets old events.
func (b *Bus) tidy(ctx context.Context, service string, a *applier) {
	for ; ctx.Err() == nil; sleep(ctx, pruneEvery) {
		err := errors.Join(a.resume(ctx), a.forget(ctx, time.Now()))
		if err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "tidying the inbox failed; trying again", "service", service, "err", err)
		}
	}
}

// A delivery applies the events of one source over one connection.
type delivery struct {
	bus             *Bus
	apply           *applier
	service, source string
	kinds           []string // of the events to deliver; none for all
	together        bool     // whether events are applied several at once
	wants           func(*eventv1.Event) bool
	ear             *ear
	cancel          context.CancelCauseFunc
}

// A message is an event as it arrived.
type message struct {
	jetstream.Msg
	event    *eventv1.Event // of a damaged one only id, brand and key
	damaged  error
	attempts int
	ended    <-chan struct{} // closed when it is another replica's to settle; nil: never
}

// late reports whether m is not for this replica any longer.
func (m message) late() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// An eventKey is what events share that are applied one after another.
type eventKey struct{ brand, key string }

func (m message) key() eventKey { return eventKey{m.event.GetBrand(), m.event.GetKey()} }

// run delivers until the connection, the stream or ctx ends. A stream made anew
// has no consumers, so the next run makes one that delivers everything.
func (d *delivery) run(ctx context.Context, js jetstream.JetStream) error {
	if err := d.apply.probe(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	stream, err := ensureStream(ctx, js, d.source)
	if err != nil {
		return fmt.Errorf("find the stream: %w", err)
	}
	ctx, d.cancel = context.WithCancelCause(ctx)
	defer d.cancel(nil)
	settle := d.spread
	if d.together {
		settle = d.gather
	}
	take, finish := settle(ctx)
	defer finish()
	if d.bus.server != nil { // nobody to share with
		all := subjects(d.source, d.kinds)
		err = d.haul(ctx, stream, lane{durable: durable(d.service, stream, all), subjects: all}, take)
	} else {
		err = d.share(ctx, js, stream, take)
	}
	return errors.Join(context.Cause(ctx), err)
}

// spread returns what gives each message to the worker of its key. finish waits for the
// workers, once no more messages come.
func (d *delivery) spread(ctx context.Context) (take func(message), finish func()) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		lines [workers]chan message
		seed  = maphash.MakeSeed()
	)
	line := func(m message) chan<- message {
		mu.Lock()
		defer mu.Unlock()
		n := maphash.Comparable(seed, m.key()) % workers
		if lines[n] == nil { // most services have idle hours
			line := make(chan message, 4)
			lines[n] = line
			wg.Go(func() {
				for m := range line {
					d.settle(ctx, m)
				}
			})
		}
		return lines[n]
	}
	return func(m message) { line(m) <- m }, func() {
		for _, line := range lines {
			if line != nil {
				close(line)
			}
		}
		wg.Wait()
	}
}

// each hands every message to take, until none is left.
func (d *delivery) each(ctx context.Context, msgs *pulled, take func(message)) error {
	for {
		msg, err := msgs.next(ctx)
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			msgs.Stop()
			return fmt.Errorf("pull: %w", err)
		}
		m := read(msg)
		d.ear.arrived(m)
		if d.wants != nil && m.damaged == nil && !d.wants(m.event) {
			d.answer(m.Ack())
			continue
		}
		take(m)
	}
}

// read takes a message apart.
func read(msg jetstream.Msg) message {
	m := message{Msg: msg, event: &eventv1.Event{}, attempts: 1}
	sequence := uint64(0)
	if meta, err := msg.Metadata(); err == nil {
		m.attempts = int(min(meta.NumDelivered, 1<<30)) //nolint:gosec // it fits
		sequence = meta.Sequence.Stream
	}
	m.damaged = proto.Unmarshal(msg.Data(), m.event)
	if m.damaged == nil && m.event.GetId() == "" {
		m.damaged = errors.New("the event has no id")
	}
	if m.damaged == nil {
		return m
	}
	// A key of its own makes nothing wait behind it.
	id := strings.ToLower(msg.Headers().Get(jetstream.MsgIDHeader))
	if id == "" {
		id = fmt.Sprint("sequence-", sequence)
	}
	m.event = &eventv1.Event{Id: id, Key: id}
	if tokens := strings.Split(msg.Subject(), "."); len(tokens) > 2 {
		m.event.Brand = name.Join("brands", tokens[2])
	}
	return m
}

// settle applies m and tells the stream what became of it.
func (d *delivery) settle(ctx context.Context, m message) {
	if ctx.Err() != nil || m.late() {
		d.answer(m.Nak())
		return
	}
	ctx, end := traceApply(ctx, m.Headers())
	defer end()
	known, err := false, m.damaged
	if err == nil {
		known, err = d.apply.once(ctx, m.event, m.Data())
	}
	if err == nil {
		d.ear.heard(m, known)
		d.answer(m.Ack())
		return
	}
	d.ear.failed.Add(1)
	switch {
	case unreachable(err), ctx.Err() != nil:
	case m.damaged == nil && passing(err) && m.attempts < maxAttempts:
	default:
		reason := reasonOf(err, m.damaged != nil)
		d.bus.log.ErrorContext(ctx, "an event could not be applied and is put aside", "service", d.service,
			"event", m.event.GetId(), "reason", reason, "attempts", m.attempts, "err", loggable(err))
		if err = d.apply.putAside(ctx, m.event, m.Data(), reason, m.attempts); err == nil {
			d.ear.aside.Add(1)
			d.answer(m.Ack())
			return
		}
	}
	if ctx.Err() != nil { // so that another replica has it before what follows
		d.answer(m.Nak())
		return
	}
	if unreachable(err) {
		// Nothing can be applied nor put aside: wait for the database instead of
		// using up the attempts of the others.
		d.cancel(fmt.Errorf("the database is out of reach: %w", err))
		d.answer(m.Nak())
		return
	}
	d.answer(m.NakWithDelay(backoff(m.attempts)))
}

// answer ends the session if the stream could not be told: the connection is gone.
func (d *delivery) answer(err error) {
	if err != nil {
		d.cancel(fmt.Errorf("acknowledge: %w", err))
	}
}

// backoff returns how long to wait after that many attempts.
func backoff(attempts int) time.Duration {
	return min(100*time.Millisecond<<min(attempts-1, 10), 30*time.Second)
}
