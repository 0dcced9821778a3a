package rpc

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestAClientSpreadsItsCallsOverAListOfReplicas(t *testing.T) {
	var served [2]atomic.Int64
	var servers [2]*Server
	var addresses []string
	for i := range served {
		servers[i] = newTickets(Config{}, getting(func(context.Context) error { served[i].Add(1); return nil }))
		addresses = append(addresses, listen(t, servers[i]))
	}
	c := ticketv1.NewTicketServiceClient(dial(t, strings.Join(addresses, ","), ClientConfig{}))
	get := func(n int) {
		t.Helper()
		for range n {
			if _, err := c.GetTicket(t.Context(), get()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 0; served[0].Load() == 0 || served[1].Load() == 0; n++ { // once both are connected
		if get(1); n > 10_000 {
			t.Fatalf("of %d calls the replicas got %d and %d, want some each", n, served[0].Load(), served[1].Load())
		}
	}
	servers[0].Stop()
	get(20)
}

// TestAReplicaThatIsBackIsFoundAtOnce: the next one goes when this one has been ready for a
// moment, so a client that looked for it in ever longer intervals would find nobody.
func TestAReplicaThatIsBackIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	address, back := kept(t)
	c := ticketv1.NewTicketServiceClient(dial(t, address, ClientConfig{}))
	for begin := time.Now(); time.Since(begin) < 3100*time.Millisecond; { // the default looks after 2.6 s and then after 5.2
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := c.GetTicket(ctx, get()); err == nil {
			t.Fatal("there is no replica")
		}
		cancel()
	}
	s := newTickets(Config{}, tickets{})
	go s.Serve(back()) //nolint:errcheck // until Stop
	t.Cleanup(s.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.GetTicket(ctx, get(), grpc.WaitForReady(true)); err != nil {
		t.Errorf("a second after the replica is back: %v", err)
	}
}

// kept returns an address that nobody listens on and nobody else can have, until back does.
func kept(t *testing.T) (address string, back func() net.Listener) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "kept") //nolint:gosec // it is not negative
	t.Cleanup(func() { socket.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port), func() net.Listener {
		t.Helper()
		if err := syscall.Listen(fd, syscall.SOMAXCONN); err != nil {
			t.Fatal(err)
		}
		lis, err := net.FileListener(socket)
		if err != nil {
			t.Fatal(err)
		}
		return lis
	}
}
