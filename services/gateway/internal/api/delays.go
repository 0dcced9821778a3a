package api

import (
	"sync"
	"time"
)

// What keeps an operation from going on is tried again after retryAfter, then after twice as
// long each time, up to retryMost.
const (
	retryAfter = 2 * time.Second
	retryMost  = time.Minute
)

// delays are how long operations were put off by this process. The zero value has none. It is
// safe for concurrent use.
type delays struct {
	mu   sync.Mutex
	last map[string]time.Duration // by operation
}

// longer returns how long an operation is to be left alone that could not go on.
func (d *delays) longer(operation string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		d.last = map[string]time.Duration{}
	}
	d.last[operation] = min(max(retryAfter, 2*d.last[operation]), retryMost)
	return d.last[operation]
}

// over says that an operation has gone on.
func (d *delays) over(operation string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.last, operation)
}
