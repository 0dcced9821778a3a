package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/compose"
)

// GetDataCoverage implements ViewService. Each part is asked about the span of its own data.
func (v *Views) GetDataCoverage(ctx context.Context, req *gatewayv1.GetDataCoverageRequest) (*gatewayv1.GetDataCoverageResponse, error) {
	p, by := &parts{}, []string{"channel"}
	var ticket, survey, journey *gatewayv1.Coverage
	p.ask(
		ctx, 1,
		question{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.ServiceMetrics.QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{
				Parent: req.GetParent(), GroupBy: by, Metrics: []typev1.Metric{typev1.Metric_METRIC_TICKET_COUNT},
			})
			ticket = coverage(gatewayv1.Part_PART_TICKET, typev1.Metric_METRIC_TICKET_COUNT, r)
			return r.GetBasis().GetReadTime(), err
		}},
		question{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.SurveyMetrics.QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{Parent: req.GetParent(), GroupBy: by})
			survey = coverage(gatewayv1.Part_PART_SURVEY, typev1.Metric_METRIC_RESPONSE_COUNT, r)
			return r.GetBasis().GetReadTime(), err
		}},
		question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{Parent: req.GetParent(), GroupBy: by})
			journey = coverage(gatewayv1.Part_PART_JOURNEY, typev1.Metric_METRIC_TOUCHPOINT_COUNT, r)
			return r.GetBasis().GetReadTime(), err
		}},
	)
	answer := &gatewayv1.GetDataCoverageResponse{}
	for _, c := range []*gatewayv1.Coverage{ticket, survey, journey} {
		if c != nil {
			answer.Coverages = append(answer.Coverages, c)
		}
	}
	var err error
	answer.Parts, err = p.list()
	return answer, err
}

// coverage returns what a part has, or nil if it has not answered.
func coverage(part gatewayv1.Part, metric typev1.Metric, answer compose.Answer) *gatewayv1.Coverage {
	b := answer.GetBasis()
	if b == nil {
		return nil
	}
	c := &gatewayv1.Coverage{
		Part: part, Metric: metric, Window: b.GetWindow(), ReadTime: b.GetReadTime(),
		Count: compose.Counted(answer.GetMeasures(), metric), Channels: compose.Only(answer.GetGroups(), metric),
	}
	if age := b.GetReadTime().AsTime().Sub(b.GetWindow().GetEndTime().AsTime()) + time.Microsecond; b.GetWindow() != nil && age >= 0 {
		c.Age = durationpb.New(age)
	}
	return c
}
