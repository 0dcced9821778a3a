package rpc

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const createMethod = ticketv1.TicketService_CreateTicket_FullMethodName

// streaming returns a server on which CreateTicket takes requests and gives
// tickets until the client has no more. No contract has such a stream yet; the server
// must be ready for one.
func streaming(cfg Config, handle func(grpc.ServerStream, *ticketv1.CreateTicketRequest) error) *Server {
	srv := NewServer(cfg)
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: ticketv1.TicketService_ServiceDesc.ServiceName, HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "CreateTicket", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, ss grpc.ServerStream) error {
				for {
					req := &ticketv1.CreateTicketRequest{}
					if err := ss.RecvMsg(req); errors.Is(err, io.EOF) {
						return nil
					} else if err != nil {
						return err
					}
					if err := handle(ss, req); err != nil {
						return err
					}
				}
			},
		}},
	}, 1)
	return srv
}

// exchange sends req on a new stream and returns the answer.
func exchange(ctx context.Context, conn grpc.ClientConnInterface, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, createMethod)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	got := &ticketv1.Ticket{}
	return got, stream.RecvMsg(got)
}

// answer sends back what the handler was given.
func answer(ss grpc.ServerStream, req *ticketv1.CreateTicketRequest) error {
	caller, _ := CallerFrom(ss.Context())
	return ss.SendMsg(&ticketv1.Ticket{Subject: caller.Brand, Etag: req.GetRequestId()})
}

func TestStreamsPassTheSameChecks(t *testing.T) {
	both(t, streaming(Config{Auth: keys(t)}, answer), func(t *testing.T, conn grpc.ClientConnInterface) {
		own := as(t.Context(), acmeKey)
		_, err := exchange(t.Context(), conn, create())
		refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
		_, err = exchange(as(t.Context(), readerKey), conn, create())
		refused(t, err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = exchange(own, conn, with(func(r *ticketv1.CreateTicketRequest) { r.Parent = "brands/other" }))
		refused(t, err, codes.NotFound, "NOT_FOUND")
		_, err = exchange(own, conn, with(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "\x00" }))
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		_, err = exchange(own, conn, with(func(r *ticketv1.CreateTicketRequest) { r.Ticket = nil }))
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")

		const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
		got, err := exchange(metadata.AppendToOutgoingContext(own, "idempotency-key", id), conn, create())
		if err != nil {
			t.Fatal(err)
		}
		if got.GetSubject() != "acme" || got.GetEtag() != id {
			t.Errorf("the handler saw brand %q and request_id %q, want acme and %s", got.GetSubject(), got.GetEtag(), id)
		}
	})
}

func TestStreamsThatAClientSendsHaveADeadline(t *testing.T) {
	var left time.Duration
	srv := streaming(Config{}, func(ss grpc.ServerStream, req *ticketv1.CreateTicketRequest) error {
		deadline, _ := ss.Context().Deadline()
		left = time.Until(deadline)
		return answer(ss, req)
	})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		if _, err := exchange(t.Context(), conn, create()); err != nil {
			t.Fatal(err)
		}
		if left <= 9*time.Minute || left > 10*time.Minute {
			t.Errorf("the handler had %v, want about 10 min", left)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := exchange(ctx, conn, create()); err != nil {
			t.Fatal(err)
		}
		if left > 10*time.Minute {
			t.Errorf("the handler had %v of an hour, want at most 10 min", left)
		}
	})
}

func TestStreamsHaveTheirPanicsErrorsAndLimitsCaught(t *testing.T) {
	var j journal
	srv := streaming(Config{Log: j.log(), MaxInFlight: 1}, func(ss grpc.ServerStream, req *ticketv1.CreateTicketRequest) error {
		if req.GetTicketId() == "panic" {
			panic("no")
		}
		return errors.New("secret")
	})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, id := range []string{"panic", "error"} {
			_, err := exchange(t.Context(), conn, with(func(r *ticketv1.CreateTicketRequest) { r.TicketId = id }))
			refused(t, err, codes.Internal, "INTERNAL")
		}
		waitUntil(t, func() bool { return srv.limit.now.Load() == 0 })
		srv.limit.now.Add(1)
		_, err := exchange(t.Context(), conn, create())
		refused(t, err, codes.Unavailable, "OVERLOADED")
		srv.limit.now.Add(-1)
	})
}

func TestBytesThatAreNoMessageEndAStream(t *testing.T) {
	conn := connect(t, listen(t, streaming(Config{}, answer)))
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, createMethod, grpc.ForceCodecV2(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg([]byte{0xff}); err != nil {
		t.Fatal(err)
	}
	var got []byte
	refused(t, stream.RecvMsg(&got), codes.InvalidArgument, "MALFORMED_MESSAGE")
}

func TestAnIdleStreamEndsWithItsDeadline(t *testing.T) {
	both(t, streaming(Config{}, answer), func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, createMethod)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&ticketv1.Ticket{}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("answer = %v, want DeadlineExceeded", err)
		}
	})
}

// A stuckStream is one whose client neither sends nor reads.
type stuckStream struct {
	grpc.ServerStream
	never chan struct{}
}

func (s stuckStream) RecvMsg(any) error { <-s.never; return io.EOF }
func (s stuckStream) SendMsg(any) error { <-s.never; return io.EOF }

func TestAStreamWhoseClientIsStuckEndsWithItsDeadline(t *testing.T) { // A52, A53
	stuck := stuckStream{never: make(chan struct{})}
	defer close(stuck.never)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	s := &serverStream{ServerStream: stuck, ctx: ctx, end: func(error) {}, method: &method{}}
	if err := s.RecvMsg(create()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("RecvMsg = %v, want DeadlineExceeded", err)
	}
	if err := s.SendMsg(create()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("SendMsg = %v, want DeadlineExceeded", err)
	}
}

// waitUntil fails the test unless ok becomes true within a few seconds.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatal("it did not happen")
}

func TestStreamsThatGoBothWaysEndWhenTheServerStops(t *testing.T) {
	for _, where := range []string{"in process", "over a socket"} {
		t.Run(where, func(t *testing.T) {
			srv := streaming(Config{}, answer)
			conn := srv.Local()
			if where != "in process" {
				conn = connect(t, listen(t, srv))
			}
			stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, createMethod)
			if err == nil {
				err = stream.SendMsg(create())
			}
			if err == nil {
				err = stream.RecvMsg(&ticketv1.Ticket{})
			}
			if err != nil {
				t.Fatal(err)
			}
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				srv.GracefulStop(t.Context())
			}()
			refused(t, stream.RecvMsg(&ticketv1.Ticket{}), codes.Unavailable, "SHUTTING_DOWN")
			soon(t, "GracefulStop", stopped)
		})
	}
}
