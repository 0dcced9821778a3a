package rpc

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tickets is a TicketService that does what each test says.
type tickets struct {
	ticketv1.UnimplementedTicketServiceServer
	get    func(context.Context, *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error)
	create func(context.Context, *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error)
	watch  func(*ticketv1.WatchTicketsRequest, grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]) error
	take   func(grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]) error
}

func (s tickets) WatchTickets(req *ticketv1.WatchTicketsRequest, ss grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]) error {
	return s.watch(req, ss)
}

func (s tickets) ImportTickets(ss grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]) error {
	return s.take(ss)
}

func (s tickets) GetTicket(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	if s.get == nil {
		return &ticketv1.Ticket{Name: req.GetName()}, nil
	}
	return s.get(ctx, req)
}

func (s tickets) CreateTicket(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	if s.create == nil {
		return &ticketv1.Ticket{Name: req.GetParent() + "/tickets/1", Etag: req.GetRequestId()}, nil
	}
	return s.create(ctx, req)
}

func (s tickets) ListTickets(context.Context, *ticketv1.ListTicketsRequest) (*ticketv1.ListTicketsResponse, error) {
	return &ticketv1.ListTicketsResponse{}, nil
}

// get and create are requests that nobody has anything against.
func get() *ticketv1.GetTicketRequest {
	return &ticketv1.GetTicketRequest{Name: "brands/acme/tickets/7"}
}

func create() *ticketv1.CreateTicketRequest {
	return &ticketv1.CreateTicketRequest{
		Parent: "brands/acme",
		Ticket: &ticketv1.Ticket{
			Customer: "brands/acme/customers/ann", Subject: "Refund", Channel: typev1.Channel_CHANNEL_EMAIL,
			OpenTime: &timestamppb.Timestamp{Seconds: 1767225600}, Attributes: map[string]string{"tenure": "31-60"},
		},
	}
}

// listen serves srv on a loopback port until the test ends, and returns its address.
func listen(t testing.TB, srv *Server) string {
	t.Helper()
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
	t.Cleanup(func() {
		srv.Stop()
		wg.Wait()
	})
	return lis.Addr().String()
}

// connect returns a connection without the suite's own client behavior.
func connect(t testing.TB, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// newTickets returns a server with the ticket service on it.
func newTickets(cfg Config, impl tickets) *Server {
	srv := NewServer(cfg)
	ticketv1.RegisterTicketServiceServer(srv, impl)
	return srv
}

// both runs test in the process and over a socket, which stops srv.
func both(t *testing.T, srv *Server, test func(*testing.T, grpc.ClientConnInterface)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) { test(t, srv.Local()) })
	t.Run("over a socket", func(t *testing.T) { test(t, connect(t, listen(t, srv))) })
}

// refused checks the code and the reason of err, and returns its status.
func refused(t *testing.T, err error, code codes.Code, reason string) *status.Status {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != code || reasonOf(s) != reason {
		t.Errorf("answer = %v %s (%s), want %v %s", s.Code(), reasonOf(s), s.Message(), code, reason)
	}
	return s
}

func reasonOf(s *status.Status) string {
	if info := detail[*errdetails.ErrorInfo](s); info != nil {
		return info.GetReason()
	}
	return ""
}

// detail returns the first detail of type D, or nil.
func detail[D proto.Message](s *status.Status) D {
	var none D
	for _, d := range s.Details() {
		if d, ok := d.(D); ok {
			return d
		}
	}
	return none
}

// A journal is a log that tests read back.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// lines returns what was logged so far, line by line.
func (j *journal) lines() [][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Split(bytes.TrimSuffix(bytes.Clone(j.buf.Bytes()), []byte("\n")), []byte("\n"))
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// soon fails the test unless done closes within a few seconds.
func soon(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}
