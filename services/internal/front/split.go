// Package front puts gRPC and HTTP behind one port: native gRPC goes to the gRPC
// server untouched, everything else to HTTP, where REST/JSON calls become gRPC
// calls through a client of the same contracts.
package front

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// preface is how an HTTP/2 connection without TLS begins; only gRPC clients open
// one here.
const preface = "PRI"

// helloTime is how long a connection may take to say what it is.
const helloTime = 10 * time.Second

// split accepts connections from lis and hands each to one of the two listeners
// it returns. Both end when lis does; closing either closes lis.
func split(lis net.Listener) (grpc, http net.Listener) {
	s := &splitter{lis: lis, done: make(chan struct{})}
	g, h := &side{splitter: s, conns: make(chan net.Conn)}, &side{splitter: s, conns: make(chan net.Conn)}
	go s.accept(g, h)
	return g, h
}

type splitter struct {
	lis  net.Listener
	done chan struct{} // closed when lis no longer accepts
	err  error         // why; read after done
	once sync.Once
}

// accept runs until the listener fails or is closed.
func (s *splitter) accept(grpc, http *side) {
	var wait time.Duration
	for {
		conn, err := s.lis.Accept()
		if err == nil {
			wait = 0
			go s.route(conn, grpc, http)
			continue
		}
		if passes(err) {
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			time.Sleep(wait)
			continue
		}
		s.err = err
		close(s.done)
		return
	}
}

// passes reports whether an accept may succeed a moment after err.
func passes(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR},
		func(e error) bool { return errors.Is(err, e) })
}

// route reads the first bytes of conn and passes it on with them.
func (s *splitter) route(conn net.Conn, grpc, http *side) {
	head := make([]byte, len(preface))
	n := 0
	if conn.SetReadDeadline(time.Now().Add(helloTime)) != nil {
		conn.Close()
		return
	}
	for n < len(head) && string(head[:n]) == preface[:n] {
		k, err := conn.Read(head[n:])
		n += k
		if err != nil {
			conn.Close()
			return
		}
	}
	if conn.SetReadDeadline(time.Time{}) != nil {
		conn.Close()
		return
	}
	to := http
	if string(head[:n]) == preface {
		to = grpc
	}
	select {
	case to.conns <- &prefixed{Conn: conn, head: head[:n]}:
	case <-s.done:
		conn.Close()
	}
}

// A side is one of the two listeners.
type side struct {
	*splitter
	conns chan net.Conn
}

// Accept implements net.Listener.
func (s *side) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, s.err
	}
}

// Close implements net.Listener.
func (s *side) Close() (err error) {
	s.once.Do(func() { err = s.lis.Close() })
	return err
}

// Addr implements net.Listener.
func (s *side) Addr() net.Addr { return s.lis.Addr() }

// A prefixed connection gives back the bytes that were read from it before.
type prefixed struct {
	net.Conn
	head []byte
}

// Read implements net.Conn.
func (c *prefixed) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends what is written, if the connection can. HTTP needs it so that a
// refusal arrives whole although the request was not read to its end.
func (c *prefixed) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
