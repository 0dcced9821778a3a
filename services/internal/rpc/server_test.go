package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

var errBroken = errors.New("broken")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }

// A closedListener accepts nothing.
type closedListener struct{ closed bool }

func (l *closedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l *closedListener) Close() error              { l.closed = true; return nil }
func (l *closedListener) Addr() net.Addr            { return &net.TCPAddr{} }

// reflect asks for the list of services.
func reflect(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func TestHealthFollowsReadiness(t *testing.T) {
	srv := newTickets(Config{}, tickets{})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, service := range []string{"", "ready", ticketv1.TicketService_ServiceDesc.ServiceName} {
			for _, ready := range []bool{true, false, true} {
				srv.SetReady(ready)
				got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
				if err != nil {
					t.Fatal(err)
				}
				if got.GetStatus() != serving(ready) {
					t.Errorf("health of %q = %v, want %v", service, got.GetStatus(), serving(ready))
				}
			}
		}
	})
}

func TestServicesRegisteredWhileNotReadyAreNotServing(t *testing.T) {
	srv := NewServer(Config{})
	srv.SetReady(false)
	ticketv1.RegisterTicketServiceServer(srv, tickets{})
	got, err := healthv1.NewHealthClient(srv.Local()).Check(t.Context(),
		&healthv1.HealthCheckRequest{Service: ticketv1.TicketService_ServiceDesc.ServiceName})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health = %v, want NOT_SERVING", got.GetStatus())
	}
}

func TestGracefulStopWaitsForCallsAndEndsHealthWatches(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	srv := newTickets(Config{}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		close(entered)
		<-release
		return &ticketv1.Ticket{Name: "done"}, ctx.Err()
	}})
	conn := connect(t, listen(t, srv))
	bounded, cancel := context.WithTimeout(t.Context(), 9*time.Second)
	defer cancel()
	watch, err := healthv1.NewHealthClient(conn).Watch(bounded, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get())
		answered <- err
	}()
	soon(t, "the call", entered)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.GracefulStop(t.Context())
	}()
	for { // the watch says that the server goes, and ends
		got, err := watch.Recv()
		if err != nil {
			if bounded.Err() != nil {
				t.Fatal("the watch did not end with the server")
			}
			break
		}
		if got.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
			t.Errorf("health = %v, want NOT_SERVING", got.GetStatus())
		}
	}
	select {
	case <-stopped:
		t.Error("GracefulStop returned before the call ended")
	default:
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	soon(t, "GracefulStop", stopped)
}

func TestGracefulStopCutsCallsOffWhenItsTimeIsUp(t *testing.T) {
	entered := make(chan struct{})
	srv := newTickets(Config{}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	conn := connect(t, listen(t, srv))
	answered := make(chan error, 1)
	go func() {
		_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get())
		answered <- err
	}()
	soon(t, "the call", entered)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	srv.GracefulStop(ctx)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("GracefulStop took %v, want about 50 ms", took)
	}
	if err := <-answered; err == nil {
		t.Error("the call was answered")
	}
}

func TestMethodsNobodyWroteAreUnimplemented(t *testing.T) {
	both(t, newTickets(Config{}, tickets{}), func(t *testing.T, conn grpc.ClientConnInterface) {
		_, err := ticketv1.NewTicketServiceClient(conn).ResolveTicket(t.Context(), &ticketv1.ResolveTicketRequest{
			Name: "brands/acme/tickets/7", Outcome: ticketv1.Ticket_OUTCOME_SOLVED,
		})
		refused(t, err, codes.Unimplemented, "UNIMPLEMENTED")
	})
}
