package ticket_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// TestAnOldOperationIsForgotten makes one old while there is no other.
func TestAnOldOperationIsForgotten(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		op := must(c.SimulateSlaPolicy)(t, &ticketv1.SimulateSlaPolicyRequest{
			Parent: acme, Window: century(), SlaPolicy: policy("", "", target(firstResponse, time.Hour)).GetSlaPolicy(),
		})
		must(c.CancelOperation)(t, &ticketv1.CancelOperationRequest{Name: op.GetName()})
		set(t, c.client, `UPDATE operation SET end_time = $1`, time.Now().AddDate(0, 0, -8).UnixMicro())
		must(c.GetOperation)(t, &ticketv1.GetOperationRequest{Name: op.GetName()})
		c.run(t)
		until(t, "the end of the operation", func() bool {
			_, err := c.GetOperation(t.Context(), &ticketv1.GetOperationRequest{Name: op.GetName()})
			return status.Code(err) == codes.NotFound
		})
	})
}

// TestAnOperationGoesOnAfterARestart asks for simulations while nobody works on them.
func TestAnOperationGoesOnAfterARestart(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("p", "", target(firstResponse, time.Hour)))
		for i := range 450 {
			tk := must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { req.TicketId = fmt.Sprint("t", i) })).GetName()
			must(c.CreateInteraction)(t, say(tk, inbound, 0))
			if i%3 > 0 {
				must(c.CreateInteraction)(t, say(tk, outbound, time.Duration(i%3)*40*time.Minute))
			}
		}
		ask := &ticketv1.SimulateSlaPolicyRequest{
			Parent: acme, Window: century(), SlaPolicy: policy("", "", target(firstResponse, 30*time.Minute)).GetSlaPolicy(),
			RequestId: "11111111-1111-4111-8111-111111111111",
		}
		first := must(c.SimulateSlaPolicy)(t, ask)
		if again := must(c.SimulateSlaPolicy)(t, ask); again.GetName() != first.GetName() || first.GetDone() {
			t.Errorf("a repeat answers %v, want %v", again, first)
		}
		ask.RequestId = ""
		second := must(c.SimulateSlaPolicy)(t, ask)
		waited := must(c.WaitOperation)(t, &ticketv1.WaitOperationRequest{Name: second.GetName(), Timeout: durationpb.New(time.Millisecond)})
		equal(t, "an operation that nobody works on", waited, second)
		must(c.CancelOperation)(t, &ticketv1.CancelOperationRequest{Name: second.GetName()})

		stop := c.run(t)
		until(t, "some of the work", func() bool {
			meta := &ticketv1.SimulateSlaPolicyMetadata{}
			op := must(c.GetOperation)(t, &ticketv1.GetOperationRequest{Name: first.GetName()})
			if err := op.GetMetadata().UnmarshalTo(meta); err != nil {
				t.Fatal(err)
			}
			return meta.GetDoneCount() > 0 && meta.GetTotalCount() == 450
		})
		stop()
		c.run(t)
		resp := &ticketv1.SimulateSlaPolicyResponse{}
		until(t, "the rest", func() bool {
			op := must(c.WaitOperation)(t, &ticketv1.WaitOperationRequest{Name: first.GetName()})
			return op.GetDone() && op.GetResponse().UnmarshalTo(resp) == nil
		})
		if resp.GetBasis().GetIncluded() != 450 || len(resp.GetResults()) != 2 {
			t.Fatalf("the answer is %v", resp)
		}
		r := resp.GetResults()[0]
		if got := fmt.Sprintf("%.3f of %d, %.3f of %d, %d lost, %d won", r.GetCurrent().GetValue(), r.GetCurrent().GetN(),
			r.GetSimulated().GetValue(), r.GetSimulated().GetN(), r.GetLostCount(), r.GetWonCount()); got != "0.333 of 450, 0.000 of 450, 150 lost, 0 won" {
			t.Errorf("simulated: %s", got)
		}
		if _, err := c.CancelOperation(t.Context(), &ticketv1.CancelOperationRequest{Name: first.GetName()}); err != nil {
			t.Errorf("cancelling a finished one: %v", err)
		}
		if op := must(c.GetOperation)(t, &ticketv1.GetOperationRequest{Name: second.GetName()}); codes.Code(op.GetError().GetCode()) != codes.Canceled {
			t.Errorf("the cancelled one is %v", op)
		}
		page := must(c.ListOperations)(t, &ticketv1.ListOperationsRequest{Parent: acme, PageSize: 1})
		rest := must(c.ListOperations)(t, &ticketv1.ListOperationsRequest{Parent: acme, PageSize: 1, PageToken: page.GetNextPageToken()})
		if len(page.GetOperations()) != 1 || page.GetOperations()[0].GetName() != second.GetName() || rest.GetOperations()[0].GetName() != first.GetName() || rest.GetNextPageToken() != "" {
			t.Errorf("the operations are %v, then %v", page, rest)
		}
		_, err := c.GetOperation(t.Context(), &ticketv1.GetOperationRequest{Name: acme + "/operations/none"})
		refused(t, err, codes.NotFound)
	})
}
