package rpc

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A limiter bounds how many calls are handled at a time. It never waits: a call
// too many is told at once when to come back, which costs less than a queue of
// calls that time out. It is safe for concurrent use.
type limiter struct {
	max     int64
	now     atomic.Int64
	refused atomic.Int64
}

// enter counts a call, or refuses it. Pair with leave after success.
func (l *limiter) enter(ctx context.Context) error {
	if l.now.Add(1) <= l.max {
		return nil
	}
	l.now.Add(-1)
	return l.refuse(ctx)
}

// refuse counts and reports that there are too many calls.
func (l *limiter) refuse(ctx context.Context) error {
	l.refused.Add(1)
	return overloaded(ctx)
}

// overloaded reports that there are too many calls.
func overloaded(ctx context.Context) error {
	f := tooMany()
	// The trailer is what gRPC clients obey. Without a stream there is nobody to
	// tell, and the details say it once more.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", strconv.FormatInt(f.Retry.Milliseconds(), 10)))
	return f
}

// tooManyCalls is the reason of calls that are refused because there are too many.
const tooManyCalls = "OVERLOADED"

// tooMany reports that there are too many calls, and when to come back.
func tooMany() *fault.Error {
	return &fault.Error{
		Code: codes.Unavailable, Reason: tooManyCalls,
		Retry:   time.Duration(50+rand.IntN(100)) * time.Millisecond, // spread, so that they do not all return together
		Message: "the server has too many calls in flight; try again",
	}
}

// Refusals are errors of calls too many, as clients get them. They are made once, as they cost
// more than all else where a call is refused early; and they are so few that a connection
// remembers what it said (4,096 bytes of headers), and only refers to it. The zero value works.
type refusals struct {
	once sync.Once
	all  [8]error
}

// next returns one of them.
func (r *refusals) next() error {
	r.once.Do(func() {
		for i := range r.all {
			r.all[i] = tooMany().GRPCStatus().Err()
		}
	})
	return r.all[rand.IntN(len(r.all))]
}

func (l *limiter) leave() { l.now.Add(-1) }

// nested reports whether the call comes, inside the process, from a handler whose
// own call is counted already.
func nested(ctx context.Context) bool {
	client := clientContext(ctx)
	return client != nil && client.Value(callKey{}) != nil
}

// Limit returns lis without the connections over the limit of a server.
func Limit(lis net.Listener) net.Listener { return &limitListener{Listener: lis, max: maxConnections} }

// A limitListener closes connections over the limit as soon as they come, so that
// idle ones cannot make others wait.
type limitListener struct {
	net.Listener
	max int64
	now atomic.Int64
}

// Accept returns the next connection within the limit.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.now.Add(1) <= l.max {
			leave := sync.OnceFunc(func() { l.now.Add(-1) })
			return &limitedConn{Conn: c, leave: leave, from: newClientAddr(c.RemoteAddr())}, nil
		}
		l.now.Add(-1)
		_ = c.Close() // the peer sees it, and nobody else cares
	}
}

type limitedConn struct {
	net.Conn
	leave func()
	from  *clientAddr

	// Of the goroutine that reads.
	last time.Time // when it read while calls were refused
	more bool      // it got as much as it had room for
}

// RemoteAddr returns the address of the client as a *clientAddr.
func (c *limitedConn) RemoteAddr() net.Addr { return c.from }

// Read reads, and no more often than each pause while calls are refused of the only client.
func (c *limitedConn) Read(b []byte) (int, error) {
	flooding := c.from.flooding()
	if flooding && !c.more {
		time.Sleep(pause - time.Since(c.last)) // not at all if that is past
	}
	n, err := c.Conn.Read(b)
	if flooding {
		c.last, c.more = time.Now(), n == len(b)
	}
	return n, err
}

// pause is how long calls gather on a connection whose calls are refused. To read, refuse and
// answer them one by one costs three times as much; and a server that has more to do than it can
// looks seldom for what has arrived, but hears timers.
const pause = 14 * time.Millisecond

// company is how long a connection is taken to be shared after two calls in a row had different
// credentials, as those have that a gateway forwards.
const company = time.Second

// A clientAddr is the address of a client, which every call of a connection knows, whether
// its calls are refused, and whether they are of several callers. It may be used concurrently.
type clientAddr struct {
	net.Addr
	until  atomic.Int64 // until when it counts as flooding, in ns since 1970
	shared atomic.Int64 // until when it counts as shared by several callers, likewise
	seed   maphash.Seed
	last   atomic.Uint64 // the hash of the last credential, 0 before the first call
}

// newClientAddr returns the address of a client that has made no call.
func newClientAddr(a net.Addr) *clientAddr { return &clientAddr{Addr: a, seed: maphash.MakeSeed()} }

// called notes a call with the credential. Calls without a single one are of the same caller.
func (a *clientAddr) called(credential string) {
	caller := uint64(1)
	if credential != "" {
		caller |= maphash.String(a.seed, credential)
	}
	if last := a.last.Swap(caller); last != 0 && last != caller {
		a.shared.Store(time.Now().Add(company).UnixNano())
	}
}

// refused notes that a call was at that time.
func (a *clientAddr) refused(at time.Time) { a.until.Store(at.Add(flooding).UnixNano()) }

// flooding reports whether a call was refused just now and nobody else has made one of late,
// who would be slowed down with the flood.
func (a *clientAddr) flooding() bool {
	until := a.until.Load()
	if until == 0 {
		return false
	}
	now := time.Now().UnixNano()
	return now < until && now >= a.shared.Load()
}

// CloseWrite ends what is written, if the connection can: HTTP needs it so that a
// refusal arrives whole.
func (c *limitedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close makes room for another connection.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
