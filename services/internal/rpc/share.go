package rpc

import (
	"context"
	"sync"
	"time"
)

const (
	// fair is the part of the places that one brand may hold while others want some.
	fair = 4
	// wanted is how long a brand is remembered that wanted a place.
	wanted = time.Second
)

// Shares say who holds the places of a limiter. One brand alone may have all of them, but
// as soon as another one wants some, nobody gets more than its share: what the first one
// holds falls to that as its calls end. It takes no more memory than there are calls.
type shares struct {
	mu   sync.Mutex
	held map[string]int64 // by brand, of those that hold some
	last want             // of the brand that came last,
	then want             // and of the last one before it that is another
}

// A want is a brand's call for a place.
type want struct {
	brand string
	at    time.Time
}

// join gives the brand one of the places that the call has entered for, or refuses the
// call. A place of the reserve is only for brands that have less than their share. Pair
// with part after success.
func (l *limiter) join(ctx context.Context, brand string) error {
	s, now := &l.shares, time.Now()
	s.mu.Lock()
	held := s.held[brand]
	others := s.wanted(brand, now) || len(s.held) > 1 || len(s.held) == 1 && held == 0
	if held >= max(1, l.max/fair) && (others || l.now.Load() > l.max) {
		s.mu.Unlock()
		return overloaded(ctx)
	}
	if s.held == nil {
		s.held = map[string]int64{}
	}
	s.held[brand] = held + 1
	s.mu.Unlock()
	return nil
}

// wanted notes that the brand wants a place, and reports whether another one has of late.
func (s *shares) wanted(brand string, now time.Time) bool {
	if s.last.brand != brand {
		s.then = s.last
	}
	s.last = want{brand, now}
	return now.Sub(s.then.at) < wanted
}

// part gives the place back.
func (l *limiter) part(brand string) {
	l.shares.mu.Lock()
	defer l.shares.mu.Unlock()
	if l.shares.held[brand]--; l.shares.held[brand] == 0 {
		delete(l.shares.held, brand)
	}
}
