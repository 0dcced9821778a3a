package ticket_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/operation/operationtest"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// replicate has a replica of the service, known by a name, do its work until stop is called.
func replicate(t *testing.T, address, replica, url string) (c counter, stop func()) {
	t.Helper()
	c = newCounter(t, sqldbtest.Open(t, operationtest.As(t, address, replica)))
	b, err := bus.Open(t.Context(), bus.Config{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { c.service.Work(ctx) })
	wg.Go(func() {
		if err := c.service.Run(ctx, b); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return c, stop
}

// TestReplicasShareASimulation has one of them end in the middle, and finds what one alone
// does.
func TestReplicasShareASimulation(t *testing.T) {
	address, url := migrated.Postgres(t), operationtest.Listen(t)
	alone := newCounter(t, sqldbtest.Open(t, address))
	must(alone.CreateSlaPolicy)(t, policy("p", "", target(firstResponse, time.Hour)))
	const tickets = 6_100
	stream, err := alone.ImportTickets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range tickets {
		r := foreignRow(fmt.Sprint("t", i))
		r.Interactions = []*ticketv1.Interaction{say("", inbound, 0).GetInteraction()}
		if i%3 > 0 {
			r.Interactions = append(r.Interactions, say("", outbound, time.Duration(i%3)*40*time.Minute).GetInteraction())
		}
		if stream.Send(r) != nil {
			break // CloseAndRecv says why
		}
	}
	if resp, err := stream.CloseAndRecv(); err != nil || resp.GetImportedCount() != tickets {
		t.Fatalf("import = %v, %v", resp, err)
	}
	operationtest.Witness(t, alone.db)
	ask := &ticketv1.SimulateSlaPolicyRequest{
		Parent: acme, Window: century(), SlaPolicy: policy("", "", target(firstResponse, 50*time.Minute)).GetSlaPolicy(),
	}
	simulate := func(c counter) (op string, answer func() *ticketv1.SimulateSlaPolicyResponse) {
		op = must(c.SimulateSlaPolicy)(t, ask).GetName()
		return op, func() *ticketv1.SimulateSlaPolicyResponse {
			resp := &ticketv1.SimulateSlaPolicyResponse{}
			operationtest.Until(t, "the answer", func() bool {
				o := must(alone.GetOperation)(t, &ticketv1.GetOperationRequest{Name: op})
				return o.GetDone() && o.GetResponse().UnmarshalTo(resp) == nil
			})
			resp.Basis.AsOfTime, resp.Basis.ReadTime = nil, nil
			return resp
		}
	}
	end := alone.run(t)
	_, answer := simulate(alone)
	want := answer()
	end()
	if want.GetBasis().GetIncluded() != tickets || len(want.GetResults()) == 0 {
		t.Fatalf("one alone finds %v", want)
	}

	first, stop := replicate(t, address, "first", url)
	replicate(t, address, "second", url)
	did := func(replica string) int { n, _ := operationtest.Did(t, alone.db, replica); return n }
	op, answer := simulate(first)
	operationtest.Until(t, "both at it", func() bool { return did("first") > 0 && did("second") > 0 })
	stop()
	meta := &ticketv1.SimulateSlaPolicyMetadata{}
	operationtest.Until(t, "progress", func() bool {
		o := must(alone.GetOperation)(t, &ticketv1.GetOperationRequest{Name: op})
		return o.GetMetadata().UnmarshalTo(meta) == nil && meta.GetDoneCount() > 0 && meta.GetTotalCount() == tickets
	})
	if got := answer(); !proto.Equal(got, want) {
		t.Errorf("replicas find %v, want %v", got, want)
	}
	_, twice := operationtest.Did(t, alone.db, "")
	if twice != 0 || did("first") == 0 || did("second") == 0 || did("first")+did("second") != 13 {
		t.Errorf("the replicas did %d and %d parts, %d twice, want 13 and none twice", did("first"), did("second"), twice)
	}
	t.Logf("the first did %d parts, the second %d", did("first"), did("second"))
}
