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
	// maxUnknown is how many calls may be at the door whose brand is not known yet.
	maxUnknown = 4096
)

// Places are what calls are handled in, shared by brands. One brand alone may have all of
// them, but as soon as another one wants some nobody gets more than a fair share: what the
// first one holds falls to that as its calls end. Until it has, there is a reserve, only for
// brands that hold less than their share. They take no more memory than there are calls.
type places struct {
	limiter         // of those that are held; the reserve is part of it
	common  int64   // without the reserve
	door    limiter // of calls that hold one or may get one

	mu   sync.Mutex
	held map[string]int64 // by brand, of those that hold some
	last want             // of the brand that came last
	then want             // of the last one before it that is another
}

// A want is a brand's call for a place.
type want struct {
	brand string
	at    time.Time
}

// size says how many places there are, without the reserve.
func (p *places) size(n int) {
	p.common, p.max = int64(n), int64(n+n/fair)
	p.door.max = p.max + maxUnknown
}

// arrive counts a call whose brand is not known yet, or refuses it if there is no place for
// any brand. Pair with door.leave after success.
func (p *places) arrive(ctx context.Context) error {
	if p.now.Load() >= p.max {
		return p.refuse(ctx)
	}
	return p.door.enter(ctx)
}

// join gives the brand a place or refuses the call. Pair with part after success.
func (p *places) join(ctx context.Context, brand string) error {
	if !p.seat(brand, time.Now()) {
		return p.refuse(ctx)
	}
	return nil
}

// seat is join without anybody being told of a refusal.
func (p *places) seat(brand string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exceeds(brand, now) {
		return false
	}
	if p.now.Add(1) > p.max {
		p.now.Add(-1)
		return false
	}
	if p.held == nil {
		p.held = map[string]int64{}
	}
	p.held[brand]++
	return true
}

// exceeds notes that the brand wants a place, and reports whether that is more than its share.
func (p *places) exceeds(brand string, now time.Time) bool {
	held := p.held[brand]
	others := p.wanted(brand, now) || len(p.held) > 1 || len(p.held) == 1 && held == 0
	return held >= max(1, p.common/fair) && (others || p.now.Load() >= p.common)
}

// wanted notes that the brand wants a place, and reports whether another one has of late.
func (p *places) wanted(brand string, now time.Time) bool {
	if p.last.brand != brand {
		p.then = p.last
	}
	p.last = want{brand, now}
	return now.Sub(p.then.at) < wanted
}

// part gives the brand's place back.
func (p *places) part(brand string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave()
	if p.held[brand]--; p.held[brand] == 0 {
		delete(p.held, brand)
	}
}
