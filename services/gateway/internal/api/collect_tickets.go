package api

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
)

// GetMyTickets implements CollectService.
func (c *Collect) GetMyTickets(ctx context.Context, req *gatewayv1.GetMyTicketsRequest) (*gatewayv1.GetMyTicketsResponse, error) {
	brand := name.Brand(req.GetCustomer())
	ctx, customer, err := c.bound(ctx, brand, req.GetCustomer(), "tickets:read", "customers:read")
	if err != nil {
		return nil, err
	}
	names, err := c.namesSoon(ctx, customer)
	if err != nil {
		return nil, err
	}
	page, err := c.Tickets.ListTickets(ctx, &ticketv1.ListTicketsRequest{
		Parent: name.Join("brands", brand), Customers: names, PageSize: req.GetPageSize(), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	res := &gatewayv1.GetMyTicketsResponse{NextPageToken: page.GetNextPageToken()}
	for _, t := range page.GetTickets() {
		res.Tickets = append(res.Tickets, toMyTicket(t))
	}
	return res, nil
}

// GetMyMessages implements CollectService.
func (c *Collect) GetMyMessages(ctx context.Context, req *gatewayv1.GetMyMessagesRequest) (*gatewayv1.GetMyMessagesResponse, error) {
	ctx, err := c.mine(ctx, req.GetName(), req.GetCustomer(), "tickets:read")
	if err != nil {
		return nil, err
	}
	page, err := c.Interactions.ListInteractions(ctx, &ticketv1.ListInteractionsRequest{
		Parent: req.GetName(), PageSize: req.GetPageSize(), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	res := &gatewayv1.GetMyMessagesResponse{NextPageToken: page.GetNextPageToken()}
	for _, i := range page.GetInteractions() {
		if i.GetDirection() != ticketv1.Interaction_DIRECTION_INTERNAL {
			res.Messages = append(res.Messages, toMyMessage(i))
		}
	}
	return res, nil
}

// CreateMyTicket implements CollectService. A repeat goes on where the call before it broke
// off: both halves know it by the request_id.
func (c *Collect) CreateMyTicket(ctx context.Context, req *gatewayv1.CreateMyTicketRequest) (*gatewayv1.MyTicket, error) {
	brand := name.Brand(req.GetCustomer())
	ctx, customer, err := c.bound(ctx, brand, req.GetCustomer(), "tickets:write")
	if err != nil {
		return nil, err
	}
	request, err := uuid.Parse(req.GetRequestId())
	if err != nil { // there is none: the two halves still have to be told apart from others
		request = uuid.New()
	}
	t, err := c.Tickets.CreateTicket(ctx, &ticketv1.CreateTicketRequest{
		Parent: name.Join("brands", brand), RequestId: request.String(), ValidateOnly: req.GetValidateOnly(),
		Ticket: &ticketv1.Ticket{Customer: customer, Subject: req.GetSubject(), IssueKind: req.GetIssueKind(), Channel: channelOf(req.GetChannel())},
	})
	if err != nil || req.GetValidateOnly() {
		return toMyTicket(t), err
	}
	said := message(req.GetText(), req.GetChannel())
	_, err = c.Interactions.CreateInteraction(ctx, &ticketv1.CreateInteractionRequest{
		Parent: t.GetName(), Interaction: said, RequestId: uuid.NewSHA1(request, []byte("message")).String(),
	})
	if fault.Reason(err) == "IDEMPOTENCY_MISMATCH" {
		return nil, once.Mismatch(req.GetRequestId()) // the caller knows nothing of the id of the message
	}
	if err != nil {
		return nil, err
	}
	return toMyTicket(t), nil
}

// AddMyMessage implements CollectService.
func (c *Collect) AddMyMessage(ctx context.Context, req *gatewayv1.AddMyMessageRequest) (*gatewayv1.MyMessage, error) {
	ctx, err := c.mine(ctx, req.GetName(), req.GetCustomer(), "tickets:read", "tickets:write")
	if err != nil {
		return nil, err
	}
	i, err := c.Interactions.CreateInteraction(ctx, &ticketv1.CreateInteractionRequest{
		Parent: req.GetName(), Interaction: message(req.GetText(), req.GetChannel()), RequestId: req.GetRequestId(), ValidateOnly: req.GetValidateOnly(),
	})
	if err != nil {
		return nil, err
	}
	return toMyMessage(i), nil
}

// mine is bound for a call about a ticket, which must be the customer's, under whatever name: a
// ticket of another is one that is not there.
func (c *Collect) mine(ctx context.Context, ticket, given string, scopes ...string) (context.Context, error) {
	ctx, customer, err := c.bound(ctx, name.Brand(ticket), given, append(scopes, "customers:read")...)
	if err != nil {
		return ctx, err
	}
	t, err := c.Tickets.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: ticket})
	if err != nil || t.GetCustomer() == customer {
		return ctx, err
	}
	names, err := c.names(ctx, customer)
	if err == nil && !slices.Contains(names, t.GetCustomer()) {
		err = fault.NotFound(ticket)
	}
	return ctx, err
}

// names returns the names that a customer goes by, in the order of the alphabet, so that lists
// about them go on from page to page.
func (c *Collect) names(ctx context.Context, customer string) ([]string, error) {
	known, err := c.Customers.GetCustomer(ctx, &journeyv1.GetCustomerRequest{Name: customer})
	if err != nil && status.Code(err) != codes.NotFound { // nobody has met this customer yet
		return nil, err
	}
	names := namesOf(customer, known)
	slices.Sort(names)
	return names, nil
}

// soon is how long a list waits for the names of its customer.
const soon = time.Second

// namesSoon returns the names that a customer goes by, or the one that is known here if nobody
// says more in time: most have no other.
func (c *Collect) namesSoon(ctx context.Context, customer string) ([]string, error) {
	asking, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	names, err := c.names(asking, customer)
	if code := status.Code(err); ctx.Err() == nil && (code == codes.Unavailable || code == codes.DeadlineExceeded) {
		return []string{customer}, nil
	}
	return names, err
}

// message is what a customer writes.
func message(text string, channel typev1.Channel) *ticketv1.Interaction {
	return &ticketv1.Interaction{
		Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_INBOUND,
		Actor: ticketv1.Interaction_ACTOR_CUSTOMER, Channel: channelOf(channel), Text: text,
	}
}

func channelOf(given typev1.Channel) typev1.Channel {
	if given == typev1.Channel_CHANNEL_UNSPECIFIED {
		return typev1.Channel_CHANNEL_MOBILE_APP
	}
	return given
}

// toMyTicket returns what the customer may see of a ticket.
func toMyTicket(t *ticketv1.Ticket) *gatewayv1.MyTicket {
	if t == nil {
		return nil
	}
	return &gatewayv1.MyTicket{
		Name: t.GetName(), Subject: t.GetSubject(), State: t.GetState(), IssueKind: t.GetIssueKind(),
		OpenTime: t.GetOpenTime(), ResolveTime: t.GetResolveTime(), UpdateTime: t.GetUpdateTime(),
	}
}

// toMyMessage returns what the customer may see of an interaction.
func toMyMessage(i *ticketv1.Interaction) *gatewayv1.MyMessage {
	return &gatewayv1.MyMessage{
		Name: i.GetName(), Mine: i.GetActor() == ticketv1.Interaction_ACTOR_CUSTOMER, Text: i.GetText(), Channel: i.GetChannel(), EventTime: i.GetStartTime(),
	}
}
