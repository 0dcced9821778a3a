package api

import (
	"context"
	"sync"
	"time"
)

const (
	recentFor  = 10 * time.Second // a value is believed
	recentLast = time.Minute      // one is believed while it cannot be read anew
	recentMost = 1 << 13          // values are kept of the latest, and as many of those before
)

// recent keeps what was read of the store for a few seconds, so that checking a
// credential costs no query each time. What is not there is kept apart, so that whoever asks
// for a lot of that takes no room from what is. Its zero value is empty. It is safe for
// concurrent use.
type recent[T any] struct {
	mu            sync.Mutex
	there, absent ages[T]
	epoch         int64 // of forgetting
}

type sight[T any] struct {
	value T
	at    time.Time
}

// ages are values of late, and those of before.
type ages[T any] struct{ late, before map[string]sight[T] }

func (a *ages[T]) get(key string) (s sight[T], ok bool) {
	if s, ok = a.late[key]; !ok {
		s, ok = a.before[key]
	}
	return s, ok
}

func (a *ages[T]) put(key string, s sight[T]) {
	if a.late == nil || len(a.late) >= recentMost {
		a.late, a.before = map[string]sight[T]{}, a.late
	}
	a.late[key] = s
}

func (a *ages[T]) forget(key string) {
	delete(a.late, key)
	delete(a.before, key)
}

// last returns what was read for the key. The caller holds the lock.
func (r *recent[T]) last(key string) (sight[T], bool) {
	if s, ok := r.there.get(key); ok {
		return s, ok
	}
	return r.absent.get(key)
}

// get returns what read has returned for the key not long ago, or returns now, with whether
// it is there. While read fails, it believes what was read a little longer.
func (r *recent[T]) get(ctx context.Context, key string, read func(context.Context) (value T, there bool, err error)) (T, error) {
	now := time.Now()
	r.mu.Lock()
	last, known := r.last(key)
	epoch := r.epoch
	r.mu.Unlock()
	if known && now.Sub(last.at) < recentFor {
		return last.value, nil
	}
	value, there, err := read(ctx)
	if err != nil {
		if known && now.Sub(last.at) < recentLast {
			return last.value, nil
		}
		return value, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch { // what was read may be older than what was to be forgotten
		return value, nil
	}
	r.drop(key)
	if there {
		r.there.put(key, sight[T]{value, now})
	} else {
		r.absent.put(key, sight[T]{value, now})
	}
	return value, nil
}

// forget makes sure that get reads the key anew.
func (r *recent[T]) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	r.drop(key)
}

func (r *recent[T]) drop(key string) {
	r.there.forget(key)
	r.absent.forget(key)
}

// uses are the keys that were used and when. Its zero value has none. It is safe for
// concurrent use.
type uses struct {
	mu  sync.Mutex
	now map[string]time.Time // to be written down
	was map[string]time.Time // written down a moment ago
}

// note notes that a key is used at the time, unless it was used within the grain before.
func (u *uses) note(key string, last, at time.Time) {
	if at.Sub(last) < useGrain {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, noted := u.now[key]; noted || at.Sub(u.was[key]) < useGrain {
		return
	}
	if u.now == nil {
		u.now = map[string]time.Time{}
	}
	u.now[key] = at
}

// take returns what was noted and remembers that for the grain, by which time everybody
// has read it.
func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.now
	u.now = nil
	for key, at := range u.was {
		if time.Since(at) >= useGrain {
			delete(u.was, key)
		}
	}
	if u.was == nil {
		u.was = map[string]time.Time{}
	}
	for key, at := range taken {
		u.was[key] = at
	}
	return taken
}
