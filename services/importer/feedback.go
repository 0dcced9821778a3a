package importer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/status"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// feedback takes over the feedback of rows that needs no other step.
func (s *session) feedback(ctx context.Context, rows []work) error {
	return s.blocks(ctx, lone(rows, mapping.Feedback), s.heard)
}

// heard sends the feedback of places in one stream. A second try finds what the first
// one stored there already.
func (s *session) heard(ctx context.Context, places []place) error {
	var res *surveyv1.ImportFeedbackResponse
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = s.importFeedback(ctx, places)
		return err
	})
	if err != nil {
		first := &places[0].w.plan.Steps[places[0].step]
		return fmt.Errorf("%s: %w", refusal(first, fmt.Sprintf("stopped at the stream of %d feedback that begins here", len(places))), err)
	}
	said := make(map[int64]verdict, len(res.GetResults()))
	for _, r := range res.GetResults() {
		said[r.GetIndex()] = verdict{err: status.ErrorProto(r.GetError())}
	}
	return s.settle(places, res.GetUnchangedCount(), said)
}

// importFeedback is one try.
func (s *session) importFeedback(ctx context.Context, places []place) (*surveyv1.ImportFeedbackResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that is given up
	stream, err := s.services.feedback.ImportFeedback(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		req := p.w.plan.Steps[p.step].Request.(*surveyv1.ImportFeedbackRequest)
		req.ValidateOnly = s.opt.ValidateOnly
		if err := stream.Send(req); errors.Is(err, io.EOF) {
			break // CloseAndRecv says why
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}
