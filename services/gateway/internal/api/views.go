// Package api answers the calls of the gateway.
package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/compose"
)

// The windows of the single views, up to the end of the brand's data: service is
// short-term, experience long-term.
const (
	serviceSpan    = 28 * 24 * time.Hour
	experienceSpan = 365 * 24 * time.Hour
)

// Views implements ViewService. Its fields are set once, before serving.
type Views struct {
	gatewayv1.UnimplementedViewServiceServer

	Tickets        ticketv1.TicketServiceClient
	ServiceMetrics ticketv1.ServiceMetricsServiceClient
	Responses      surveyv1.ResponseServiceClient
	SurveyMetrics  surveyv1.SurveyMetricsServiceClient
	Touchpoints    journeyv1.TouchpointServiceClient
	Scoring        journeyv1.ScoringServiceClient
	Insight        journeyv1.InsightServiceClient
}

// A viewRequest is what all three view requests have in common.
type viewRequest interface {
	GetParent() string
	GetWindow() *typev1.Window
	GetPopulation() *typev1.Population
	GetGroupBy() []string
}

// GetServiceView implements ViewService.
func (v *Views) GetServiceView(ctx context.Context, req *gatewayv1.GetServiceViewRequest) (*gatewayv1.GetServiceViewResponse, error) {
	data, states, err := v.collect(ctx, req, serviceSpan, gatewayv1.Part_PART_TICKET, gatewayv1.Part_PART_SURVEY)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.GetServiceViewResponse{Service: compose.Service(data), Parts: states}, nil
}

// GetExperienceView implements ViewService.
func (v *Views) GetExperienceView(ctx context.Context, req *gatewayv1.GetExperienceViewRequest) (*gatewayv1.GetExperienceViewResponse, error) {
	data, states, err := v.collect(ctx, req, experienceSpan, gatewayv1.Part_PART_JOURNEY, gatewayv1.Part_PART_SURVEY)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.GetExperienceViewResponse{Experience: compose.Experience(data), Parts: states}, nil
}

// CompareViews implements ViewService.
func (v *Views) CompareViews(ctx context.Context, req *gatewayv1.CompareViewsRequest) (*gatewayv1.CompareViewsResponse, error) {
	data, states, err := v.collect(ctx, req, 0, gatewayv1.Part_PART_TICKET, gatewayv1.Part_PART_SURVEY, gatewayv1.Part_PART_JOURNEY)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.CompareViewsResponse{
		Window: data.Window, Service: compose.Service(data), Experience: compose.Experience(data), Parts: states,
	}, nil
}

// collect asks the wanted parts for one window and one population. Where the
// request has no window, it is the last part of the brand's data, as long as span,
// or all of it if span is zero.
func (v *Views) collect(ctx context.Context, req viewRequest, span time.Duration, wanted ...gatewayv1.Part) (compose.Parts, []*gatewayv1.PartState, error) {
	p := &parts{}
	data := compose.Parts{Window: req.GetWindow(), Population: req.GetPopulation()}
	if data.Window == nil {
		data.Window = v.span(ctx, p, req.GetParent(), wanted)
		if start := data.Window.GetEndTime().AsTime().Add(-span); data.Window != nil && span > 0 && start.After(data.Window.GetStartTime().AsTime()) {
			data.Window.StartTime = timestamppb.New(start)
		}
	}
	var questions []question
	for _, part := range wanted {
		questions = append(questions, v.metrics(part, req, wanted, &data)...)
	}
	p.ask(ctx, 1, questions...)
	states, err := p.list()
	return data, states, err
}

// metrics returns what one part is asked for its share of the wanted circles. Each
// answer goes into a field of its own.
func (v *Views) metrics(part gatewayv1.Part, req viewRequest, wanted []gatewayv1.Part, data *compose.Parts) []question {
	parent, by := req.GetParent(), req.GetGroupBy()
	switch part {
	case gatewayv1.Part_PART_TICKET:
		return []question{{part, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			data.Ticket, err = v.ServiceMetrics.QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{
				Parent: parent, Window: data.Window, Population: data.Population, GroupBy: compose.Known(by, compose.TicketDimensions),
				Metrics: compose.TicketMetrics,
			})
			return data.Ticket.GetBasis().GetReadTime(), err
		}}}
	case gatewayv1.Part_PART_SURVEY:
		var questions []question
		about := func(answer **surveyv1.QuerySurveyMetricsResponse, subjects []typev1.Subject) {
			questions = append(questions, question{part, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
				*answer, err = v.SurveyMetrics.QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{
					Parent: parent, Window: data.Window, Population: data.Population, GroupBy: compose.Known(by, compose.SurveyDimensions),
					Subjects: subjects,
				})
				return (*answer).GetBasis().GetReadTime(), err
			}})
		}
		if slices.Contains(wanted, gatewayv1.Part_PART_TICKET) {
			about(&data.AboutService, compose.ServiceSubjects)
		}
		if slices.Contains(wanted, gatewayv1.Part_PART_JOURNEY) {
			about(&data.AboutExperience, compose.ExperienceSubjects)
		}
		return questions
	default:
		return []question{{part, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			data.Journey, err = v.Insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{
				Parent: parent, Window: data.Window, Population: data.Population, GroupBy: compose.Known(by, compose.JourneyDimensions),
			})
			return data.Journey.GetBasis().GetReadTime(), err
		}}}
	}
}

// span returns the span of the brand's data over the wanted parts, or nil without
// data.
func (v *Views) span(ctx context.Context, p *parts, parent string, wanted []gatewayv1.Part) *typev1.Window {
	windows := make([]*typev1.Window, len(wanted))
	var questions []question
	for i, part := range wanted {
		questions = append(questions, question{part, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			windows[i], err = v.partSpan(ctx, part, parent)
			return nil, err
		}})
	}
	p.ask(ctx, share, questions...)
	return compose.Union(windows...)
}

func (v *Views) partSpan(ctx context.Context, part gatewayv1.Part, parent string) (*typev1.Window, error) {
	switch part {
	case gatewayv1.Part_PART_TICKET:
		r, err := v.ServiceMetrics.GetDataSpan(ctx, &ticketv1.GetDataSpanRequest{Parent: parent})
		return r.GetWindow(), err
	case gatewayv1.Part_PART_SURVEY:
		r, err := v.SurveyMetrics.GetDataSpan(ctx, &surveyv1.GetDataSpanRequest{Parent: parent})
		return r.GetWindow(), err
	default:
		r, err := v.Insight.GetDataSpan(ctx, &journeyv1.GetDataSpanRequest{Parent: parent})
		return r.GetWindow(), err
	}
}
