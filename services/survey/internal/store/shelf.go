package store

import (
	"sync"
	"time"
)

const (
	// fresh is how long a process goes on with what another may have changed.
	fresh = time.Second

	maxShelf = 1024 // entries, so that nobody can fill the memory
)

// A shelf keeps what was read and seldom changes. Its zero value is empty. It is
// safe for concurrent use; what it keeps is shared and must not be changed.
type shelf[K comparable, V any] struct {
	mu      sync.Mutex
	edition int64 // rises whenever something is changed by this process
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	read  time.Time
}

// find returns what is kept under key if it was read no longer ago than age, and
// the edition to keep it in otherwise.
func (s *shelf[K, V]) find(key K, age time.Duration) (v V, edition int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	if !ok || time.Since(e.read) >= age {
		return v, s.edition, false
	}
	return e.value, s.edition, true
}

// keep keeps v, which was read after at in that edition, unless something was
// changed in the meantime.
func (s *shelf[K, V]) keep(key K, v V, edition int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edition != edition {
		return
	}
	if s.entries == nil || len(s.entries) >= maxShelf {
		s.entries = map[K]entry[V]{}
	}
	s.entries[key] = entry[V]{v, at}
}

// forget makes the next one who asks look again, after a change.
func (s *shelf[K, V]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edition++
	clear(s.entries)
}
