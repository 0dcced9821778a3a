package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

const createTicket = ticketv1.TicketService_CreateTicket_FullMethodName

// serving serves tickets until the test ends or stop is called, and returns its address.
func serving(t *testing.T, srv interface {
	grpc.ServiceRegistrar
	Serve(net.Listener) error
	Stop()
}, impl ticketv1.TicketServiceServer,
) (addr string, stop func()) {
	t.Helper()
	ticketv1.RegisterTicketServiceServer(srv, impl)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(lis); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { srv.Stop(); wg.Wait() })
	t.Cleanup(stop)
	return lis.Addr().String(), stop
}

// A told call is one whose outcome is known.
type told struct {
	due time.Time
	err error
}

// wired connects to a server and returns what it tells.
func wired(t *testing.T, addr string) (*wire, <-chan told) {
	t.Helper()
	all := make(chan told, 2*maxStreams)
	w, err := dialWire(addr, createTicket, func(s sent, err error) { all <- told{s.due, err} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	return w, all
}

// request is one that a server of the suite takes.
func request(t *testing.T) []byte {
	t.Helper()
	b, err := proto.Marshal(ticket(1))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send makes a call that has to go out.
func send(t *testing.T, w *wire, due time.Time, request []byte) {
	t.Helper()
	if made, err := w.send(due, request); !made || err != nil {
		t.Fatalf("send = %v, %v; want a call", made, err)
	}
}

func TestAWireIsToldWhatComesOfEachCall(t *testing.T) {
	addr, _ := serving(t, rpc.NewServer(rpc.Config{}), tickets{})
	w, all := wired(t, addr)
	for n := range 1000 { // many times what the server takes at once
		due := time.Unix(int64(n), 0)
		send(t, w, due, request(t))
		if got := <-all; got.err != nil || !got.due.Equal(due) {
			t.Fatalf("call %d: %v of %v, want an answer", n, got.err, got.due)
		}
	}
	send(t, w, time.Now(), nil)
	if got := <-all; status.Code(got.err) != codes.InvalidArgument {
		t.Errorf("a call without a ticket: %v, want INVALID_ARGUMENT", got.err)
	}
}

func TestAWireIsToldOfACallThatIsRefusedBeforeItHasAStream(t *testing.T) {
	refusing := grpc.InTapHandle(func(ctx context.Context, _ *tap.Info) (context.Context, error) {
		return nil, status.Error(codes.Unavailable, "later")
	})
	addr, _ := serving(t, grpc.NewServer(refusing), tickets{})
	w, all := wired(t, addr)
	for range 3 {
		send(t, w, time.Now(), request(t))
		if got := <-all; status.Code(got.err) != codes.Unavailable {
			t.Errorf("the call ended with %v, want UNAVAILABLE", got.err)
		}
	}
}

// waiting answers once it may.
type waiting struct {
	ticketv1.UnimplementedTicketServiceServer
	may <-chan struct{}
}

func (w waiting) CreateTicket(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	select {
	case <-w.may:
		return req.GetTicket(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestAWireHasNoMoreCallsOpenThanAServerTakes(t *testing.T) {
	may := make(chan struct{})
	addr, _ := serving(t, grpc.NewServer(), waiting{may: may})
	w, all := wired(t, addr)
	for range maxStreams {
		send(t, w, time.Now(), []byte{})
	}
	if made, err := w.send(time.Now(), nil); made || err != nil {
		t.Errorf("one call more: %v, %v; want none and no error", made, err)
	}
	close(may)
	for range maxStreams {
		if got := <-all; got.err != nil {
			t.Errorf("a call ended with %v", got.err)
		}
	}
	send(t, w, time.Now(), []byte{})
}

func TestAWireThatIsCutEndsTheCallsThatAreOpen(t *testing.T) {
	addr, stop := serving(t, grpc.NewServer(), waiting{})
	w, all := wired(t, addr)
	for range 3 {
		send(t, w, time.Now(), request(t))
	}
	stop()
	for range 3 {
		if got := <-all; got.err == nil {
			t.Error("a call that the server never answered has an answer")
		}
	}
	if made, err := w.send(time.Now(), request(t)); made || err == nil {
		t.Errorf("send = %v, %v after the connection ended, want an error", made, err)
	}
}
