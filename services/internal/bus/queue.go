package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// taskWait is how long a replica may say nothing of a task before another gets it.
	taskWait = 9 * time.Second
	taskPull = 30 * time.Second // a replica asks for a task before it asks again
)

// A Queue is the work of a service that whichever of its replicas is free takes, task by
// task: a stream that forgets what is done. As all of the bus it is a doorbell only. What
// there is to do, and what is done, is in the database, and who offers tasks sees to those
// that nobody takes. It is safe for concurrent use.
type Queue struct {
	service string

	mu sync.RWMutex
	js jetstream.JetStream // nil while there is no connection
}

// NewQueue returns the queue of a service, which is made of letters and digits.
func NewQueue(service string) *Queue { return &Queue{service: service} }

// workStream returns the stream of the tasks of a service.
func workStream(service string) string { return "CONCENTRIC_WORK_" + strings.ToUpper(service) }

// Offer puts tasks into the queue. One that was put there in the last two minutes is not put
// there again. Where the bus is out of reach, nothing is.
func (q *Queue) Offer(ctx context.Context, tasks []string) error {
	q.mu.RLock()
	js := q.js
	q.mu.RUnlock()
	if js == nil {
		return nil
	}
	for some := range slices.Chunk(tasks, relayBatch) {
		if err := offer(ctx, js, "concentric-work."+q.service, some); err != nil {
			return fmt.Errorf("offer: %w", err)
		}
	}
	return nil
}

// Connected reports whether the bus is within reach.
func (q *Queue) Connected() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.js != nil
}

// offer publishes tasks and waits until they are kept.
func offer(ctx context.Context, js jetstream.JetStream, subject string, tasks []string) error {
	futures := make([]jetstream.PubAckFuture, len(tasks))
	for i, task := range tasks {
		var err error
		if futures[i], err = js.PublishAsync(subject, []byte(task), jetstream.WithMsgID(task)); err != nil {
			return err
		}
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Work has do do the tasks of q, as many at a time as there are cores, until ctx ends. do
// gets a task again after the time it returns, if that is not zero, and others get it when
// its context ends before it returns. A task may come more than once.
func (b *Bus) Work(ctx context.Context, q *Queue, do func(ctx context.Context, task string) (again time.Duration)) error {
	if !isToken(q.service) {
		return fmt.Errorf("work: %q cannot name a service", q.service)
	}
	b.sessions(ctx, "work of "+q.service, func(ctx context.Context, js jetstream.JetStream) error {
		consumer, err := q.open(ctx, js)
		if err != nil {
			return fmt.Errorf("open the queue: %w", err)
		}
		q.connect(js)
		defer q.connect(nil)
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				if err := serve(ctx, consumer, do); err != nil {
					cancel(err)
				}
			})
		}
		wg.Wait()
		return context.Cause(ctx)
	})
	return nil
}

// connect has what is offered go to js.
func (q *Queue) connect(js jetstream.JetStream) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.js = js
}

// open returns the consumer that all replicas share, and makes it and its stream where they
// are missing.
func (q *Queue) open(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	stream, err := keepStream(ctx, js, jetstream.StreamConfig{
		Name: workStream(q.service), Subjects: []string{"concentric-work." + q.service}, Retention: jetstream.WorkQueuePolicy,
		Storage: jetstream.FileStorage, MaxAge: keep, Duplicates: 2 * time.Minute,
	})
	if err != nil {
		return nil, err
	}
	return stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: q.service, AckPolicy: jetstream.AckExplicitPolicy, AckWait: taskWait, MaxDeliver: -1,
	})
}

// serve does one task after the other until ctx ends.
func serve(ctx context.Context, consumer jetstream.Consumer, do func(context.Context, string) time.Duration) error {
	msgs, err := consumer.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(taskPull), jetstream.PullHeartbeat(taskWait/3))
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Drain)()
	for {
		msg, err := (&pulled{MessagesContext: msgs, consumer: consumer}).next(ctx)
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("pull: %w", err)
		}
		if err := attempt(ctx, msg, do); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
}

// attempt has do do one task, tells the stream meanwhile that somebody is at it, and then
// what became of it.
func attempt(ctx context.Context, msg jetstream.Msg, do func(context.Context, string) time.Duration) error {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(taskWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				msg.InProgress() //nolint:errcheck,gosec // or else it comes twice
			}
		}
	})
	var again time.Duration
	if ctx.Err() == nil {
		again = do(ctx, string(msg.Data()))
	}
	close(over)
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		return msg.Nak()
	case again > 0:
		return msg.NakWithDelay(again)
	}
	return msg.Ack()
}
