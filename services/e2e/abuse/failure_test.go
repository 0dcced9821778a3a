package abuse

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/gateway"
)

// withoutBus: writes are taken, and their events wait.
func withoutBus(t *testing.T, _ *suite, way surface) {
	s := start(t, config{bus: "nats://" + closedPort(t)})
	a := ask{req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.TicketId = "7" })}
	for n := 1; n <= 2; n++ {
		a.want(t, way, s.send(t, way, a))
		if waiting := s.strings(t, "ticket", `SELECT id FROM outbox WHERE stream = 0 AND sent_time IS NULL`); len(waiting) != n {
			t.Errorf("%d events wait, want %d", len(waiting), n)
		}
		a = ask{req: say()}
	}
	got := s.send(t, way, ask{req: &gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview"}})
	if o := got.msg.(*gatewayv1.CustomerOverview); len(o.GetTickets()) != 1 || len(o.GetTouchpoints()) != 0 {
		t.Errorf("overview = %v, want the ticket and not yet its touchpoint", o)
	}
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}

// closed and silent connect to a service that is not there, and to one that takes
// every call and answers none.
func closed(t *testing.T) grpc.ClientConnInterface { return dial(t, closedPort(t)) }

func silent(t *testing.T) grpc.ClientConnInterface {
	return odd(t, func(ss grpc.ServerStream) error {
		<-ss.Context().Done()
		return ss.Context().Err()
	})
}

// junk connects to a service whose answers are no messages.
func junk(t *testing.T) grpc.ClientConnInterface {
	return odd(t, func(ss grpc.ServerStream) error {
		var req []byte
		if err := ss.RecvMsg(&req); err != nil {
			return err
		}
		return ss.SendMsg([]byte{0xff, 0xff, 0xff})
	})
}

// odd connects to a server that handles every method in the same way.
func odd(t *testing.T, handle func(grpc.ServerStream) error) *grpc.ClientConn {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.ForceServerCodecV2(raw{}),
		grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error { return handle(ss) }))
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dial(t, lis.Addr().String())
}

// overview asks for ann's within the time, and returns the state of each part.
func overview(t *testing.T, s *suite, way surface) map[gatewayv1.Part]gatewayv1.PartState_State {
	t.Helper()
	req := &gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview"}
	begin := time.Now()
	a := ask{req: req, header: map[string]string{"Grpc-Timeout": "1S"}}
	var got answer
	if way == onGRPC {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o, err := gatewayv1.NewViewServiceClient(s.conn).GetCustomerOverview(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		got = answer{msg: o}
	} else {
		got = s.send(t, way, a)
		a.want(t, way, got)
	}
	// That it is no error says that the server was in time; a busy machine brings it later.
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the view took %s of 1 s", took)
	}
	states := map[gatewayv1.Part]gatewayv1.PartState_State{}
	for _, p := range got.msg.(*gatewayv1.CustomerOverview).GetParts() {
		states[p.GetPart()] = p.GetState()
	}
	return states
}

// partial gives the gateway that connection for the ticket service.
func partial(t *testing.T, way surface, tickets func(*testing.T) grpc.ClientConnInterface) {
	t.Helper()
	s := start(t, config{upstreams: func(local grpc.ClientConnInterface) gateway.Upstreams {
		return gateway.Upstreams{Ticket: tickets(t), Survey: local, Journey: local}
	}})
	must[*journeyv1.Touchpoint](t, s, record())
	states := overview(t, s, way)
	if states[gatewayv1.Part_PART_TICKET] == gatewayv1.PartState_STATE_OK || len(states) != 3 ||
		states[gatewayv1.Part_PART_SURVEY] != gatewayv1.PartState_STATE_OK || states[gatewayv1.Part_PART_JOURNEY] != gatewayv1.PartState_STATE_OK {
		t.Errorf("states = %v, want all parts but the ticket service's", states)
	}
}

// junkUpstream: the part is missing as one that failed, not as one that is out of
// reach, which the row says: to try again is of no use.
func junkUpstream(t *testing.T, _ *suite, way surface) { partial(t, way, junk) }

// blind: with no part there is no view.
func blind(t *testing.T, _ *suite, way surface) {
	s := start(t, config{upstreams: func(grpc.ClientConnInterface) gateway.Upstreams {
		nobody := closed(t)
		return gateway.Upstreams{Ticket: nobody, Survey: nobody, Journey: nobody}
	}})
	a := ask{req: &gatewayv1.CompareViewsRequest{Parent: acme}, code: codes.Unavailable, reason: "ALL_PARTS_MISSING"}
	a.want(t, way, s.send(t, way, a))
}
