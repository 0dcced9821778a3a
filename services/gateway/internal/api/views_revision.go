package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
)

// patience is how long parts may take to hear of revisions where nothing else bounds it.
const patience = 3 * time.Second

// await lets the parts that listen to others hear of the revisions, and notes which have
// not in time.
func (v *Views) await(ctx context.Context, p *parts, parent string, revisions []string) error {
	if len(revisions) == 0 {
		return nil
	}
	if _, err := bus.Awaited(revisions, nil, "min_revisions"); err != nil {
		return err
	}
	timeout := patience
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(0, min(patience, (time.Until(deadline)-margin)/share-margin))
	}
	most := durationpb.New(timeout)
	wait := func(part gatewayv1.Part, reach func(context.Context) (bool, error)) question {
		return question{part, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			reached, err := reach(ctx)
			if !reached && err == nil {
				p.lag(part)
			}
			return nil, err
		}}
	}
	p.ask(
		ctx, share,
		wait(gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (bool, error) {
			r, err := v.SurveyMetrics.WaitRevision(ctx, &surveyv1.WaitRevisionRequest{Parent: parent, Revisions: revisions, Timeout: most})
			return r.GetReached(), err
		}),
		wait(gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (bool, error) {
			r, err := v.Insight.WaitRevision(ctx, &journeyv1.WaitRevisionRequest{Parent: parent, Revisions: revisions, Timeout: most})
			return r.GetReached(), err
		}),
	)
	return nil
}
