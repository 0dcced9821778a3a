package importer

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// A place is one step of one row.
type place struct {
	w    *work
	step int
}

// batchOf returns what sends steps of that kind many at a time; nil if each is a call.
func (s *session) batchOf(kind mapping.Kind) func(context.Context, []place) error {
	switch kind {
	case mapping.Touchpoints:
		return s.batch
	case mapping.Histories:
		return s.stream
	case mapping.Feedback:
		return s.heard
	default:
		return nil
	}
}

// lone returns the steps of a kind that are to be made and need no other step.
func lone(rows []work, kind mapping.Kind) (all []place) {
	for i := range rows {
		for j := range rows[i].plan.Steps {
			step := &rows[i].plan.Steps[j]
			if step.Kind == kind && step.Err == nil && len(step.Needs) == 0 && rows[i].results[j].outcome == open {
				all = append(all, place{&rows[i], j})
			}
		}
	}
	return all
}

// touchpoints records the touchpoints of rows that need no other step.
func (s *session) touchpoints(ctx context.Context, rows []work) error {
	return s.blocks(ctx, lone(rows, mapping.Touchpoints), s.batch)
}

// blocks sends steps block by block, side by side. Each block that did not come to its end
// when an import stops is sent again.
func (s *session) blocks(ctx context.Context, all []place, send func(context.Context, []place) error) error {
	blocks := slices.Collect(slices.Chunk(all, blockSize))
	return s.parallel(ctx, len(blocks), func(ctx context.Context, i int) error { return send(ctx, blocks[i]) })
}

func (s *session) batch(ctx context.Context, places []place) error {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/" + s.opt.Brand, ValidateOnly: s.opt.ValidateOnly}
	names := []string{"batch"}
	for _, p := range places {
		step := &p.w.plan.Steps[p.step]
		req.Requests = append(req.Requests, step.Request.(*journeyv1.RecordTouchpointRequest))
		names = append(names, step.Name)
	}
	req.RequestId = s.uuid(names...)
	var res *journeyv1.BatchRecordTouchpointsResponse
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = s.services.touchpoints.BatchRecordTouchpoints(ctx, req)
		return err
	})
	first := &places[0].w.plan.Steps[places[0].step]
	if err != nil {
		return fmt.Errorf("%s: %w", refusal(first, fmt.Sprintf("stopped at the batch of %d touchpoints that begins here", len(places))), err)
	}
	if got := len(res.GetResults()); got != len(places) {
		return fmt.Errorf("%s: %d touchpoints were answered with %d results", refusal(first, "stopped here"), len(places), got)
	}
	for i, p := range places {
		r, err := s.recorded(&p.w.plan.Steps[p.step], res.GetResults()[i])
		if err != nil {
			return err
		}
		p.w.results[p.step] = r
	}
	return nil
}

// recorded says what became of one touchpoint of a batch.
func (s *session) recorded(step *mapping.Step, r *journeyv1.RecordTouchpointResult) (result, error) {
	switch r.GetOutcome() {
	case journeyv1.RecordTouchpointResult_OUTCOME_RECORDED:
		return result{outcome: sent}, nil
	case journeyv1.RecordTouchpointResult_OUTCOME_REPEATED:
		return result{outcome: repeated}, nil
	default:
		err := status.ErrorProto(r.GetError())
		if status.Code(err) == codes.OK {
			err = status.Error(codes.Unknown, "refused without a reason")
		}
		return s.judge(step, err, none)
	}
}
