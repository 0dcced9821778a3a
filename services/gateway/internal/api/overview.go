package api

import (
	"context"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	// latest is how many rows of each kind an overview shows.
	latest = 20

	// maxFilter is how long a filter may be that says whom a list is about: filters have 2 KiB.
	maxFilter = 1700
)

// unsettled are the states of tickets that somebody still works on.
var unsettled = []ticketv1.Ticket_State{
	ticketv1.Ticket_STATE_NEW, ticketv1.Ticket_STATE_OPEN, ticketv1.Ticket_STATE_PENDING, ticketv1.Ticket_STATE_ON_HOLD,
}

// GetCustomerOverview implements ViewService. A customer that others are part of is asked
// for anew under all names, once those are known.
func (v *Views) GetCustomerOverview(ctx context.Context, req *gatewayv1.GetCustomerOverviewRequest) (*gatewayv1.CustomerOverview, error) {
	brand, customer := name.Join("brands", name.Brand(req.GetName())), strings.TrimSuffix(req.GetName(), "/overview")
	o, p := &gatewayv1.CustomerOverview{Name: req.GetName()}, &parts{}
	if err := v.await(ctx, p, brand, req.GetMinRevisions()); err != nil {
		return nil, err
	}
	p.ask(ctx, 2, append(v.told(o, brand, []string{customer}), v.lived(o, brand, customer)...)...)
	if names := namesOf(customer, o.GetCustomer()); len(names) > 1 {
		p.ask(ctx, 1, append(v.told(o, brand, names), v.signals(brand, &o.OpenSignals, about(names)...))...)
	}
	if !p.ok(gatewayv1.Part_PART_TICKET) { // what only half answered is missing
		o.Tickets, o.OpenTickets = nil, nil
	}
	if !p.ok(gatewayv1.Part_PART_SURVEY) {
		o.Responses, o.PendingInvitations = nil, nil
	}
	if !p.ok(gatewayv1.Part_PART_JOURNEY) {
		o.Customer, o.Touchpoints, o.Score, o.OpenSignals = nil, nil, nil, nil
	}
	var err error
	o.Parts, err = p.list()
	return o, err
}

// namesOf returns the names that a customer goes by, the asked one first.
func namesOf(asked string, c *journeyv1.Customer) []string {
	names := []string{asked}
	for _, n := range append([]string{c.GetName()}, c.GetMergedCustomers()...) {
		if n != "" && n != asked && len(names) < maxRows { // more than a list can be asked for
			names = append(names, n)
		}
	}
	return names
}

// about returns filters that speak of all the names between them, each of as many as fit.
func about(names []string) (filters []string) {
	text := ""
	for _, n := range names {
		one := `customer = "` + n + `"`
		switch {
		case text == "":
			text = one
		case len(text)+len(one) > maxFilter:
			filters, text = append(filters, "("+text+")"), one
		default:
			text += " OR " + one
		}
	}
	return append(filters, "("+text+")")
}

// gather asks for a list by each filter, at the same time, and returns all rows, the latest
// first and as many as an overview shows.
func gather[T any](filters []string, list func(filter string) ([]T, error), at func(T) *timestamppb.Timestamp) ([]T, error) {
	lists, errs := make([][]T, len(filters)), make([]error, len(filters))
	var wg sync.WaitGroup
	for i, f := range filters {
		wg.Go(func() { lists[i], errs[i] = list(f) })
	}
	wg.Wait()
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b T) int { return at(b).AsTime().Compare(at(a).AsTime()) })
	return all[:min(latest, len(all))], first(errs)
}

// told returns what the ticket and the survey service are asked about a customer of these
// names.
func (v *Views) told(o *gatewayv1.CustomerOverview, brand string, names []string) []question {
	return []question{
		{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Tickets.ListTickets(ctx, &ticketv1.ListTicketsRequest{Parent: brand, Customers: names, PageSize: latest})
			o.Tickets = r.GetTickets()
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Tickets.ListTickets(ctx, &ticketv1.ListTicketsRequest{Parent: brand, Customers: names, States: unsettled, PageSize: latest})
			o.OpenTickets = r.GetTickets()
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Responses.ListResponses(ctx, &surveyv1.ListResponsesRequest{Parent: brand, Customers: names, PageSize: latest})
			o.Responses = r.GetResponses()
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			all, err := gather(about(names), func(whose string) ([]*surveyv1.Invitation, error) {
				r, err := v.Invitations.ListInvitations(ctx, &surveyv1.ListInvitationsRequest{
					Parent: brand + "/surveys/-", PageSize: 2 * latest, // some may have expired
					Filter: whose + ` AND decision = SENT AND (state = PENDING OR state = SENT OR state = DELIVERED OR state = DISPLAYED OR state = STARTED)`,
				})
				return pending(r.GetInvitations()), err
			}, (*surveyv1.Invitation).GetDecideTime)
			o.PendingInvitations = all
			return timestamppb.Now(), err
		}},
	}
}

// pending returns the invitations that can still be answered.
func pending(all []*surveyv1.Invitation) []*surveyv1.Invitation {
	return slices.DeleteFunc(all, func(i *surveyv1.Invitation) bool { return i.GetState() == surveyv1.Invitation_STATE_EXPIRED })
}

// lived returns what the journey service is asked about a customer.
func (v *Views) lived(o *gatewayv1.CustomerOverview, brand, customer string) []question {
	return []question{
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			o.Customer, err = v.Customers.GetCustomer(ctx, &journeyv1.GetCustomerRequest{Name: customer})
			if status.Code(err) == codes.NotFound {
				o.Customer, err = nil, nil // nobody has met this customer yet
			}
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Touchpoints.ListTouchpoints(ctx, &journeyv1.ListTouchpointsRequest{Parent: customer, PageSize: latest})
			if status.Code(err) == codes.NotFound {
				err = nil
			}
			o.Touchpoints = r.GetTouchpoints()
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			o.Score, err = v.Scoring.GetScore(ctx, &journeyv1.GetScoreRequest{Name: customer + "/score"})
			if status.Code(err) == codes.NotFound {
				o.Score, err = nil, nil
			}
			return timestamppb.Now(), err
		}},
		v.signals(brand, &o.OpenSignals, about([]string{customer})...),
	}
}

// signals asks for the latest signals that nobody has closed, of those that a filter picks.
func (v *Views) signals(brand string, into *[]*journeyv1.Signal, filters ...string) question {
	return question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
		*into, err = gather(filters, func(which string) ([]*journeyv1.Signal, error) {
			r, err := v.Signals.ListSignals(ctx, &journeyv1.ListSignalsRequest{
				Parent: brand, PageSize: latest, Filter: which + ` AND (state = OPEN OR state = ACKNOWLEDGED OR state = ACTIONED)`,
			})
			return r.GetSignals(), err
		}, (*journeyv1.Signal).GetOpenTime)
		return timestamppb.Now(), err
	}}
}
