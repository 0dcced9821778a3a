// Package front puts all protocols behind one port: native gRPC goes to the gRPC
// server untouched, everything else to HTTP, where calls of REST/JSON, Connect and
// gRPC-Web become gRPC calls through clients of the same contracts. Watches are there
// for all of them, and as server-sent events.
package front

import (
	"context"
	"crypto/tls"
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
// it returns. Both end when lis does; closing either closes lis. With TLS, clients that
// offer HTTP/2 alone are taken for gRPC's own, and those that offer HTTP/1.1 as well get
// everything, gRPC too, from HTTP.
func split(lis net.Listener, config *tls.Config) (grpc, http net.Listener) {
	s := &splitter{lis: lis, done: make(chan struct{})}
	if config != nil {
		s.tls = negotiating(config)
	}
	g, h := &side{splitter: s, conns: make(chan net.Conn)}, &side{splitter: s, conns: make(chan net.Conn)}
	go s.accept(g, h)
	return g, h
}

type splitter struct {
	lis  net.Listener
	tls  *tls.Config   // nil: none
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

// route finds out what conn is and passes it on.
func (s *splitter) route(conn net.Conn, grpc, http *side) {
	to, ready, err := http, conn, error(nil)
	if s.tls != nil {
		var only bool
		if ready, only, err = s.secure(conn); only {
			to = grpc
		}
	} else {
		var head []byte
		if head, err = greeting(conn); string(head) == preface {
			to = grpc
		}
		ready = &prefixed{Conn: conn, head: head}
	}
	if err != nil {
		conn.Close()
		return
	}
	select {
	case to.conns <- ready:
	case <-s.done:
		conn.Close()
	}
}

// greeting reads the first bytes of conn.
func greeting(conn net.Conn) ([]byte, error) {
	head := make([]byte, len(preface))
	n := 0
	if err := conn.SetReadDeadline(time.Now().Add(helloTime)); err != nil {
		return nil, err
	}
	for n < len(head) && string(head[:n]) == preface[:n] {
		k, err := conn.Read(head[n:])
		n += k
		if err != nil {
			return nil, err
		}
	}
	return head[:n], conn.SetReadDeadline(time.Time{})
}

// secure shakes hands, and reports whether the client offers HTTP/2 alone.
func (s *splitter) secure(conn net.Conn) (net.Conn, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), helloTime)
	defer cancel()
	hello := &greeted{Conn: conn}
	secured := tls.Server(hello, s.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, false, err
	}
	return secured, hello.only && secured.ConnectionState().NegotiatedProtocol == h2, nil
}

// The protocols that a client may offer with TLS.
const (
	h2    = "h2"
	http1 = "http/1.1"
)

// A greeted connection notes what its client offers.
type greeted struct {
	net.Conn
	only bool // HTTP/2 alone
}

// CloseWrite ends what is written, if the connection can.
func (c *greeted) CloseWrite() error { return closeWrite(c.Conn) }

// negotiating returns config with the protocols of the port.
func negotiating(config *tls.Config) *tls.Config {
	base := config.Clone()
	base.NextProtos = []string{h2, http1}
	inner := config.GetConfigForClient
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c, ok := hello.Conn.(*greeted); ok {
			c.only = !slices.Contains(hello.SupportedProtos, http1)
		}
		if inner == nil {
			return nil, nil
		}
		own, err := inner(hello)
		if own != nil {
			own = own.Clone()
			own.NextProtos = base.NextProtos
		}
		return own, err
	}
	return base
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

// CloseWrite ends what is written, if the connection can.
func (c *prefixed) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends what is written on conn, if it can. HTTP needs it so that a refusal
// arrives whole although the request was not read to its end.
func closeWrite(conn net.Conn) error {
	if w, ok := conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
