package e2e

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// A fault is what a proxy does to what passes.
type fault int

const (
	faithful fault = iota
	slow           // each piece waits for 5 seconds
	silent         // nothing passes
	garbage        // what comes back is noise
)

func (f fault) String() string { return [...]string{"faithful", "slow", "silent", "garbage"}[f] }

// A proxy stands between the gateway and one service.
type proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	fault fault
	conns []net.Conn
}

// newProxy starts a proxy to the address that serves until the test ends.
func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	p := &proxy{listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), to: to}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := p.listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.pass(in) })
		}
	})
	t.Cleanup(func() {
		p.listener.Close()
		p.become(faithful) // which ends all connections
		wg.Wait()
	})
	return p
}

// become ends all connections and does f to those that follow.
func (p *proxy) become(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// keep notes connections that become ends, and returns what is done to them.
func (p *proxy) keep(conns ...net.Conn) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
	return p.fault
}

func (p *proxy) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	f := p.keep(in, out)
	var wg sync.WaitGroup
	wg.Go(func() { carry(out, in, f, false); out.Close() })
	wg.Go(func() { carry(in, out, f, true); in.Close() })
	wg.Wait()
}

// carry copies what comes from one side to the other, until either ends.
func carry(to, from net.Conn, f fault, answers bool) {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		switch {
		case f == silent:
			continue
		case f == slow:
			time.Sleep(5 * time.Second) //nolint:forbidigo // it is what a slow network does
		case f == garbage && answers:
			for i := range piece[:n] {
				piece[i] ^= byte(37 * (i + 1))
			}
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// TestWhateverANetworkDoesStillAnAnswer: a service that is slow, silent or talks noise is
// named, and the others' answers come in time; what is there is what was there before.
func TestWhateverANetworkDoesStillAnAnswer(t *testing.T) {
	s := splitOf(t, must(shipped())(t))
	proxies := map[string]*proxy{}
	args := slices.Clone(s.parts["gateway"].args)
	for _, name := range all[:3] {
		proxies[name] = newProxy(t, s.parts[name].addr)
		args = append(args, "--"+name+"-addr", proxies[name].listener.Addr().String())
	}
	door := must(serveProgram(t, s.parts["gateway"].program, append([]string{"--addr", "127.0.0.1:0"}, args...)...))(t)
	conn := must(rpc.Dial(door.addr, rpc.ClientConfig{}))(t)
	defer conn.Close()
	c := newClients(conn, conn, conn, conn)
	brand := c.brand(t)
	c.furnish(t, brand+"/customers/finn")
	c.heals(t, brand)
	healthy := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand}))(t)
	parts := map[string]gatewayv1.Part{
		"ticket": gatewayv1.Part_PART_TICKET, "survey": gatewayv1.Part_PART_SURVEY, "journey": gatewayv1.Part_PART_JOURNEY,
	}
	for name, part := range parts {
		for _, f := range []fault{slow, silent, garbage} {
			t.Run(fmt.Sprint(name, " ", f), func(t *testing.T) {
				proxies[name].become(f)
				n := late()
				if f == garbage {
					n = asked
				}
				crowd(t, n, func(int) { c.readsWithout(t, brand, healthy, part) })
				proxies[name].become(faithful)
				c.heals(t, brand)
			})
		}
	}
	t.Run("all silent", func(t *testing.T) {
		for _, p := range proxies {
			p.become(silent)
		}
		for range 3 {
			c.within(t, func(ctx context.Context) error {
				_, err := c.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: brand})
				refused(t, err, codes.Unavailable, "ALL_PARTS_MISSING")
				return nil
			})
		}
		for _, p := range proxies {
			p.become(faithful)
		}
		c.heals(t, brand)
	})
}

// readsWithout reads a composed answer, which must come in time, lack the part and say of
// the others what they said when all was well.
func (c *clients) readsWithout(t *testing.T, brand string, healthy *gatewayv1.CompareViewsResponse, missing gatewayv1.Part) {
	t.Helper()
	c.within(t, func(ctx context.Context) error {
		v, err := c.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: brand, Window: healthy.GetWindow()})
		if err = busy(v.GetParts(), err, missing); err != nil {
			return err
		}
		names(t, v.GetParts(), missing)
		if missing != gatewayv1.Part_PART_JOURNEY && !proto.Equal(v.GetContainment(), healthy.GetContainment()) {
			t.Errorf("without %v the containment is %v, was %v", missing, v.GetContainment(), healthy.GetContainment())
		}
		if missing == gatewayv1.Part_PART_JOURNEY && v.GetContainment() != nil {
			t.Errorf("without its part there is the containment %v", v.GetContainment())
		}
		return nil
	})
}
