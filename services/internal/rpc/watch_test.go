package rpc

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

type (
	watcher  = grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]
	watching = grpc.ServerStreamingClient[ticketv1.WatchTicketsResponse]
)

// watched returns a TicketService whose watchers get one message and then what rest
// does.
func watched(rest func(watcher) error) tickets {
	return tickets{watch: func(req *ticketv1.WatchTicketsRequest, ss watcher) error {
		caller, _ := CallerFrom(ss.Context())
		// The client may go as soon as it has the message, before Send returns.
		if err := ss.Send(&ticketv1.WatchTicketsResponse{ResumeToken: caller.Brand}); err != nil && ss.Context().Err() == nil {
			return err
		}
		return rest(ss)
	}}
}

// lasting is the rest of a watch that has no news.
func lasting(ss watcher) error {
	<-ss.Context().Done()
	return ss.Context().Err()
}

// watch opens a watch and receives its first message.
func watch(ctx context.Context, conn grpc.ClientConnInterface) (watching, error) {
	stream, err := ticketv1.NewTicketServiceClient(conn).WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: "brands/acme"})
	if err != nil {
		return nil, err
	}
	_, err = stream.Recv()
	return stream, err
}

func TestWatchesPassTheSameChecks(t *testing.T) {
	srv := newTickets(Config{Auth: keys(t)}, watched(func(watcher) error { return fault.Stale("x") }))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		_, err := watch(t.Context(), conn)
		refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
		for _, tt := range []struct {
			parent string
			code   codes.Code
			reason string
		}{
			{"junk", codes.InvalidArgument, "INVALID_ARGUMENT"},
			{"brands/other", codes.NotFound, "NOT_FOUND"},
		} {
			stream, err := ticketv1.NewTicketServiceClient(conn).WatchTickets(as(t.Context(), acmeKey), &ticketv1.WatchTicketsRequest{Parent: tt.parent})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			refused(t, err, tt.code, tt.reason)
		}
		stream, err := watch(as(t.Context(), acmeKey), conn)
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		refused(t, err, codes.Aborted, "STALE")
	})
}

func TestWatchesHaveTheDeadlineTheirCallerChose(t *testing.T) {
	var deadline time.Time
	var has bool
	srv := newTickets(Config{}, watched(func(ss watcher) error {
		deadline, has = ss.Context().Deadline()
		return nil
	}))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, timeout := range []time.Duration{0, time.Hour} {
			ctx := t.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			stream, err := watch(ctx, conn)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				t.Fatalf("Recv = %v, want the end", err)
			}
			if left := time.Until(deadline); has != (timeout > 0) || has && (left > timeout || left < timeout-time.Minute) {
				t.Errorf("with %v: deadline = %v, left = %v", timeout, has, left)
			}
		}
	})
}

func TestWatchesAreCountedApartFromCalls(t *testing.T) {
	srv := newTickets(Config{MaxInFlight: 1, MaxStreams: 1}, watched(lasting))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if _, err := watch(ctx, conn); err != nil {
			t.Fatal(err)
		}
		if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get()); err != nil {
			t.Errorf("a call beside a watch: %v", err)
		}
		_, err := watch(t.Context(), conn)
		refused(t, err, codes.Unavailable, "OVERLOADED")
		cancel()
		waitUntil(t, func() bool { return srv.streams.now.Load() == 0 })
		if got := srv.limit.now.Load(); got != 0 {
			t.Errorf("%d calls are counted, want none", got)
		}
	})
}

func TestWatchesEndWhenTheServerIsAskedToStop(t *testing.T) {
	for _, tt := range []struct {
		name string
		rest func(watcher) error
	}{
		{"that wait", lasting},
		{"that send", func(ss watcher) error {
			for {
				if err := ss.Send(&ticketv1.WatchTicketsResponse{}); err != nil {
					return err
				}
			}
		}},
		{"that say nothing of it", func(ss watcher) error { _ = lasting(ss); return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTickets(Config{}, watched(tt.rest))
			remote, err := watch(t.Context(), connect(t, listen(t, srv)))
			if err != nil {
				t.Fatal(err)
			}
			local, err := watch(t.Context(), srv.Local())
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				srv.GracefulStop(t.Context())
			}()
			for _, stream := range []watching{remote, local} {
				for err = nil; err == nil; _, err = stream.Recv() {
				}
				refused(t, err, codes.Unavailable, "SHUTTING_DOWN")
			}
			soon(t, "GracefulStop", stopped)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v, want no time", took)
			}
			_, err = watch(t.Context(), srv.Local())
			refused(t, err, codes.Unavailable, "SHUTTING_DOWN")
		})
	}
}

func TestAWatchWhoseClientGoesAwayIsCancelled(t *testing.T) {
	left := make(chan error, 1)
	srv := newTickets(Config{}, watched(func(ss watcher) error {
		err := lasting(ss)
		left <- err
		return err
	}))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := watch(ctx, conn)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
			t.Errorf("Recv = %v, want Canceled", err)
		}
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context ended with %v, want Canceled", err)
		}
	})
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) { // A53
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan error, 1)
		srv := newTickets(Config{}, watched(func(ss watcher) error {
			var err error
			for err == nil {
				err = ss.Send(&ticketv1.WatchTicketsResponse{})
			}
			if ss.Send(&ticketv1.WatchTicketsResponse{}) == nil {
				t.Error("a message was sent after the call ended")
			}
			cut <- err
			return nil
		}))
		began := time.Now()
		stream, err := watch(t.Context(), srv.Local())
		if err != nil {
			t.Fatal(err)
		}
		if got := fault.Reason(<-cut); got != "TOO_SLOW" || time.Since(began) != maxSend {
			t.Errorf("cut off with %q after %v, want TOO_SLOW after %v", got, time.Since(began), maxSend)
		}
		for err = nil; err == nil; _, err = stream.Recv() {
		}
		refused(t, err, codes.Aborted, "TOO_SLOW")
	})
}

func TestAClientThatOpensAWatchAndAsksNothingIsCutOff(t *testing.T) { // A52
	synctest.Test(t, func(t *testing.T) {
		srv := newTickets(Config{}, watched(lasting))
		began := time.Now()
		stream, err := srv.Local().NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, ticketv1.TicketService_WatchTickets_FullMethodName)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, stream.RecvMsg(&ticketv1.WatchTicketsResponse{}), codes.DeadlineExceeded, "IDLE")
		if took := time.Since(began); took != maxIdle {
			t.Errorf("cut off after %v, want %v", took, maxIdle)
		}
	})
}

func TestWatchesAreNeitherTimedNorTriedAgainByTheClient(t *testing.T) {
	calls := 0
	timed := false
	srv := newTickets(Config{}, tickets{watch: func(_ *ticketv1.WatchTicketsRequest, ss watcher) error {
		calls++
		_, timed = ss.Context().Deadline()
		return fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", errors.New("x"))
	}})
	_, err := watch(t.Context(), dial(t, listen(t, srv), ClientConfig{}))
	refused(t, err, codes.Unavailable, "STORAGE_UNAVAILABLE")
	if calls != 1 || timed {
		t.Errorf("%d calls, with a deadline = %v; want one without", calls, timed)
	}
}

func TestForwardedStreamsLeaveRoomForCalls(t *testing.T) {
	behind := newTickets(Config{}, watched(lasting))
	conn := dial(t, listen(t, behind), ClientConfig{})
	srv := NewServer(Config{})
	srv.Forward(&ticketv1.TicketService_ServiceDesc, conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	open := make([]watching, maxRelayed) // a watch that nobody holds may end
	for i := range open {
		var err error
		if open[i], err = watch(ctx, srv.Local()); err != nil {
			t.Fatalf("watch %d: %v", i, err)
		}
	}
	_, err := watch(ctx, srv.Local())
	refused(t, err, codes.Unavailable, "OVERLOADED")
	if _, err := ticketv1.NewTicketServiceClient(srv.Local()).GetTicket(ctx, get()); err != nil {
		t.Errorf("a call beside all the watches: %v", err)
	}
	runtime.KeepAlive(open)
	cancel()
	waitUntil(t, func() bool { return srv.relayed[conn].now.Load() == 0 && behind.streams.now.Load() == 0 })
}

func TestALocalWatchThatIsRefusedBeforeItAsksSaysWhy(t *testing.T) {
	stream, err := newTickets(Config{Auth: keys(t)}, watched(lasting)).Local().NewStream(t.Context(),
		&grpc.StreamDesc{ServerStreams: true}, ticketv1.TicketService_WatchTickets_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, stream.RecvMsg(&ticketv1.WatchTicketsResponse{}), codes.Unauthenticated, "UNAUTHENTICATED")
	for range 2 { // the first may still find room
		if err := stream.SendMsg(&ticketv1.WatchTicketsRequest{Parent: "brands/acme"}); err != nil {
			t.Errorf("SendMsg = %v, want nil: a generated client would return it instead of the refusal", err)
		}
	}
}

func TestForwardedWatches(t *testing.T) {
	left := make(chan struct{}, 1)
	news := make(chan error, 1)
	behind := newTickets(Config{Auth: keys(t)}, watched(func(ss watcher) error {
		ss.SetTrailer(metadata.Pairs("x-seen", "1"))
		select {
		case <-ss.Context().Done():
			left <- struct{}{}
			return ss.Context().Err()
		case err := <-news:
			return err
		}
	}))
	for _, remote := range []bool{false, true} {
		srv := NewServer(Config{})
		conn := behind.Local()
		if remote {
			conn = dial(t, listen(t, behind), ClientConfig{})
		}
		srv.Forward(&ticketv1.TicketService_ServiceDesc, conn)
		if err := srv.Check(); err != nil {
			t.Fatal(err)
		}
		both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
			_, err := watch(t.Context(), conn) // fine for the front, not for what is behind it
			refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
			stream, err := watch(as(t.Context(), acmeKey), conn)
			if err != nil {
				t.Fatal(err)
			}
			news <- fault.Stale("x")
			_, err = stream.Recv()
			refused(t, err, codes.Aborted, "STALE")
			if got := stream.Trailer().Get("x-seen"); len(got) != 1 {
				t.Errorf("trailer = %v, want x-seen", stream.Trailer())
			}
			ctx, cancel := context.WithCancel(as(t.Context(), acmeKey))
			if _, err := watch(ctx, conn); err != nil {
				t.Fatal(err)
			}
			cancel()
			soon(t, "the end of the watch behind it", left)
		})
	}
}
