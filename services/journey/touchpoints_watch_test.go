package journey_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	snapshot  = journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT
	complete  = journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT_COMPLETE
	changed   = journeyv1.WatchTouchpointsResponse_CHANGE_CHANGED
	gone      = journeyv1.WatchTouchpointsResponse_CHANGE_GONE
	heartbeat = journeyv1.WatchTouchpointsResponse_CHANGE_HEARTBEAT
)

// A touchpointWatcher reads what a watch of touchpoints is sent.
type touchpointWatcher struct {
	t      *testing.T
	stream journeyv1.TouchpointService_WatchTouchpointsClient
	token  string
}

func (s *suite) watchTouchpoints(t *testing.T, req *journeyv1.WatchTouchpointsRequest) *touchpointWatcher {
	t.Helper()
	req.Parent = "brands/acme"
	stream, err := s.WatchTouchpoints(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return &touchpointWatcher{t: t, stream: stream}
}

// next returns the next message that is of a sort and about a touchpoint, if it names
// one. Others may come twice.
func (w *touchpointWatcher) next(change journeyv1.WatchTouchpointsResponse_Change, touchpoint string) *journeyv1.Touchpoint {
	w.t.Helper()
	for range 1000 {
		m, err := w.stream.Recv()
		if err != nil {
			w.t.Fatal(err)
		}
		if m.GetResumeToken() != "" {
			w.token = m.GetResumeToken()
		}
		if m.GetChange() == change && (touchpoint == "" || m.GetTouchpoint().GetName() == touchpoint) {
			return m.GetTouchpoint()
		}
	}
	w.t.Fatalf("no %v of %s", change, touchpoint)
	return nil
}

func TestWatchTouchpoints(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"what is recorded, measured and taken back is told": testWatchChanges,
		"a filter is kept to":                               testWatchFilter,
		"a watch goes on where it broke off": func(t *testing.T, s *suite) {
			w := s.watchTouchpoints(t, &journeyv1.WatchTouchpointsRequest{})
			w.next(heartbeat, "")
			p := s.record(t, visit("ann", "e1", noon))
			w.next(changed, p.GetName())
			q := s.record(t, visit("ann", "e2", noon))
			same(t, s.watchTouchpoints(t, &journeyv1.WatchTouchpointsRequest{ResumeToken: w.token}).next(changed, q.GetName()), q)
			stream, err := s.WatchTouchpoints(t.Context(), &journeyv1.WatchTouchpointsRequest{
				Parent: "brands/acme", ResumeToken: w.token, Filter: "is_service = true",
			})
			if err == nil {
				_, err = stream.Recv()
			}
			refused(t, err, codes.InvalidArgument)
		},
	})
}

func testWatchChanges(t *testing.T, s *suite) {
	today := s.record(t, visit("ann", "today", time.Now().Add(-time.Hour)))
	s.record(t, visit("ann", "long ago", noon))
	w := s.watchTouchpoints(t, &journeyv1.WatchTouchpointsRequest{Snapshot: true})
	same(t, w.next(snapshot, ""), today)
	w.next(complete, "")
	p := s.record(t, visit("bob", "e1", noon))
	same(t, w.next(changed, p.GetName()), p)
	ear := connect(t, s)
	ear.emit(t, ear.survey, of("bob", answered("r", noon, 4, p.GetName())))
	got := w.next(changed, p.GetName())
	for got.GetMeasurement() == nil { // that it was recorded may be told twice
		got = w.next(changed, p.GetName())
	}
	if got.GetMeasurement().GetRating() != 4 {
		t.Errorf("measured touchpoint = %v, want the rating", got)
	}
	if _, err := s.RetractTouchpoint(t.Context(), retraction(p)); err != nil {
		t.Fatal(err)
	}
	w.next(gone, p.GetName())
}

func testWatchFilter(t *testing.T, s *suite) {
	w := s.watchTouchpoints(t, &journeyv1.WatchTouchpointsRequest{Filter: `emotion = ANGER AND customer = "brands/acme/customers/ann"`})
	w.next(heartbeat, "")
	calm, angry := visit("ann", "calm", noon), visit("ann", "angry", noon)
	angry.Touchpoint.Emotion = typev1.Emotion_EMOTION_ANGER
	other := visit("bob", "bob", noon)
	other.Touchpoint.Emotion = typev1.Emotion_EMOTION_ANGER
	s.record(t, calm)
	s.record(t, other)
	p := s.record(t, angry)
	for range 100 {
		m, err := w.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case m.GetChange() == changed && m.GetTouchpoint().GetName() == p.GetName():
			return
		case m.GetChange() == changed:
			t.Fatalf("told of %v", m.GetTouchpoint())
		}
	}
	t.Error("not told of the touchpoint that matches")
}
