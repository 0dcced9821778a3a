package rpc

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// dial connects to addr as the suite does.
func dial(t *testing.T, addr string, cfg ClientConfig) *grpc.ClientConn {
	t.Helper()
	conn, err := Dial(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestWhatAServerCannotDoNowIsTriedAgainWithTheSameRequestID(t *testing.T) {
	var ids []string
	srv := newTickets(Config{}, tickets{create: func(_ context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
		ids = append(ids, req.GetRequestId())
		if len(ids) < 4 {
			return nil, fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", errors.New("x"))
		}
		return &ticketv1.Ticket{}, nil
	}})
	req := create()
	if _, err := ticketv1.NewTicketServiceClient(dial(t, listen(t, srv), ClientConfig{})).CreateTicket(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if len(id) != 36 || id != ids[0] {
			t.Fatalf("request_ids = %q, want one UUID four times", ids)
		}
	}
	if req.GetRequestId() != "" {
		t.Errorf("the client's message has the request_id %q now, want none", req.GetRequestId())
	}
}

func TestOtherRefusalsAreNotTriedAgain(t *testing.T) {
	calls := 0
	srv := newTickets(Config{}, getting(func(context.Context) error {
		calls++
		return fault.Stale("x")
	}))
	_, err := ticketv1.NewTicketServiceClient(dial(t, listen(t, srv), ClientConfig{})).GetTicket(t.Context(), get())
	refused(t, err, codes.Aborted, "STALE")
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

func TestRefusedCallsComeBackAfterThePushback(t *testing.T) {
	srv := newTickets(Config{MaxInFlight: 1}, tickets{})
	c := ticketv1.NewTicketServiceClient(dial(t, listen(t, srv), ClientConfig{}))
	if _, err := c.GetTicket(t.Context(), get()); err != nil {
		t.Fatal(err)
	}
	srv.limit.now.Add(1)
	time.AfterFunc(20*time.Millisecond, srv.limit.leave)
	if _, err := c.GetTicket(t.Context(), get()); err != nil {
		t.Errorf("answer = %v, want none: the client waits and tries again", err)
	}
}

func TestTheSameMessageSentTwiceIsTwoRequests(t *testing.T) {
	c := ticketv1.NewTicketServiceClient(dial(t, listen(t, newTickets(Config{}, tickets{})), ClientConfig{}))
	req := create()
	first, err := c.CreateTicket(t.Context(), req) // whose etag is the request_id
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.CreateTicket(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if first.GetEtag() == second.GetEtag() {
		t.Errorf("both requests have the id %s", first.GetEtag())
	}
}

func TestIdentifiedChangesNothingButTheRequestID(t *testing.T) {
	req := create()
	req.TicketId = "seven"
	req.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
	got, ok := identified(t.Context(), req).(*ticketv1.CreateTicketRequest)
	if !ok || got.GetRequestId() == "" {
		t.Fatalf("identified = %v, want a request with an id", got)
	}
	got = proto.CloneOf(got)
	got.RequestId = ""
	if !proto.Equal(got, req) {
		t.Errorf("identified = %v, want %v", got, req)
	}
	req.RequestId = "chosen"
	if identified(t.Context(), req) != any(req) {
		t.Error("a request with an id was copied")
	}
}

func TestAClientLeavesAServerThatIsNotReady(t *testing.T) {
	leaving := newTickets(Config{}, tickets{})
	c := ticketv1.NewTicketServiceClient(dial(t, listen(t, leaving), ClientConfig{}))
	if _, err := c.GetTicket(t.Context(), get()); err != nil {
		t.Fatal(err)
	}
	leaving.SetReady(false)
	waitUntil(t, func() bool {
		_, err := c.GetTicket(t.Context(), get())
		return status.Code(err) == codes.Unavailable
	})
	leaving.SetReady(true)
	waitUntil(t, func() bool {
		_, err := c.GetTicket(t.Context(), get())
		return err == nil
	})
}

func TestCallsOverTheNetworkActForTheCallerOfTheHandler(t *testing.T) {
	backend := listen(t, newTickets(Config{Auth: keys(t)}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		caller, _ := CallerFrom(ctx)
		return &ticketv1.Ticket{Subject: caller.Brand}, nil
	}}))
	inner := ticketv1.NewTicketServiceClient(dial(t, backend, ClientConfig{Bearer: rootKey}))
	front := newTickets(Config{Auth: keys(t)}, tickets{create: func(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
		return inner.GetTicket(ctx, get())
	}})
	both(t, front, func(t *testing.T, conn grpc.ClientConnInterface) {
		got, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(as(t.Context(), acmeKey), create())
		if err != nil {
			t.Fatal(err)
		}
		if got.GetSubject() != "acme" {
			t.Errorf("the inner call acts for %q, want acme and not the client's own", got.GetSubject())
		}
	})
	got, err := inner.GetTicket(t.Context(), get())
	if err != nil || got.GetSubject() != "" {
		t.Errorf("a call of the client's own = %q, %v; want one for any brand", got.GetSubject(), err)
	}
}

func TestAServerThatIsNotThereIsUnavailableAtOnce(t *testing.T) {
	c := ticketv1.NewTicketServiceClient(dial(t, "127.0.0.1:1", ClientConfig{}))
	began := time.Now()
	_, err := c.GetTicket(t.Context(), get())
	if status.Code(err) != codes.Unavailable || time.Since(began) > 5*time.Second {
		t.Errorf("answer = %v after %v, want Unavailable soon", err, time.Since(began))
	}
}
