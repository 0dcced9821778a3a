package journey_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

const (
	recorded = journeyv1.RecordTouchpointResult_OUTCOME_RECORDED
	repeated = journeyv1.RecordTouchpointResult_OUTCOME_REPEATED
	refusal  = journeyv1.RecordTouchpointResult_OUTCOME_REFUSED
)

func TestBatchRecordTouchpoints(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a bad item does not hold up the others":                testBadItems,
		"a batch of a thousand is stored and, again, all known": testThousand,
		"a repeated request gets the first answer":              testRepeatedBatch,
		"items without an event are known by their request":     testBatchFallback,
	})
}

func (s *suite) batch(t *testing.T, req *journeyv1.BatchRecordTouchpointsRequest) []*journeyv1.RecordTouchpointResult {
	t.Helper()
	answer, err := s.BatchRecordTouchpoints(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.GetResults()) != len(req.GetRequests()) {
		t.Fatalf("%d results for %d requests", len(answer.GetResults()), len(req.GetRequests()))
	}
	return answer.GetResults()
}

func testBadItems(t *testing.T, s *suite) {
	chosen := func(id string) *journeyv1.RecordTouchpointRequest {
		r := visit("ann", "e-"+id, noon)
		r.TouchpointId = id
		return r
	}
	change := func(f func(*journeyv1.RecordTouchpointRequest)) *journeyv1.RecordTouchpointRequest {
		r := visit("ann", "bad", noon)
		f(r)
		return r
	}
	s.record(t, visit("bob", "known", noon))
	for i, tt := range []struct {
		req     *journeyv1.RecordTouchpointRequest
		outcome journeyv1.RecordTouchpointResult_Outcome
		code    codes.Code
		field   string
		name    string
	}{
		{req: visit("ann", "e1", noon), outcome: recorded},
		{req: visit("ann", "e1", noon), outcome: repeated},
		{req: visit("bob", "known", noon), outcome: repeated, name: "brands/acme/customers/bob/touchpoints/"},
		{req: visit("ann", "known", noon), outcome: refusal, code: codes.AlreadyExists},
		{req: chosen("c1"), outcome: recorded, name: "brands/acme/customers/ann/touchpoints/c1"},
		{req: chosen("c1"), outcome: repeated, name: "brands/acme/customers/ann/touchpoints/c1"},
		{req: visit("ann", "e-c1", noon), outcome: repeated, name: "brands/acme/customers/ann/touchpoints/c1"},
		{req: nil, outcome: refusal, code: codes.InvalidArgument, field: "parent"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint = nil }), outcome: refusal, code: codes.InvalidArgument, field: "touchpoint"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.EventTime = nil }), outcome: refusal, code: codes.InvalidArgument, field: "touchpoint.event_time"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.EventTime.Seconds = time.Now().Add(48 * time.Hour).Unix()
		}), outcome: refusal, code: codes.InvalidArgument, field: "touchpoint.event_time"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.EventId = "a\x00b" }), outcome: refusal, code: codes.InvalidArgument, field: "touchpoint.event_id"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.ValidateOnly = true }), outcome: refusal, code: codes.InvalidArgument, field: "validate_only"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.RequestId = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11" }), outcome: refusal, code: codes.InvalidArgument, field: "request_id"},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.Definition = "brands/acme/touchpointDefinitions/nope"
		}), outcome: refusal, code: codes.NotFound},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) {
			r.Parent, r.Touchpoint.Definition = "brands/other/customers/ann", "brands/other/touchpointDefinitions/delivery"
		}), outcome: refusal, code: codes.NotFound},
		{req: change(func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.Ticket = "brands/other/tickets/1" }), outcome: refusal, code: codes.NotFound},
		{req: visit("ann", "e2", noon), outcome: recorded},
	} {
		req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{
			visit("eve", fmt.Sprint("before", i), noon), tt.req, visit("eve", fmt.Sprint("after", i), noon),
		}}
		if tt.req == nil {
			req.Requests[1] = &journeyv1.RecordTouchpointRequest{}
		}
		results := s.batch(t, req)
		got := results[1]
		if results[0].GetOutcome() != recorded || results[2].GetOutcome() != recorded || got.GetOutcome() != tt.outcome {
			t.Errorf("item %d: outcomes %v, want %v between two recorded", i, results, tt.outcome)
		}
		if (got.GetName() == "") != (tt.outcome == refusal) || len(tt.name) > 0 && got.GetName()[:len(tt.name)] != tt.name {
			t.Errorf("item %d: name %q, want %q", i, got.GetName(), tt.name)
		}
		refused(t, status.ErrorProto(got.GetError()), tt.code)
		if tt.field != "" && field(got) != tt.field {
			t.Errorf("item %d: the fault is with %q, want %q", i, field(got), tt.field)
		}
	}
	if got := s.list(t, "ann", 0); len(got) != 3 {
		t.Errorf("ann has %v, want e1, e2 and c1", got)
	}
}

// field returns the first field that the error of a result names.
func field(r *journeyv1.RecordTouchpointResult) string {
	for _, d := range status.FromProto(r.GetError()).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

// thousand returns the touchpoints of a hundred customers over a year.
func thousand(prefix string) *journeyv1.BatchRecordTouchpointsRequest {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	for i := range 1000 {
		r := visit(fmt.Sprint("c", i%100), fmt.Sprint(prefix, i), noon.Add(-time.Duration(i)*8*time.Hour))
		r.Touchpoint.Definition = "brands/acme/touchpointDefinitions/" + []string{"online-ad", "website-visit", "delivery", "product-use", "referral"}[i%5]
		r.Touchpoint.Attributes = map[string]string{"segment": fmt.Sprint(i % 7)}
		req.Requests = append(req.Requests, r)
	}
	return req
}

func testThousand(t *testing.T, s *suite) {
	req := thousand("e")
	first := s.batch(t, req)
	for i, r := range first {
		if r.GetOutcome() != recorded {
			t.Fatalf("item %d: %v", i, r)
		}
	}
	for i, r := range s.batch(t, req) {
		if r.GetOutcome() != repeated || r.GetName() != first[i].GetName() {
			t.Fatalf("item %d again: %v, want %s repeated", i, r, first[i].GetName())
		}
	}
	for _, as := range []time.Duration{0, -100 * 24 * time.Hour, 24 * time.Hour} {
		s.consistent(t, "c7", noon.Add(as))
	}
	metrics, err := s.QueryExperienceMetrics(t.Context(), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/acme"})
	if err != nil || metrics.GetNesting().GetTouchpoints() != 1000 || metrics.GetNesting().GetCustomers() != 100 {
		t.Errorf("nesting = %v, %v, want 1000 of 100", metrics.GetNesting(), err)
	}
	req.Requests = append(req.Requests, visit("ann", "one-more", noon))
	_, err = s.BatchRecordTouchpoints(t.Context(), req)
	refused(t, err, codes.InvalidArgument)
	_, err = s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"})
	refused(t, err, codes.InvalidArgument)
}

func testRepeatedBatch(t *testing.T, s *suite) {
	s.record(t, visit("bob", "known", noon))
	req := &journeyv1.BatchRecordTouchpointsRequest{
		Parent: "brands/acme", RequestId: "7c1a2f3e-4b5d-4c6e-8f70-112233445566",
		Requests: []*journeyv1.RecordTouchpointRequest{visit("ann", "e1", noon), visit("bob", "known", noon), {}, visit("ann", "", noon)},
	}
	first := s.batch(t, req)
	for i, r := range s.batch(t, req) {
		same(t, r, first[i])
	}
	for i, want := range []journeyv1.RecordTouchpointResult_Outcome{recorded, repeated, refusal, recorded} {
		if first[i].GetOutcome() != want {
			t.Errorf("item %d: %v, want %v", i, first[i], want)
		}
	}
	other := proto.Clone(req).(*journeyv1.BatchRecordTouchpointsRequest)
	other.Requests = other.Requests[:1]
	_, err := s.BatchRecordTouchpoints(t.Context(), other)
	refused(t, err, codes.AlreadyExists)
}

func testBatchFallback(t *testing.T, s *suite) {
	req := &journeyv1.BatchRecordTouchpointsRequest{
		Parent: "brands/acme", RequestId: "7c1a2f3e-4b5d-4c6e-8f70-112233445566",
		Requests: []*journeyv1.RecordTouchpointRequest{visit("ann", "", noon), visit("ann", "", noon)},
	}
	first := s.batch(t, req)
	if first[0].GetName() == first[1].GetName() {
		t.Errorf("two items are both %s", first[0].GetName())
	}
	err := s.db.Write(t.Context(), forgetRequests) // as after seven days
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range s.batch(t, req) {
		if r.GetOutcome() != repeated || r.GetName() != first[i].GetName() {
			t.Errorf("item %d after a week: %v, want %s repeated", i, r, first[i].GetName())
		}
	}
}
