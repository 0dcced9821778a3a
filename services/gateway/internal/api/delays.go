package api

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// What keeps an operation from going on is tried again after retryAfter, then after twice as
// long each time, up to retryMost.
const (
	retryAfter = 2 * time.Second
	retryMost  = time.Minute

	delayKept = time.Hour // longer than an operation that goes on leaves its delay alone
)

// delays are how long operations were put off by this process. The zero value has none. It is
// safe for concurrent use.
type delays struct {
	mu   sync.Mutex
	last map[string]delay // by operation, or by operation/service
}

// A delay is how long an operation was put off, and when.
type delay struct {
	wait time.Duration
	at   time.Time
}

// longer returns how long an operation is to be left alone that could not go on. It forgets those
// that have ended elsewhere.
func (d *delays) longer(operation string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(d.last, func(_ string, old delay) bool { return now.Sub(old.at) > delayKept })
	if d.last == nil {
		d.last = map[string]delay{}
	}
	wait := min(max(retryAfter, 2*d.last[operation].wait), retryMost)
	d.last[operation] = delay{wait, now}
	return wait
}

// over says that an operation has gone on, with all of its services.
func (d *delays) over(operation string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.last, func(key string, _ delay) bool { return key == operation || strings.HasPrefix(key, operation+"/") })
}
