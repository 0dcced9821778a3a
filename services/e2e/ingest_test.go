package e2e

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// TestAnIngestThatIsKilled: the service is killed while touchpoints stream in. What it had
// acknowledged is there, and sending everything again doubles nothing.
func TestAnIngestThatIsKilled(t *testing.T) {
	t.Parallel()
	eachOf(t, must(shipped())(t), func(t *testing.T, s *suite) {
		const messages = 200
		ann := s.grpc().brand(t) + "/customers/ann"
		acked, err := s.ingest(t, ann, messages, func(answered int) {
			if answered == 20 {
				s.parts["journey"].kill(t)
			}
		})
		refused(t, err, codes.Unavailable, "")
		if len(acked) < 20 || len(acked) == messages {
			t.Fatalf("%d of %d messages were acknowledged, want it to be killed in the middle", len(acked), messages)
		}
		s.start(t, "journey")
		again, err := s.ingest(t, ann, messages, func(int) {})
		if err != nil || len(again) != messages {
			t.Fatalf("of all that was sent again %d messages were acknowledged: %v", len(again), err)
		}
		for n, m := range again {
			for i, r := range m.GetResults() {
				switch {
				case n < len(acked) && (r.GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_REPEATED || r.GetName() != acked[n].GetResults()[i].GetName()):
					t.Errorf("touchpoint %d of message %d is %v, was acknowledged as %v", i, n, r, acked[n].GetResults()[i])
				case r.GetOutcome() == journeyv1.RecordTouchpointResult_OUTCOME_REFUSED:
					t.Errorf("touchpoint %d of message %d is refused: %v", i, n, r)
				}
			}
		}
		score := must(s.grpc().scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: ann + "/score"}))(t)
		if got := score.GetBasis().GetIncluded(); got != messages*perMessage {
			t.Errorf("the score is of %d touchpoints, want %d", got, messages*perMessage)
		}
	})
}

const perMessage = 20 // touchpoints

// ingest streams touchpoints of a customer and returns what was acknowledged, which it
// tells as it comes.
func (s *suite) ingest(t *testing.T, customer string, messages int, tell func(answered int)) (acked []*journeyv1.IngestTouchpointsResponse, err error) {
	t.Helper()
	stream := must(s.grpc().touchpoints.IngestTouchpoints(t.Context()))(t)
	sent := make(chan error, 1)
	go func() {
		for n := range messages {
			if err := stream.Send(moments(customer, n)); err != nil {
				sent <- nil // of which Recv says more
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return acked, <-sent
		}
		if err != nil {
			<-sent
			return acked, err
		}
		acked = append(acked, m)
		tell(len(acked))
	}
}

// moments is message n of a stream.
func moments(customer string, n int) *journeyv1.IngestTouchpointsRequest {
	req := &journeyv1.IngestTouchpointsRequest{Parent: brandOf(customer)}
	for i := range perMessage {
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: customer,
			Touchpoint: &journeyv1.Touchpoint{
				Definition: brandOf(customer) + "/touchpointDefinitions/product-use", EventTime: timestamppb.New(noon), Expectation: met,
				Source: "app", EventId: fmt.Sprint(n, "-", i),
			},
		})
	}
	return req
}
