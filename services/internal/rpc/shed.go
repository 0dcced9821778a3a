package rpc

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

const (
	// flooding is how long a credential is known after a first call of it was refused. Once a
	// few more were, its calls are refused before there is a stream for the rest of that time,
	// where they would be refused anyway.
	flooding = 250 * time.Millisecond
	few      = 16
	// anybody stands for the credentials of calls that came when there was no place for any.
	anybody = "\x00"
	// maxShed is how many credentials are known at a time.
	maxShed = 1024
)

// A shed knows the credentials whose calls were refused just now, and whose share of the
// places they use. It decides about no call that the places would take. Its zero value is
// empty, and it is safe for concurrent use.
type shed struct {
	mu    sync.Mutex
	known map[string]flooder // by credential

	refusals refusals
}

// A flooder is whose share it uses, and until when more calls are expected.
type flooder struct {
	share string
	times int // that a call was refused
	until time.Time
}

// note remembers that a call with the credential was refused.
func (s *shed) note(credential, share string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxShed {
		s.known = map[string]flooder{}
	}
	f, now := s.known[credential], time.Now()
	if now.After(f.until) {
		f = flooder{share: share, until: now.Add(flooding)}
	}
	f.times++
	s.known[credential] = f
}

// of returns whose share the credential uses, if calls of it have been refused just before now.
func (s *shed) of(credential string, now time.Time) (share string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.known[credential]
	return f.share, f.times >= few && now.Before(f.until)
}

// only returns the credential of a call, empty without one, unless there are several.
func only(credentials []string) (credential string, alone bool) {
	if len(credentials) == 1 {
		return credentials[0], true
	}
	return "", len(credentials) == 0
}

// A reservation is a place that a call was given before it has a stream.
type reservation struct {
	of    *places
	share string
	taken atomic.Bool
}

type reservationKey struct{}

// reserve keeps a place for the call of ctx. It is free again when the call ends without having
// claimed it.
func reserve(ctx context.Context, of *places, share string) context.Context {
	r := &reservation{of: of, share: share}
	context.AfterFunc(ctx, func() {
		if r.claim() {
			of.part(share)
		}
	})
	return context.WithValue(ctx, reservationKey{}, r)
}

// claim makes the place the caller's to give back, once.
func (r *reservation) claim() bool { return r.taken.CompareAndSwap(false, true) }

// reserved returns the place that was kept for the call, nil without one.
func reserved(ctx context.Context) *reservation {
	r, _ := ctx.Value(reservationKey{}).(*reservation)
	return r
}

// tap refuses a call for which there is no place, before there is a stream: that costs a third
// of a refusal by the method. It does so where no brand could have a place, and to those whose
// calls have just been refused one by one; those of them for whom there is a place have it from
// then on, so that no more come in than there are places, however many arrive at once. It must
// be quick and not wait. The refusal says when to come back in its details alone, as there is no
// trailer without a stream.
func (s *Server) tap(ctx context.Context, call *tap.Info) (context.Context, error) {
	m := s.methods[call.FullMethodName]
	if m == nil {
		return ctx, nil
	}
	credential, alone := only(call.Header["authorization"])
	from := clientOf(ctx)
	if from != nil {
		from.called(credential)
	}
	all := m.places()
	taken := all.now.Load()
	if taken < max(1, all.common/fair) {
		return ctx, nil // every brand has less than its share
	}
	if taken >= all.max {
		credential = anybody
	} else if !alone {
		return ctx, nil
	}
	now := time.Now()
	share, known := s.shed.of(credential, now)
	if !known {
		return ctx, nil
	}
	if taken < all.max && all.seat(share, now) {
		return reserve(ctx, all, share), nil
	}
	all.refused.Add(1)
	if from != nil {
		from.refused(now)
	}
	return nil, s.shed.refusals.next()
}

// clientOf returns the address that the call comes from, nil where it does not come through [Limit].
func clientOf(ctx context.Context) *clientAddr {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	from, _ := p.Addr.(*clientAddr)
	return from
}
