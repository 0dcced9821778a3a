// Package worker keeps the time of those who work beside the calls: when they look,
// and how soon they try again.
package worker

import (
	"context"
	"sync"
	"time"
)

// An Alarm wakes one who waits for a time when an earlier one is set. Its zero value
// is set for none. Its methods may be called concurrently, [Alarm.Wait] by one at a
// time.
type Alarm struct {
	mu   sync.Mutex
	next time.Time // the earliest one set since clear
	ring chan struct{}
}

// bell returns the channel that rings. The caller holds mu.
func (a *Alarm) bell() chan struct{} {
	if a.ring == nil {
		a.ring = make(chan struct{}, 1)
	}
	return a.ring
}

// Clear forgets the times set so far.
func (a *Alarm) Clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = time.Time{}
}

// Set makes sure that who waits is awake at t. It does not block.
func (a *Alarm) Set(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.next.IsZero() && !t.Before(a.next) {
		return
	}
	a.next = t
	select {
	case a.bell() <- struct{}{}:
	default:
	}
}

// Wait returns at next, if that is not zero, at an earlier time that was set since
// Clear, after the longest time given, or when ctx ends.
func (a *Alarm) Wait(ctx context.Context, next time.Time, longest time.Duration) {
	until := time.Now().Add(longest)
	if !next.IsZero() && next.Before(until) {
		until = next
	}
	for {
		a.mu.Lock()
		if !a.next.IsZero() && a.next.Before(until) {
			until = a.next
		}
		bell := a.bell()
		a.mu.Unlock()
		timer := time.NewTimer(time.Until(until))
		select {
		case <-bell:
			timer.Stop()
		case <-timer.C:
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
