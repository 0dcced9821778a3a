package watch

import (
	"sync"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
)

// An item is an event on its way to the watchers.
type item struct {
	event  *eventv1.Event
	number uint64
}

// A watcher is the queue between the tail, which never waits, and one session.
type watcher struct {
	request Request
	wake    chan struct{}

	mu    sync.Mutex
	queue []item
	err   error // why it is cut off
}

// offer queues those of items that match. A watcher whose queue is longer than limit
// is cut off.
func (w *watcher) offer(items []item, limit int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	before := len(w.queue)
	for _, i := range items {
		if w.request.Match(i.event) {
			w.queue = append(w.queue, i)
		}
	}
	switch {
	case len(w.queue) > limit:
		w.queue, w.err = nil, tooSlow()
	case len(w.queue) == before:
		return
	}
	w.ring()
}

// cut ends the watcher with err.
func (w *watcher) cut(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.queue, w.err = nil, err
		w.ring()
	}
}

func (w *watcher) ring() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what has queued, without a position, or why the watcher is cut off.
func (w *watcher) take() (b Batch, err error) {
	w.mu.Lock()
	queue := w.queue
	w.queue, err = nil, w.err
	w.mu.Unlock()
	if err != nil || len(queue) == 0 {
		return Batch{}, err
	}
	b.Events = make([]*eventv1.Event, len(queue))
	for i, q := range queue {
		b.Events[i] = q.event
	}
	b.Span = [2]uint64{queue[0].number, queue[len(queue)-1].number}
	return b, nil
}
