package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/simulator"
)

const (
	brand     = "brands/load"
	customers = 1000
	demo      = "retail" // a profile of the simulator
)

// A server is a child and connections to it: bare ones, that neither retry nor
// check anything, so that they cost as little as callers can.
type server struct {
	*child
	store   cluster // 0 unless it is on PostgreSQL
	conns   []*grpc.ClientConn
	clients []*grpc.ClientConn // of the suite
	http    *http.Client
}

// perConn is how many callers share a connection: as many calls as may be open on it.
const perConn = maxStreams

func dial(c *child) (*server, error) {
	s := &server{child: c, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	return s, s.reach(perConn)
}

// reach opens as many connections as so many callers need.
func (s *server) reach(callers int) error {
	for len(s.conns)*perConn < callers {
		conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDisableRetry(), grpc.WithNoProxy())
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
	}
	return nil
}

func (s *server) close() error {
	s.http.CloseIdleConnections()
	var errs []error
	for _, conn := range append(s.conns, s.clients...) {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// get makes an HTTP request.
func (s *server) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		return err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, res.Status)
	}
	return nil
}

// ready waits for the first answer.
func (s *server) ready(ctx context.Context) error {
	for {
		err := s.get(ctx, "/readyz")
		if err == nil {
			return nil
		}
		if e := wait(ctx, time.Millisecond); e != nil {
			return errors.Join(e, err)
		}
	}
}

// loop returns callers of one kind of call. How says what is special about it.
func (s *server) loop(ctx context.Context, what, how string, callers int) (loop, error) {
	if err := s.reach(callers); err != nil {
		return loop{}, err
	}
	l := loop{callers: callers, server: s.child, store: s.store}
	var err error
	switch what {
	case "create":
		l.op, err = s.create(how)
	case "replay":
		l.op, err = s.replay(ctx)
	case "get":
		l.op, err = s.read(ctx, how == "rest")
	case "score":
		l.op, err = s.score(ctx)
	case "ingest":
		l.op, l.weight = s.ingest(how), batchSize
	case "submit":
		l.op, err = s.submit(ctx)
	case "resubmit":
		l.op, err = s.resubmit(ctx)
	case "compare":
		views := gatewayv1.NewViewServiceClient(s.conns[0])
		l.op = func(ctx context.Context, _ int64) error {
			_, err := views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: "brands/" + demo})
			return err
		}
		err = s.simulate(ctx)
	case "overview":
		l.op, err = s.overview(ctx)
	default:
		err = fmt.Errorf("nothing is called %q", what)
	}
	return l, err
}

// create opens tickets, each under a request_id of its own: one that rises with the
// time, as the client of the suite makes them, or a random one. Blind callers do not read the
// tickets they get; clients are those of the suite, and blind.
func (s *server) create(how string) (func(context.Context, int64) error, error) {
	conns := s.conns
	switch how {
	case "client":
		conns = nil
		for range s.conns {
			conn, err := rpc.Dial(s.addr, rpc.ClientConfig{})
			if err != nil {
				return nil, err
			}
			conns, s.clients = append(conns, conn), append(s.clients, conn)
		}
		fallthrough
	case "blind":
		return func(ctx context.Context, n int64) error {
			var got opaque
			return conns[int(n)%len(conns)].Invoke(ctx, ticketv1.TicketService_CreateTicket_FullMethodName, ticket(n), &got,
				grpc.ForceCodecV2(opaqueCodec{}))
		}, nil
	}
	clients := make([]ticketv1.TicketServiceClient, len(conns))
	for i, conn := range conns {
		clients[i] = ticketv1.NewTicketServiceClient(conn)
	}
	return func(ctx context.Context, n int64) error {
		req := ticket(n)
		if how == "random" {
			req.RequestId = uuid.NewString()
		}
		_, err := clients[int(n)%len(clients)].CreateTicket(ctx, req)
		return err
	}, nil
}

func ticket(n int64) *ticketv1.CreateTicketRequest {
	return &ticketv1.CreateTicketRequest{
		Parent: brand, RequestId: requestID(),
		Ticket: &ticketv1.Ticket{
			Customer: customer(n), Subject: "Where is my order?", IssueKind: ticketv1.Ticket_ISSUE_KIND_BILLING,
			Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: timestamppb.Now(),
		},
	}
}

// replay creates a ticket again and again, under request_ids that all have their
// answers.
func (s *server) replay(ctx context.Context) (func(context.Context, int64) error, error) {
	const known = 100
	c := ticketv1.NewTicketServiceClient(s.conns[0])
	requests, names := make([]*ticketv1.CreateTicketRequest, known), make([]string, known)
	for n := range requests {
		requests[n] = ticket(int64(n))
		t, err := c.CreateTicket(ctx, requests[n])
		if err != nil {
			return nil, err
		}
		names[n] = t.GetName()
	}
	return func(ctx context.Context, n int64) error {
		t, err := c.CreateTicket(ctx, requests[n%known])
		if err == nil && t.GetName() != names[n%known] {
			err = fmt.Errorf("a replay made %s, want the answer %s", t.GetName(), names[n%known])
		}
		return err
	}, nil
}

// requestID returns an id as the client of the suite makes them.
func requestID() string { return uuid.Must(uuid.NewV7()).String() }

func customer(n int64) string { return fmt.Sprint(brand, "/customers/c-", n%customers) }

// read gets one ticket again and again.
func (s *server) read(ctx context.Context, rest bool) (func(context.Context, int64) error, error) {
	c := ticketv1.NewTicketServiceClient(s.conns[0])
	t, err := c.CreateTicket(ctx, ticket(0))
	if err != nil {
		return nil, err
	}
	if rest {
		return func(ctx context.Context, _ int64) error { return s.get(ctx, "/v1/"+t.GetName()) }, nil
	}
	return func(ctx context.Context, _ int64) error {
		_, err := c.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: t.GetName()})
		return err
	}, nil
}

// score reads the scores of customers who have lived through twenty batches.
func (s *server) score(ctx context.Context) (func(context.Context, int64) error, error) {
	const parent = "brands/scored"
	if s.cmd.Args[1] == "up" {
		c := journeyv1.NewTouchpointServiceClient(s.conns[0])
		for n := range int64(20) {
			if _, err := c.BatchRecordTouchpoints(ctx, batch(parent, n, batchSize)); err != nil {
				return nil, err
			}
		}
	}
	c := journeyv1.NewScoringServiceClient(s.conns[0])
	return func(ctx context.Context, n int64) error {
		_, err := c.GetScore(ctx, &journeyv1.GetScoreRequest{
			Name: fmt.Sprint(parent, "/customers/c-", n%batchSize, "/score"), AsOfTime: timestamppb.Now(),
		})
		return err
	}, nil
}

// overview reads all there is about customers of the demo brand.
func (s *server) overview(ctx context.Context) (func(context.Context, int64) error, error) {
	if err := s.simulate(ctx); err != nil {
		return nil, err
	}
	list, err := ticketv1.NewTicketServiceClient(s.conns[0]).ListTickets(ctx,
		&ticketv1.ListTicketsRequest{Parent: "brands/" + demo, PageSize: 200})
	if err != nil {
		return nil, err
	}
	if len(list.GetTickets()) == 0 {
		return nil, errors.New("the demo brand has no tickets")
	}
	c := gatewayv1.NewViewServiceClient(s.conns[0])
	return func(ctx context.Context, n int64) error {
		t := list.GetTickets()[int(n)%len(list.GetTickets())]
		_, err := c.GetCustomerOverview(ctx, &gatewayv1.GetCustomerOverviewRequest{Name: t.GetCustomer() + "/overview"})
		return err
	}, nil
}

// simulate fills the demo brand, once.
func (s *server) simulate(ctx context.Context) error {
	_, err := simulator.Run(ctx, s.conns[0], simulator.Options{Profile: demo, Seed: 9, Customers: 300})
	return err
}
