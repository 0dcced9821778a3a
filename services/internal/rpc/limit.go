package rpc

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A limiter bounds how many calls are handled at a time. It never waits: a call
// too many is told at once when to come back, which costs less than a queue of
// calls that time out. It is safe for concurrent use.
type limiter struct {
	max int64
	now atomic.Int64
}

// enter counts a call, or refuses it. Pair with leave after success.
func (l *limiter) enter(ctx context.Context) error {
	if l.now.Add(1) <= l.max {
		return nil
	}
	l.now.Add(-1)
	return overloaded(ctx)
}

// overloaded reports that there are too many calls.
func overloaded(ctx context.Context) error {
	wait := time.Duration(50+rand.IntN(100)) * time.Millisecond // spread, so that they do not all return together
	// The trailer is what gRPC clients obey. Without a stream there is nobody to
	// tell, and the details say it once more.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", strconv.FormatInt(wait.Milliseconds(), 10)))
	return &fault.Error{
		Code: codes.Unavailable, Reason: "OVERLOADED", Retry: wait,
		Message: "the server has too many calls in flight; try again",
	}
}

func (l *limiter) leave() { l.now.Add(-1) }

// nested reports whether the call comes, inside the process, from a handler whose
// own call is counted already.
func nested(ctx context.Context) bool {
	client := inprocgrpc.ClientContext(ctx)
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
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { l.now.Add(-1) })}, nil
		}
		l.now.Add(-1)
		_ = c.Close() // the peer sees it, and nobody else cares
	}
}

type limitedConn struct {
	net.Conn
	leave func()
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
