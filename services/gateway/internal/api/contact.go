package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/compose"
	"github.com/concentric-cx/concentric/services/internal/measure"
)

// GetContactRate implements ViewService.
func (v *Views) GetContactRate(ctx context.Context, req *gatewayv1.GetContactRateRequest) (*gatewayv1.GetContactRateResponse, error) {
	p, window, baseline := &parts{}, req.GetWindow(), req.GetBaseline()
	if window == nil {
		window = v.last(ctx, p, req.GetParent(), serviceSpan, gatewayv1.Part_PART_TICKET, gatewayv1.Part_PART_JOURNEY)
	}
	if baseline == nil {
		baseline = before(window)
	}
	var now, then compose.Contacts
	questions := v.contacts(req, window, &now)
	if baseline != nil {
		questions = append(questions, v.contacts(req, baseline, &then)...)
	}
	p.ask(ctx, 1, questions...)
	if !p.ok(gatewayv1.Part_PART_TICKET) {
		now.Tickets, then.Tickets = nil, nil
	}
	if !p.ok(gatewayv1.Part_PART_JOURNEY) {
		now.Journey, then.Journey = nil, nil
	}
	answer := &gatewayv1.GetContactRateResponse{
		Basis: now.Basis(window, req.GetPopulation()), BaselineBasis: then.Basis(baseline, req.GetPopulation()),
		Customers: now.Customers(), BaselineCustomers: then.Customers(),
	}
	answer.Rate, answer.Groups = compose.ContactRates(now, then)
	var err error
	answer.Parts, err = p.list()
	return answer, err
}

// before returns the window of the same length that ends where w begins, as far as there is
// time before that; nil if there is none.
func before(w *typev1.Window) *typev1.Window {
	start, end := w.GetStartTime().AsTime(), w.GetEndTime().AsTime()
	first := start.Add(-end.Sub(start))
	if first.Unix() < 0 {
		first = (&timestamppb.Timestamp{}).AsTime()
	}
	if w == nil || !first.Before(start) {
		return nil
	}
	return measure.Window(first, start)
}

// contacts returns what the parts are asked for about one window.
func (v *Views) contacts(req *gatewayv1.GetContactRateRequest, window *typev1.Window, into *compose.Contacts) []question {
	return []question{
		{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			into.Tickets, err = v.ServiceMetrics.QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{
				Parent: req.GetParent(), Window: window, Population: req.GetPopulation(), GroupBy: req.GetGroupBy(),
				Metrics: []typev1.Metric{typev1.Metric_METRIC_TICKET_COUNT},
			})
			return into.Tickets.GetBasis().GetReadTime(), err
		}},
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			into.Journey, err = v.Insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{
				Parent: req.GetParent(), Window: window, Population: req.GetPopulation(),
			})
			return into.Journey.GetBasis().GetReadTime(), err
		}},
	}
}
