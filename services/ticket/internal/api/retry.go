package api

import (
	"context"
	"time"
)

const (
	retryFirst = time.Second
	retryLast  = 30 * time.Second
)

// A retry spaces out what fails beside the calls, such as on a full disk, where each
// attempt costs a line of the log. The zero value has not failed yet.
type retry struct{ next time.Duration }

// wait returns at once if nothing failed. Otherwise it waits, twice as long as the
// last time, or until ctx ends.
func (r *retry) wait(ctx context.Context, err error) {
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
