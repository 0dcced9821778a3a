package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// mergedLife: a customer asks twice and comes back late. However the tickets are put
// together, each thing that was said is one touchpoint, and so is each resolution.
func mergedLife(t *testing.T, c *clients) {
	cleo := c.brand(t) + "/customers/cleo"
	first := c.open(t, cleo, typev1.Channel_CHANNEL_EMAIL, noon)
	second := c.open(t, cleo, typev1.Channel_CHANNEL_CHAT, noon.Add(time.Minute))
	said := map[string]string{} // ticket by interaction
	keep := func(i *ticketv1.Interaction, on *ticketv1.Ticket) {
		t.Helper()
		if name.Parent(i.GetName()) != on.GetName() {
			t.Errorf("the interaction is %s, want it on %s", i.GetName(), on.GetName())
		}
		said[i.GetName()] = on.GetName()
	}
	keep(c.call(t, first, noon.Add(time.Hour)), first)
	keep(c.asks(t, second, noon.Add(2*time.Hour)), second)
	merge := &ticketv1.MergeTicketsRequest{
		Name: first.GetName(), Sources: []string{second.GetName()}, EventTime: timestamppb.New(noon.Add(3 * time.Hour)), RequestId: uuid.NewString(),
	}
	for range 2 {
		must(c.tickets.MergeTickets(t.Context(), merge))(t)
	}
	keep(c.asks(t, second, noon.Add(4*time.Hour)), first) // where the second has gone
	c.resolve(t, first, noon.Add(5*time.Hour))
	must(c.tickets.CloseTicket(t.Context(), &ticketv1.CloseTicketRequest{Name: first.GetName()}))(t)

	again := &ticketv1.CreateInteractionRequest{
		Parent: second.GetName(), RequestId: uuid.NewString(),
		Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_INBOUND,
			Actor: ticketv1.Interaction_ACTOR_CUSTOMER, StartTime: timestamppb.New(noon.AddDate(0, 0, 7)),
		},
	}
	late := must(c.interactions.CreateInteraction(t.Context(), again))(t)
	same(t, must(c.interactions.CreateInteraction(t.Context(), again))(t), late)
	next := must(c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: name.Parent(late.GetName())}))(t)
	if next.GetFollowUpOf() != first.GetName() || next.GetState() != ticketv1.Ticket_STATE_NEW || next.GetCustomer() != cleo {
		t.Errorf("after its end the ticket is followed up by %v", next)
	}
	keep(late, next)
	_, err := c.tickets.MergeTickets(t.Context(), &ticketv1.MergeTicketsRequest{Name: next.GetName(), Sources: []string{first.GetName()}})
	refused(t, err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")

	resolutions := 0
	for _, p := range c.lived(t, cleo, len(said)+1) {
		if p.GetInteraction() == "" {
			if resolutions++; p.GetTicket() != first.GetName() {
				t.Errorf("the resolution is %v, want that of %s", p, first.GetName())
			}
			continue
		}
		if said[p.GetInteraction()] != p.GetTicket() {
			t.Errorf("a touchpoint is %v, want one of %v, once", p, said)
		}
		delete(said, p.GetInteraction())
	}
	if resolutions != 1 || len(said) != 0 {
		t.Errorf("there are %d resolutions, and nothing of %v", resolutions, said)
	}
}
