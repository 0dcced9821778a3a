// Package api answers the calls of the gateway.
package api

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/compose"
	"github.com/concentric-cx/concentric/services/internal/name"
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
	Invitations    surveyv1.InvitationServiceClient
	SurveyMetrics  surveyv1.SurveyMetricsServiceClient
	Customers      journeyv1.CustomerServiceClient
	Touchpoints    journeyv1.TouchpointServiceClient
	Scoring        journeyv1.ScoringServiceClient
	Insight        journeyv1.InsightServiceClient
	Signals        journeyv1.SignalServiceClient
	Targets        *Targets
}

// A viewRequest is what all three view requests have in common.
type viewRequest interface {
	GetParent() string
	GetWindow() *typev1.Window
	GetPopulation() *typev1.Population
	GetGroupBy() []string
	GetMinRevisions() []string
}

// The circles that an answer may show.
const (
	serviceCircle = 1 << iota
	experienceCircle
)

// GetServiceView implements ViewService.
func (v *Views) GetServiceView(ctx context.Context, req *gatewayv1.GetServiceViewRequest) (*gatewayv1.GetServiceViewResponse, error) {
	data, states, err := v.collect(ctx, req, serviceSpan, serviceCircle)
	if err != nil {
		return nil, err
	}
	service := compose.Service(data)
	return &gatewayv1.GetServiceViewResponse{
		Service: service, Parts: states, Containment: compose.Containment(data), Targets: compose.Targets(data.Targets, false, service.GetMeasures()),
	}, nil
}

// GetExperienceView implements ViewService.
func (v *Views) GetExperienceView(ctx context.Context, req *gatewayv1.GetExperienceViewRequest) (*gatewayv1.GetExperienceViewResponse, error) {
	data, states, err := v.collect(ctx, req, experienceSpan, experienceCircle)
	if err != nil {
		return nil, err
	}
	lived := compose.Experience(data)
	return &gatewayv1.GetExperienceViewResponse{
		Experience: lived, Parts: states, Containment: compose.Containment(data), Targets: compose.Targets(data.Targets, false, lived.GetMeasures()),
	}, nil
}

// CompareViews implements ViewService.
func (v *Views) CompareViews(ctx context.Context, req *gatewayv1.CompareViewsRequest) (*gatewayv1.CompareViewsResponse, error) {
	data, states, err := v.collect(ctx, req, 0, serviceCircle|experienceCircle)
	if err != nil {
		return nil, err
	}
	service, lived := compose.Service(data), compose.Experience(data)
	return &gatewayv1.CompareViewsResponse{
		Window: data.Window, Service: service, Experience: lived, Parts: states, Containment: compose.Containment(data),
		Targets: compose.Targets(data.Targets, true, service.GetMeasures(), lived.GetMeasures()),
	}, nil
}

// collect asks what the circles are made of for one window and one population, and how the
// inner one lies within the outer one. Where the request has no window, it is the last part
// of the brand's data, as long as span, or all of it if span is zero.
func (v *Views) collect(ctx context.Context, req viewRequest, span time.Duration, circles int) (compose.Parts, []*gatewayv1.PartState, error) {
	p := &parts{}
	data := compose.Parts{Window: req.GetWindow(), Population: req.GetPopulation()}
	wanted := []gatewayv1.Part{gatewayv1.Part_PART_TICKET, gatewayv1.Part_PART_SURVEY, gatewayv1.Part_PART_JOURNEY}
	if err := v.await(ctx, p, req.GetParent(), req.GetMinRevisions()); err != nil {
		return data, nil, err
	}
	of := wanted
	switch circles {
	case serviceCircle:
		of = wanted[:2]
	case experienceCircle:
		of, wanted = wanted[1:], wanted[1:]
	}
	if data.Window == nil {
		data.Window = v.last(ctx, p, req.GetParent(), span, of...)
	}
	var questions []question
	for _, part := range wanted {
		questions = append(questions, v.metrics(part, req, circles, &data)...)
	}
	read := v.targets(ctx, p, name.Brand(req.GetParent()), &data.Targets)
	p.ask(ctx, 1, questions...)
	read()
	if !p.ok(gatewayv1.Part_PART_SURVEY) { // what only half answered is missing
		data.AboutService, data.AboutExperience = nil, nil
	}
	states, err := p.list()
	return data, states, err
}

// targets reads the targets of a brand until the function that it returns is called, which
// waits for it. The gateway is a part of the answer only where it cannot.
func (v *Views) targets(ctx context.Context, p *parts, brand string, into *[]*gatewayv1.Target) (wait func()) {
	ctx, cancel := within(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		all, err := v.Targets.of(ctx, brand)
		if err != nil {
			p.note(gatewayv1.Part_PART_GATEWAY, nil, err)
			return
		}
		*into = all
	})
	return wg.Wait
}

// last returns the last part of the brand's data in the parts, as long as span, or all of it
// if span is zero; nil without data.
func (v *Views) last(ctx context.Context, p *parts, parent string, span time.Duration, of ...gatewayv1.Part) *typev1.Window {
	w := v.span(ctx, p, parent, of)
	if start := w.GetEndTime().AsTime().Add(-span); w != nil && span > 0 && start.After(w.GetStartTime().AsTime()) {
		w.StartTime = timestamppb.New(start)
	}
	return w
}

// metrics returns what one part is asked for its share of the circles. Each answer goes
// into a field of its own.
func (v *Views) metrics(part gatewayv1.Part, req viewRequest, circles int, data *compose.Parts) []question {
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
		if circles&serviceCircle != 0 {
			about(&data.AboutService, compose.ServiceSubjects)
		}
		if circles&experienceCircle != 0 {
			about(&data.AboutExperience, compose.ExperienceSubjects)
		}
		return questions
	default:
		if circles&experienceCircle == 0 {
			by = nil // it is asked how the circles lie only
		}
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
