package api

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// What the public may submit, of which each process keeps count.
const (
	perAddress   = 10 // a second, and at once
	perBrand     = 5000
	perBrandSpan = time.Hour

	maxAddresses = 10_000 // that are told apart
	maxBrands    = 10_000 // likewise
	parts        = 60     // of perBrandSpan, in each of which it is known how many came
)

// A public counts what nobody in particular submits. The zero value is ready; it is
// safe for concurrent use and its memory is bounded: those it cannot tell apart share
// what one may submit.
type public struct {
	mu        sync.Mutex
	addresses map[string]bucket
	brands    map[string]*window
}

// A bucket says when an address that submitted no more would have all of its allowance
// again.
type bucket struct{ full time.Time }

// A window counts what came in each part of the last span.
type window struct {
	counts [parts]int
	last   int64 // the part that was last counted in
}

// admit counts a request of an address, or refuses it.
func (p *public) admit(address string, now time.Time) error {
	const each = time.Second / perAddress
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.addresses[address]; !known && len(p.addresses) >= maxAddresses {
		p.forget(now)
		if len(p.addresses) >= maxAddresses {
			address = ""
		}
	}
	full := later(p.addresses[address].full, now)
	if wait := full.Add(each).Sub(now) - time.Second; wait > 0 {
		return exhausted("10 answers a second for each address", wait)
	}
	if p.addresses == nil {
		p.addresses = map[string]bucket{}
	}
	p.addresses[address] = bucket{full.Add(each)}
	return nil
}

// forget forgets the addresses that have all of their allowance.
func (p *public) forget(now time.Time) {
	for address, b := range p.addresses {
		if !b.full.After(now) {
			delete(p.addresses, address)
		}
	}
}

// take counts an answer to a survey of the brand, or refuses it.
func (p *public) take(brand string, now time.Time) error {
	part := now.UnixNano() / int64(perBrandSpan/parts)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.brands[brand] == nil {
		if len(p.brands) >= maxBrands {
			p.retire(part)
		}
		if len(p.brands) >= maxBrands {
			brand = ""
		}
		if p.brands == nil {
			p.brands = map[string]*window{}
		}
		if p.brands[brand] == nil {
			p.brands[brand] = &window{last: part}
		}
	}
	w := p.brands[brand]
	w.advance(part)
	if w.sum() >= perBrand {
		return exhausted("5,000 answers an hour for the brand", perBrandSpan/parts)
	}
	w.counts[part%parts]++
	return nil
}

// retire forgets the brands of which nothing came in the last span.
func (p *public) retire(part int64) {
	for brand, w := range p.brands {
		if part-w.last >= parts {
			delete(p.brands, brand)
		}
	}
}

// advance empties the parts that have come to be too long ago.
func (w *window) advance(part int64) {
	for ; w.last < part && part-w.last < parts; w.last++ {
		w.counts[(w.last+1)%parts] = 0
	}
	if w.last < part {
		w.counts, w.last = [parts]int{}, part
	}
}

func (w *window) sum() (n int) {
	for _, c := range w.counts {
		n += c
	}
	return n
}

func exhausted(quota string, wait time.Duration) error {
	return &fault.Error{
		Code: codes.ResourceExhausted, Reason: "QUOTA_EXCEEDED", Message: "the public may submit " + quota + "; come back later",
		Metadata: map[string]string{"quota": quota}, Retry: wait,
	}
}
