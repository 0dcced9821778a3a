package api

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// maxRows is how many rows a part is asked for at a time.
const maxRows = 200

// BatchGetCustomerOverviews implements ViewService. The journey service comes first: it
// knows which names are one customer's.
func (v *Views) BatchGetCustomerOverviews(ctx context.Context, req *gatewayv1.BatchGetCustomerOverviewsRequest) (*gatewayv1.BatchGetCustomerOverviewsResponse, error) {
	b := newBatch(req.GetNames())
	for _, n := range req.GetNames() {
		if name.Brand(n) != name.Brand(req.GetParent()) {
			return nil, fault.NotFound(n)
		}
	}
	p := &parts{}
	p.ask(ctx, 2, v.known(req.GetParent(), b)...)
	if !p.ok(gatewayv1.Part_PART_JOURNEY) {
		for _, o := range b.overviews {
			o.Customer, o.Score = nil, nil
		}
	}
	b.learn()
	p.ask(ctx, 1, v.heard(req.GetParent(), b)...)
	states, err := p.list()
	return &gatewayv1.BatchGetCustomerOverviewsResponse{Overviews: b.overviews, Parts: states}, err
}

// A batch is several overviews on their way.
type batch struct {
	overviews []*gatewayv1.CustomerOverview
	customers []string                               // in the same order
	of        map[string]*gatewayv1.CustomerOverview // by the customer asked for
	names     []string                               // that the customers go by
	owners    map[string][]*gatewayv1.CustomerOverview
}

func newBatch(names []string) *batch {
	b := &batch{of: map[string]*gatewayv1.CustomerOverview{}, owners: map[string][]*gatewayv1.CustomerOverview{}}
	for _, n := range names {
		o, customer := &gatewayv1.CustomerOverview{Name: n}, strings.TrimSuffix(n, "/overview")
		b.overviews, b.customers = append(b.overviews, o), append(b.customers, customer)
		b.of[customer] = o
	}
	return b
}

// learn finds out by which names the customers go: first their own, then as many others as
// there is room for.
func (b *batch) learn() {
	own := func(n string, o *gatewayv1.CustomerOverview) {
		if b.owners[n] == nil {
			if len(b.names) == maxRows {
				return
			}
			b.names = append(b.names, n)
		}
		b.owners[n] = append(b.owners[n], o)
	}
	for i, o := range b.overviews {
		own(b.customers[i], o)
	}
	for i, o := range b.overviews {
		for _, n := range namesOf(b.customers[i], o.GetCustomer())[1:] {
			own(n, o)
		}
	}
}

// each is how many rows of one name fit.
func (b *batch) each() int32 { return int32(min(latest, maxRows/len(b.names))) } //nolint:gosec // at most 20

// known returns what the journey service is asked about all of them.
func (v *Views) known(parent string, b *batch) []question {
	return []question{
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Customers.BatchGetCustomers(ctx, &journeyv1.BatchGetCustomersRequest{Parent: parent, Names: b.customers})
			for i, c := range r.GetCustomers() {
				if i < len(r.GetRequestedNames()) && b.of[r.GetRequestedNames()[i]] != nil {
					b.of[r.GetRequestedNames()[i]].Customer = c
				}
			}
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			names := make([]string, len(b.customers))
			for i, c := range b.customers {
				names[i] = c + "/score"
			}
			r, err := v.Scoring.BatchGetScores(ctx, &journeyv1.BatchGetScoresRequest{Parent: parent, Names: names})
			missing := map[string]bool{}
			for _, n := range r.GetNotFound() {
				missing[n] = true
			}
			scores := r.GetScores()
			for i, n := range names { // one that is part of another has its score
				if !missing[n] && len(scores) > 0 {
					b.overviews[i].Score, scores = scores[0], scores[1:]
				}
			}
			return timestamppb.Now(), err
		}},
	}
}

// heard returns what the ticket and the survey service are asked about all of them.
func (v *Views) heard(parent string, b *batch) []question {
	return []question{
		{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Tickets.ListTickets(ctx, &ticketv1.ListTicketsRequest{
				Parent: parent, Customers: b.names, PerCustomer: b.each(), States: unsettled, PageSize: maxRows,
			})
			for _, t := range r.GetTickets() {
				for _, o := range b.owners[t.GetCustomer()] {
					o.OpenTickets = more(o.OpenTickets, t)
				}
			}
			return timestamppb.Now(), err
		}},
		{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Responses.ListResponses(ctx, &surveyv1.ListResponsesRequest{
				Parent: parent, Customers: b.names, PerCustomer: b.each(), PageSize: maxRows,
			})
			for _, one := range r.GetResponses() {
				for _, o := range b.owners[one.GetCustomer()] {
					o.Responses = more(o.Responses, one)
				}
			}
			return timestamppb.Now(), err
		}},
	}
}

// more returns rows and one more, if there is room for it.
func more[T any](rows []T, one T) []T {
	if len(rows) == latest {
		return rows
	}
	return append(rows, one)
}
