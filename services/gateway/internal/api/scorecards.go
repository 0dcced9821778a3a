package api

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/compose"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// standardized are the metrics by which partners are compared as if they had had the same
// tickets.
var standardized = []typev1.Metric{
	typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION, typev1.Metric_METRIC_REOPEN_RATE,
	typev1.Metric_METRIC_SLA_ATTAINMENT, typev1.Metric_METRIC_RESOLUTION_TIME_P90,
}

// GetPartnerScorecard implements ViewService.
func (v *Views) GetPartnerScorecard(ctx context.Context, req *gatewayv1.GetPartnerScorecardRequest) (*gatewayv1.PartnerScorecard, error) {
	parent, partner := name.Join("brands", name.Brand(req.GetName())), strings.TrimSuffix(req.GetName(), "/scorecard")
	card, p := &gatewayv1.PartnerScorecard{Name: req.GetName()}, &parts{}
	window, by := req.GetWindow(), []string{"partner"}
	if window == nil {
		window = v.last(ctx, p, parent, serviceSpan, gatewayv1.Part_PART_TICKET, gatewayv1.Part_PART_SURVEY)
	}
	var (
		data     compose.OfPartner
		unlisted bool // the directory does not have the partner
	)
	p.ask(
		ctx, 1,
		question{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			data.Tickets, err = v.ServiceMetrics.QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{
				Parent: parent, Window: window, Population: req.GetPopulation(), GroupBy: by, Metrics: compose.TicketMetrics,
			})
			return data.Tickets.GetBasis().GetReadTime(), err
		}},
		question{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.ServiceMetrics.ComparePartners(ctx, &ticketv1.ComparePartnersRequest{
				Parent: parent, Window: window, Population: req.GetPopulation(), Metrics: standardized, Partners: []string{partner},
			})
			card.Standardized = r.GetComparisons()
			if unlisted = status.Code(err) == codes.NotFound; unlisted {
				return nil, nil // tickets and answers may know it all the same
			}
			return r.GetBasis().GetReadTime(), err
		}},
		question{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			data.Answers, err = v.SurveyMetrics.QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{
				Parent: parent, Window: window, Population: req.GetPopulation(), GroupBy: by,
			})
			return data.Answers.GetBasis().GetReadTime(), err
		}},
		v.touched(parent, window, req.GetPopulation(), &data.Touchpoints),
		v.touched(parent, window, req.GetPopulation(), &data.Felt, "emotion"),
		v.signals(parent, &card.OpenSignals, `function_owner = PARTNER`),
	)
	if !p.ok(gatewayv1.Part_PART_TICKET) {
		data.Tickets, card.Standardized = nil, nil
	}
	if !p.ok(gatewayv1.Part_PART_JOURNEY) {
		data.Touchpoints, data.Felt, card.OpenSignals = nil, nil, nil
	}
	compose.Partner(card, window, req.GetPopulation(), partner, data)
	known := len(card.GetService()) + len(card.GetExperience()) + len(card.GetTouchpoints())
	if unlisted && p.ok(gatewayv1.Part_PART_TICKET) && p.ok(gatewayv1.Part_PART_SURVEY) && p.ok(gatewayv1.Part_PART_JOURNEY) && known == 0 {
		return nil, fault.NotFound(req.GetName())
	}
	var err error
	card.Parts, err = p.list()
	return card, err
}

// touched asks for the touchpoints of each partner, broken down further.
func (v *Views) touched(parent string, window *typev1.Window, population *typev1.Population, into **journeyv1.QueryExperienceMetricsResponse, by ...string) question {
	return question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
		*into, err = v.Insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{
			Parent: parent, Window: window, Population: population, GroupBy: append([]string{"attributes.partner"}, by...),
		})
		return (*into).GetBasis().GetReadTime(), err
	}}
}

// GetFunctionScorecard implements ViewService.
func (v *Views) GetFunctionScorecard(ctx context.Context, req *gatewayv1.GetFunctionScorecardRequest) (*gatewayv1.FunctionScorecard, error) {
	parent, p := req.GetParent(), &parts{}
	card := &gatewayv1.FunctionScorecard{Function: req.GetFunction()}
	window := req.GetWindow()
	if window == nil {
		window = v.last(ctx, p, parent, experienceSpan, gatewayv1.Part_PART_JOURNEY)
	}
	var lived *journeyv1.QueryExperienceMetricsResponse
	questions := []question{
		{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			lived, err = v.Insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{
				Parent: parent, Window: window, Population: req.GetPopulation(), GroupBy: []string{"function_owner"},
				Sections: []journeyv1.Section{journeyv1.Section_SECTION_TOUCHPOINTS},
			})
			return lived.GetBasis().GetReadTime(), err
		}},
		v.signals(parent, &card.OpenSignals, `function_owner = `+req.GetFunction().String()),
	}
	data := compose.Parts{Window: window, Population: req.GetPopulation()}
	if req.GetFunction() == typev1.Function_FUNCTION_SUPPORT {
		ask := &gatewayv1.GetServiceViewRequest{Parent: parent, Window: window, Population: req.GetPopulation()}
		questions = append(questions, v.metrics(gatewayv1.Part_PART_TICKET, ask, serviceCircle, &data)...)
		questions = append(questions, v.metrics(gatewayv1.Part_PART_SURVEY, ask, serviceCircle, &data)...)
	}
	p.ask(ctx, 1, questions...)
	if !p.ok(gatewayv1.Part_PART_JOURNEY) {
		lived, card.OpenSignals = nil, nil
	}
	card.Service = compose.Service(data).GetMeasures()
	card.Basis, card.Experience, card.Touchpoints = compose.Function(data, req.GetFunction(), lived)
	var err error
	card.Parts, err = p.list()
	return card, err
}
