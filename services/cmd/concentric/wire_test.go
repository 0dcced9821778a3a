package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/telemetry"
)

// upFor runs the named services for one test, all if none is named, and returns their
// address.
func upFor(t *testing.T, services ...string) string {
	t.Helper()
	return upWith(t, &upCmd{common: common{Data: t.TempDir()}, Services: services})
}

// upWith runs what c says for one test, on SQLite, and returns the address.
func upWith(t *testing.T, c *upCmd) string {
	t.Helper()
	c.Addr, c.DB = "127.0.0.1:0", "sqlite:{data}/{service}.db"
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "concentric", Version: version})
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(ctx, c, tel)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.serve(ctx, lis, time.Second) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return lis.Addr().String()
}

// TestALoneServiceWorksWithoutABus asks for what the ticket service does beside calls:
// it reports the breach of a clock that has two seconds left, and simulates a policy.
func TestALoneServiceWorksWithoutABus(t *testing.T) {
	conn, err := rpc.Dial(upFor(t, "ticket"), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sla, now := ticketv1.NewSlaServiceClient(conn), time.Now()
	fast := &ticketv1.SlaPolicy{DisplayName: "Fast", Targets: []*ticketv1.SlaPolicy_Target{{
		Metric: ticketv1.SlaMetric_SLA_METRIC_RESOLUTION, Duration: durationpb.New(time.Hour),
	}}}
	if _, err := sla.CreateSlaPolicy(ctx, &ticketv1.CreateSlaPolicyRequest{Parent: "brands/acme", SlaPolicyId: "fast", SlaPolicy: fast}); err != nil {
		t.Fatal(err)
	}
	watch, err := sla.WatchSlaEvents(ctx, &ticketv1.WatchSlaEventsRequest{Parent: "brands/acme"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil { // from here on it is told
		t.Fatal(err)
	}
	late, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(ctx, &ticketv1.CreateTicketRequest{Parent: "brands/acme", Ticket: &ticketv1.Ticket{
		Customer: "brands/acme/customers/ann", Subject: "Broken", Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: timestamppb.New(now.Add(2*time.Second - time.Hour)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for breached := false; !breached; {
		m, err := watch.Recv()
		if err != nil {
			t.Fatalf("the breach is not told: %v", err)
		}
		breached = m.GetEvent().GetKind() == ticketv1.SlaEvent_KIND_BREACHED && m.GetEvent().GetTicket() == late.GetName()
	}
	op, err := sla.SimulateSlaPolicy(ctx, &ticketv1.SimulateSlaPolicyRequest{
		Parent: "brands/acme", SlaPolicy: fast,
		Window: &typev1.Window{StartTime: timestamppb.New(now.Add(-3 * time.Hour)), EndTime: timestamppb.New(now)},
	})
	if err != nil {
		t.Fatal(err)
	}
	op, err = ticketv1.NewOperationServiceClient(conn).WaitOperation(ctx, &ticketv1.WaitOperationRequest{Name: op.GetName(), Timeout: durationpb.New(20 * time.Second)})
	if err != nil || !op.GetDone() || op.GetError() != nil {
		t.Errorf("simulation = %v, %v, want it done", op, err)
	}
}
