package ticket_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/ticket"
)

const (
	acme = "brands/acme"
	ann  = acme + "/customers/ann"
)

var noon = time.Date(2013, 1, 7, 12, 0, 0, 0, time.UTC)

// migrated has the schema of the service.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := ticket.New(ctx, db, ticket.Config{})
	return err
})

// A client is the service as somebody else sees it, and the database beneath.
type client struct {
	ticketv1.TicketServiceClient
	ticketv1.InteractionServiceClient
	ticketv1.ServiceMetricsServiceClient
	service *ticket.Service
	db      *sqldb.DB
}

// each runs f on both databases over a socket, and in process.
func each(t *testing.T, f func(t *testing.T, c client)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		f(t, serve(t, db, overSocket))
		if !db.Postgres() && !t.Failed() { // the way in does not depend on the database
			t.Run("in process", func(t *testing.T) { f(t, serve(t, open(t), inProcess)) })
		}
	})
}

// serve starts the service on db.
func serve(t testing.TB, db *sqldb.DB, connect func(testing.TB, *rpc.Server) grpc.ClientConnInterface) client {
	t.Helper()
	s, err := ticket.New(context.Background(), db, ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{})
	s.Register(srv)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, srv)
	return client{
		ticketv1.NewTicketServiceClient(conn), ticketv1.NewInteractionServiceClient(conn),
		ticketv1.NewServiceMetricsServiceClient(conn), s, db,
	}
}

func inProcess(_ testing.TB, srv *rpc.Server) grpc.ClientConnInterface { return srv.Local() }

func overSocket(t testing.TB, srv *rpc.Server) grpc.ClientConnInterface {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	conn, err := rpc.Dial(lis.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Stop()
		<-served
	})
	return conn
}

// open is the request for a ticket of ann's that was opened at noon.
func open(change ...func(*ticketv1.CreateTicketRequest)) *ticketv1.CreateTicketRequest {
	req := &ticketv1.CreateTicketRequest{Parent: acme, Ticket: &ticketv1.Ticket{
		Customer: ann, Subject: "Where is my order?", Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: timestamppb.New(noon),
	}}
	for _, f := range change {
		f(req)
	}
	return req
}

// say is the request for a message on a ticket, d after noon.
func say(ticket string, d ticketv1.Interaction_Direction, after time.Duration) *ticketv1.CreateInteractionRequest {
	actor := ticketv1.Interaction_ACTOR_AGENT
	if d == inbound {
		actor = ticketv1.Interaction_ACTOR_CUSTOMER
	}
	return &ticketv1.CreateInteractionRequest{Parent: ticket, Interaction: &ticketv1.Interaction{
		Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: d, Actor: actor, StartTime: timestamppb.New(noon.Add(after)),
	}}
}

// resolve is the request to resolve a ticket, d after noon.
func resolve(ticket string, o ticketv1.Ticket_Outcome, after time.Duration) *ticketv1.ResolveTicketRequest {
	return &ticketv1.ResolveTicketRequest{Name: ticket, Outcome: o, ResolveTime: timestamppb.New(noon.Add(after))}
}

const (
	inbound  = ticketv1.Interaction_DIRECTION_INBOUND
	outbound = ticketv1.Interaction_DIRECTION_OUTBOUND
	solved   = ticketv1.Ticket_OUTCOME_SOLVED
	partial  = ticketv1.Ticket_OUTCOME_PARTIAL
)

// must returns a function that makes a call which has to work.
func must[Req, Resp any](call func(context.Context, Req, ...grpc.CallOption) (Resp, error)) func(*testing.T, Req) Resp {
	return func(t *testing.T, req Req) Resp {
		t.Helper()
		resp, err := call(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
}

// get reads a ticket.
func (c client) get(t *testing.T, name string) *ticketv1.Ticket {
	t.Helper()
	return must(c.GetTicket)(t, &ticketv1.GetTicketRequest{Name: name})
}

// events returns what the service has to tell the others, the oldest first.
func (c client) events(t *testing.T) (all []*eventv1.Event) {
	t.Helper()
	rows, err := c.db.Read().QueryContext(t.Context(), `SELECT payload FROM outbox ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var payload []byte
		e := &eventv1.Event{}
		if err := rows.Scan(&payload); err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(payload, e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// refused checks the code of an error and returns its reason and metadata.
func refused(t *testing.T, err error, want codes.Code) *errdetails.ErrorInfo {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("error = %v, want %v", err, want)
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	t.Fatalf("error %v has no reason", err)
	return nil
}

func equal(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
