package worker

import (
	"context"
	"time"
)

const (
	retryFirst = time.Second
	retryLast  = 30 * time.Second
)

// A Retry spaces out what fails beside the calls, such as on a full disk, where each
// attempt costs a line of the log. The zero value has not failed yet.
type Retry struct{ next time.Duration }

// Wait returns at once if nothing failed. Otherwise it waits, twice as long as the
// last time, or until ctx ends.
func (r *Retry) Wait(ctx context.Context, err error) {
	if err == nil {
		r.next = 0
		return
	}
	r.next = min(max(2*r.next, retryFirst), retryLast)
	select {
	case <-time.After(r.next):
	case <-ctx.Done():
	}
}
