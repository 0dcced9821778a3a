package abuse

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// streamRows are about touchpoints that come as a stream, which REST has none for.
func streamRows() []row {
	return []row{
		{id: "P65", name: "a client that says no more in the middle", grpc: halfClosed},
		{id: "P65", name: "a stream that goes wrong in the middle", grpc: brokenOff},
	}
}

// message is number n of a stream: ten touchpoints of a customer.
func message(customer string, n int) *journeyv1.IngestTouchpointsRequest {
	b := batch(10, func(i int, r *visit) { r.Parent, r.Touchpoint.EventId = customer, fmt.Sprint(customer, "-", n, "-", i) })
	return &journeyv1.IngestTouchpointsRequest{Parent: acme, Requests: b.GetRequests()}
}

// heardOut reads the answers of a stream to its end, and returns how many touchpoints they
// are about.
func heardOut(t *testing.T, stream journeyv1.TouchpointService_IngestTouchpointsClient) (answered int64, err error) {
	t.Helper()
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answered, nil
		}
		if err != nil {
			return answered, err
		}
		answered += int64(len(m.GetResults()))
		if m.GetAnsweredCount() != answered {
			t.Errorf("%d are answered, want %d", m.GetAnsweredCount(), answered)
		}
	}
}

// halfClosed: what was sent before is answered and stored, and nothing else.
func halfClosed(t *testing.T, s *suite) {
	before := s.settled(t)
	stream, err := journeyv1.NewTouchpointServiceClient(s.conn).IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := stream.Send(message(acme+"/customers/half", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	answered, err := heardOut(t, stream)
	if got := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]; err != nil || answered != 30 || got != 30 {
		t.Errorf("%d touchpoints are stored, %d answered, %v, want 30", got, answered, err)
	}
}

// brokenOff: what came before a message that is refused as a whole is answered and stored.
func brokenOff(t *testing.T, s *suite) {
	before := s.settled(t)
	stream, err := journeyv1.NewTouchpointServiceClient(s.conn).IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := message(acme+"/customers/broken", 1)
	other.Parent = "brands/other"
	for _, m := range []*journeyv1.IngestTouchpointsRequest{message(acme+"/customers/broken", 0), other, message(acme+"/customers/broken", 2)} {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) { // of which Recv says more
			t.Fatal(err)
		}
	}
	answered, err := heardOut(t, stream)
	if got := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]; status.Code(err) != invalid || answered != 10 || got != 10 {
		t.Errorf("%d touchpoints are stored, %d answered, %v, want 10 and INVALID_ARGUMENT", got, answered, err)
	}
}

// unread sends and never reads the answers. What was taken in by then is whole batches,
// and little more than what is on its way.
func unread(t *testing.T, s *suite) {
	before := s.rows(t)
	stream, err := journeyv1.NewTouchpointServiceClient(s.conn).IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for err == nil && sent < 500 {
		if err = stream.Send(message(acme+"/customers/deaf", sent)); err == nil {
			sent++
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("after %d messages: %v, want the end of the stream", sent, err)
	}
	answered, err := heardOut(t, stream)
	ask{code: codes.ResourceExhausted, reason: "ANSWERS_UNREAD"}.want(t, onGRPC, answer{status: status.Convert(err)})
	got := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]
	if got%10 != 0 || got < answered || got > answered+50 {
		t.Errorf("%d touchpoints are stored, %d answered", got, answered)
	}
}
