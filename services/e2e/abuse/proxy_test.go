package abuse

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A proxy stands between a suite and its PostgreSQL server. It can be cut, and it
// can lose the answer to a commit.
type proxy struct {
	lis    net.Listener
	target string

	mu     sync.Mutex
	down   bool
	marker []byte   // of the write whose answer is to be lost
	marked net.Conn // that has written it
	losses int
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

// newProxy listens until the test ends, and returns the URL of the database through it.
func newProxy(t *testing.T, direct string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal("the database has no URL")
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{lis: lis, target: u.Host, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		lis.Close()
		p.cut()
		p.wg.Wait()
	})
	u.Host = lis.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.lis.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.add(client, server) {
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		p.wg.Go(func() { p.pass(server, client, func(b []byte) bool { return p.mark(client, b) }) })
		p.wg.Go(func() { p.pass(client, server, func(b []byte) bool { return p.loses(client, b) }) })
	}
}

// add keeps the connections to close them later, unless the proxy is down.
func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// pass copies until either side ends, or lost says that this must not arrive.
func (p *proxy) pass(to, from net.Conn, lost func([]byte) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if lost(buf[:n]) {
			return
		}
		if _, e := to.Write(buf[:n]); e != nil || err != nil {
			return
		}
	}
}

// mark notes which client writes the marker, and loses nothing.
func (p *proxy) mark(client net.Conn, written []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.marker != nil && bytes.Contains(written, p.marker) {
		p.marker, p.marked = nil, client
	}
	return false
}

// loses reports whether the answer is that to the commit which is to be lost.
func (p *proxy) loses(client net.Conn, answer []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := p.marked == client && bytes.Contains(answer, []byte("COMMIT\x00"))
	if lost {
		p.marked = nil
		p.losses++
	}
	return lost
}

// loseCommit loses the answer to the commit of the next write of marker.
func (p *proxy) loseCommit(marker string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marker = []byte(marker)
}

// lost counts the answers that were lost.
func (p *proxy) lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.losses
}

// cut ends all connections and refuses new ones.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// mend ends what cut began.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}
