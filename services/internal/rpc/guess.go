package rpc

import (
	"container/list"
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	guessEvery = 100 * time.Millisecond // a credential that nobody knows is borne from an address
	guessMost  = 1000                   // of them at once, after a pause
	guessers   = 10_000                 // addresses that are remembered
	familiars  = 4096                   // credentials of late, and as many of those before
)

// guesses keep strangers from trying credentials: an address from which many came that nobody
// knows is asked to come back later, without anybody looking whether the next one is good. Those
// that were good lately are let through all the same, as behind a proxy, or at a mobile
// carrier's, many share an address. The zero value has seen nothing. It is safe for concurrent use.
type guesses struct {
	mu    sync.Mutex
	known map[string]*list.Element // of *guesser, by address
	order list.List                // who guessed last is in front

	goods  sync.RWMutex
	seed   maphash.Seed
	late   map[uint64]struct{} // credentials that were good, by a hash that nobody can compute
	before map[uint64]struct{}
}

// A guesser is an address that has used up its guesses until a time ahead of now by at most all
// of them.
type guesser struct {
	from  string
	until time.Time
}

// ask asks auth who holds a token that comes from an address, "" where nobody knows, unless
// that has guessed too much.
func (g *guesses) ask(ctx context.Context, auth Authenticator, token, address string) (Caller, error) {
	from := origin(address)
	if from == "" || token == "" { // nothing is tried, or nobody knows by whom
		return auth(ctx, token)
	}
	if wait := g.wait(from); wait > 0 && !g.familiar(token) {
		return Caller{}, &fault.Error{
			Code: codes.ResourceExhausted, Reason: "TOO_MANY_GUESSES", Retry: wait,
			Message: "too many credentials that nobody knows came from this address; come back later",
		}
	}
	c, err := auth(ctx, token)
	switch {
	case err == nil:
		g.trust(token)
	case fault.Reason(err) == unauthenticated:
		g.note(from)
	}
	return c, err
}

// origin returns what addresses have in common that one host may choose among.
func origin(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	net, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return net.String()
}

// wait returns how long until a guess from an address is borne again; 0 if one is.
func (g *guesses) wait(from string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.known[from]
	if e == nil {
		return 0
	}
	ahead := time.Until(e.Value.(*guesser).until) //nolint:errcheck // nothing else is in there
	return max(0, ahead-(guessMost-1)*guessEvery)
}

// note uses up a guess of an address. Whoever has not guessed for longest makes room for it.
func (g *guesses) note(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.known[from]
	switch {
	case e != nil:
		g.order.MoveToFront(e)
	case g.known == nil:
		g.known = map[string]*list.Element{}
	case g.order.Len() >= guessers:
		delete(g.known, g.order.Remove(g.order.Back()).(*guesser).from) //nolint:errcheck // see above
	}
	if e == nil {
		e = g.order.PushFront(&guesser{from: from})
		g.known[from] = e
	}
	one := e.Value.(*guesser) //nolint:errcheck // see above
	if now := time.Now(); one.until.Before(now) {
		one.until = now
	}
	one.until = one.until.Add(guessEvery)
}

// familiar reports whether a token was good lately.
func (g *guesses) familiar(token string) bool {
	g.goods.RLock()
	defer g.goods.RUnlock()
	if g.late == nil {
		return false
	}
	h := maphash.String(g.seed, token)
	_, late := g.late[h]
	_, before := g.before[h]
	return late || before
}

// trust remembers that a token is good.
func (g *guesses) trust(token string) {
	g.goods.RLock()
	known := false
	if g.late != nil {
		_, known = g.late[maphash.String(g.seed, token)]
	}
	g.goods.RUnlock()
	if known {
		return
	}
	g.goods.Lock()
	defer g.goods.Unlock()
	if g.late == nil {
		g.seed, g.late = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	if len(g.late) >= familiars {
		g.late, g.before = map[uint64]struct{}{}, g.late
	}
	g.late[maphash.String(g.seed, token)] = struct{}{}
}
