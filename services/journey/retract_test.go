package journey_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestRetractTouchpoint(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"the score is as if it had never been":        testRetractedScore,
		"its event stays known and is taken no more":  testRetractedEvent,
		"of an unknown one, or with no reason, fails": testRetractNothing,
		"validate_only takes nothing back": func(t *testing.T, s *suite) {
			p := s.record(t, visit("ann", "e1", noon))
			req := retraction(p)
			req.ValidateOnly = true
			if _, err := s.RetractTouchpoint(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			if got := s.list(t, "ann", 0); len(got) != 1 {
				t.Errorf("ann has %v, want the touchpoint", got)
			}
		},
	})
}

func retraction(p *journeyv1.Touchpoint) *journeyv1.RetractTouchpointRequest {
	return &journeyv1.RetractTouchpointRequest{Name: p.GetName(), Reason: "recorded twice by the till"}
}

func testRetractedScore(t *testing.T, s *suite) {
	bad := visit("ann", "bad", noon.Add(-time.Hour))
	bad.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_UNMET
	wrong := s.record(t, bad)
	for _, customer := range []string{"ann", "bob"} {
		s.record(t, visit(customer, customer, noon))
	}
	if _, err := s.RetractTouchpoint(t.Context(), retraction(wrong)); err != nil {
		t.Fatal(err)
	}
	var scores [2]*journeyv1.Score
	for i, customer := range []string{"ann", "bob"} {
		score, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{
			Name: "brands/acme/customers/" + customer + "/score", AsOfTime: timestamppb.New(noon),
		})
		if err != nil {
			t.Fatal(err)
		}
		score.Name, score.Basis.ReadTime = "", nil
		scores[i] = score
	}
	same(t, scores[0], scores[1])
	if got := s.list(t, "ann", 0); len(got) != 1 {
		t.Errorf("ann has %v, want one touchpoint", got)
	}
}

func testRetractedEvent(t *testing.T, s *suite) {
	p := s.record(t, visit("ann", "e1", noon))
	gone, err := s.RetractTouchpoint(t.Context(), retraction(p))
	if err != nil {
		t.Fatal(err)
	}
	if gone.GetRetractTime() == nil || gone.GetRetractReason() == "" {
		t.Errorf("retracted touchpoint = %v, want when and why", gone)
	}
	want := proto.CloneOf(p)
	want.RetractTime, want.RetractReason = gone.GetRetractTime(), gone.GetRetractReason()
	same(t, gone, want)
	other := retraction(p)
	other.Reason = "another reason"
	again, err := s.RetractTouchpoint(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, gone)
	same(t, s.record(t, visit("ann", "e1", noon)), gone)
	got, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: p.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, gone)
	if got := s.list(t, "ann", 0); len(got) != 0 {
		t.Errorf("ann has %v, want no touchpoint", got)
	}
}

func testRetractNothing(t *testing.T, s *suite) {
	p := s.record(t, visit("ann", "e1", noon))
	req := retraction(p)
	req.Reason = ""
	_, err := s.RetractTouchpoint(t.Context(), req)
	refused(t, err, codes.InvalidArgument)
	for _, name := range []string{
		p.GetName() + "x", "brands/other" + p.GetName()[len("brands/acme"):], "brands/acme/customers/bob/touchpoints/" + p.GetName()[len("brands/acme/customers/ann/touchpoints/"):],
	} {
		_, err := s.RetractTouchpoint(t.Context(), &journeyv1.RetractTouchpointRequest{Name: name, Reason: "a slip"})
		refused(t, err, codes.NotFound)
	}
}

func TestListTouchpointsFiltersAndOrders(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){"": func(t *testing.T, s *suite) {
		first, second, third := visit("ann", "e1", noon), visit("ann", "e2", noon.Add(time.Hour)), visit("ann", "e3", noon.Add(-time.Hour))
		second.Touchpoint.Emotion, second.Touchpoint.Attributes = typev1.Emotion_EMOTION_JOY, map[string]string{"campaign": "spring"}
		third.Touchpoint.Definition, third.Touchpoint.Value = "brands/acme/touchpointDefinitions/checkout", &journeyv1.Money{MinorUnits: -1250, CurrencyCode: "EUR"}
		third.Touchpoint.Observed = new(float64)
		for _, req := range []*journeyv1.RecordTouchpointRequest{first, second, third} {
			p := s.record(t, req)
			if !proto.Equal(p.GetValue(), req.Touchpoint.GetValue()) || p.GetEmotion() != req.Touchpoint.GetEmotion() || (p.Observed == nil) != (req.Touchpoint.Observed == nil) {
				t.Errorf("recorded %v, want what %v says", p, req)
			}
		}
		for _, tt := range []struct{ filter, order, want string }{
			{"", "", "e2 e1 e3 "},
			{"", "event_time", "e3 e1 e2 "},
			{"", "record_time", "e1 e2 e3 "},
			{`emotion = JOY`, "", "e2 "},
			{`attributes.campaign = "spring" OR definition = "brands/acme/touchpointDefinitions/checkout"`, "event_time desc", "e2 e3 "},
			{`event_time < "` + noon.Format(time.RFC3339) + `" AND is_service = false`, "", "e3 "},
			{`event_id = "e1"`, "", "e1 "},
			{`NOT ticket:*`, "", "e2 e1 e3 "},
		} {
			req := &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/ann", Filter: tt.filter, OrderBy: tt.order, PageSize: 1}
			got := ""
			for range 5 {
				answer, err := s.ListTouchpoints(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range answer.GetTouchpoints() {
					got += p.GetEventId() + " "
				}
				if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			if got != tt.want {
				t.Errorf("filter %q by %q gives %s, want %s", tt.filter, tt.order, got, tt.want)
			}
		}
		for _, req := range []*journeyv1.ListTouchpointsRequest{{Filter: "weight = 1"}, {OrderBy: "stage"}, {OrderBy: "event_time down"}} {
			req.Parent = "brands/acme/customers/ann"
			_, err := s.ListTouchpoints(t.Context(), req)
			refused(t, err, codes.InvalidArgument)
		}
		for _, money := range []*journeyv1.Money{{MinorUnits: 1}, {CurrencyCode: "usd"}, {CurrencyCode: "XYZ"}, {MinorUnits: 1e15 + 1, CurrencyCode: "EUR"}} {
			req := visit("ann", "money", noon)
			req.Touchpoint.Value = money
			_, err := s.RecordTouchpoint(t.Context(), req)
			refused(t, err, codes.InvalidArgument)
		}
	}})
}
