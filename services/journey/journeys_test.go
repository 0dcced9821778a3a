package journey_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestJourneys(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a journey is told in order, page by page":           testJourneyPages,
		"a journey adds up":                                  testJourneySummary,
		"a journey is compared with the industry's":          testJourneyExpected,
		"the journey of a merged customer is one":            testMergedJourney,
		"a part of a journey adds up by itself":              testJourneyWindow,
		"what was taken back is in no journey and no move":   testRetractedSteps,
		"nobody's journey is not found":                      testNobodysJourney,
		"each move has the touchpoint that caused it":        testTransitions,
		"moves are those of the touchpoints, whatever these": testRandomTransitions,
	})
}

// at is a request to record a touchpoint of Ann.
func at(id string, when time.Time, stage typev1.Stage, channel typev1.Channel) *journeyv1.RecordTouchpointRequest {
	req := visit("ann", "", when)
	req.TouchpointId = id
	req.Touchpoint.Stage, req.Touchpoint.Channel, req.Touchpoint.Expectation = stage, channel, 0
	return req
}

func (s *suite) journey(t *testing.T, req *journeyv1.GetJourneyRequest) *journeyv1.GetJourneyResponse {
	t.Helper()
	if req.Name == "" {
		req.Name = "brands/acme/customers/ann/journey"
	}
	answer, err := s.GetJourney(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func testJourneyPages(t *testing.T, s *suite) {
	var want []string
	for i := range 7 { // some at the same moment
		p := s.record(t, at(fmt.Sprint("t", i), noon.Add(time.Duration(i/2)*time.Hour), typev1.Stage_STAGE_DECISION, 0))
		want = append(want, p.GetName())
	}
	req := &journeyv1.GetJourneyRequest{PageSize: 3}
	var got []string
	for page := range 3 {
		answer := s.journey(t, req)
		for _, p := range answer.GetTouchpoints() {
			got = append(got, p.GetName())
		}
		if (answer.GetSummary() != nil) != (page == 0) {
			t.Errorf("page %d: summary %v", page, answer.GetSummary())
		}
		req.PageToken = answer.GetNextPageToken()
	}
	if !slices.Equal(got, want) || req.GetPageToken() != "" {
		t.Errorf("journey = %v, want %v", got, want)
	}
	whole := s.journey(t, &journeyv1.GetJourneyRequest{})
	if whole.GetSummary().GetFirstTouch().GetName() != want[0] || whole.GetSummary().GetTouchpointCount() != 7 || whole.GetNextPageToken() != "" {
		t.Errorf("whole: %v", whole.GetSummary())
	}
}

// story records a journey of five steps.
func story(t *testing.T, s *suite) {
	t.Helper()
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	s.record(t, at("t1", day(0), typev1.Stage_STAGE_AWARENESS, typev1.Channel_CHANNEL_OUTDOOR))
	s.record(t, at("t2", day(1), typev1.Stage_STAGE_CONSIDERATION, typev1.Channel_CHANNEL_WEB))
	bought := at("t3", day(2), typev1.Stage_STAGE_DECISION, typev1.Channel_CHANNEL_WEB)
	bought.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_EXCEEDED
	s.record(t, bought)
	for i, channel := range []typev1.Channel{typev1.Channel_CHANNEL_PHONE, typev1.Channel_CHANNEL_EMAIL} {
		help := at(fmt.Sprint("t", 4+i), day(3+i), 0, channel)
		help.Touchpoint.Definition, help.Touchpoint.Ticket = definition("acme", "support-interaction"), "brands/acme/tickets/1"
		help.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_UNMET
		s.record(t, help)
	}
}

func testJourneySummary(t *testing.T, s *suite) {
	story(t, s)
	got := s.journey(t, &journeyv1.GetJourneyRequest{}).GetSummary()
	if got.GetTouchpointCount() != 5 || got.GetServiceTouchpointCount() != 2 || got.GetServiceShare().GetValue() != 0.4 {
		t.Errorf("counts: %v", got)
	}
	same(t, got.GetExpectations(), &journeyv1.ExpectationCounts{Unmet: 2, Exceeded: 1, Unknown: 2})
	if got.GetChannelSwitchCount() != 3 || got.GetTicketChannelSwitchCount() != 1 {
		t.Errorf("%d switches, %d of a ticket, want 3 and 1", got.GetChannelSwitchCount(), got.GetTicketChannelSwitchCount())
	}
	if got.GetStage() != typev1.Stage_STAGE_RETENTION || got.StepsToDecision == nil || got.GetStepsToDecision() != 2 || got.ConvertedInWindow != nil {
		t.Errorf("stage %v, steps %v", got.GetStage(), got.StepsToDecision)
	}
	same(t, got.GetStages()[3], &journeyv1.StageSummary{
		Stage: typev1.Stage_STAGE_RETENTION, TouchpointCount: 2, ServiceTouchpointCount: 2,
		Expectations: &journeyv1.ExpectationCounts{Unmet: 2}, Channels: []typev1.Channel{typev1.Channel_CHANNEL_PHONE, typev1.Channel_CHANNEL_EMAIL},
		FirstEventTime: timestamppb.New(noon.AddDate(0, 0, 3)), LastEventTime: timestamppb.New(noon.AddDate(0, 0, 4)),
	})
	soon := s.journey(t, &journeyv1.GetJourneyRequest{SwitchWindow: durationpb.New(time.Hour)}).GetSummary()
	if soon.GetTicketChannelSwitchCount() != 0 || len(soon.GetStages()) != 5 || soon.GetBasis().GetIncluded() != 5 {
		t.Errorf("within an hour: %v", soon)
	}
}

func testJourneyExpected(t *testing.T, s *suite) {
	story(t, s)
	s.apply(t, &journeyv1.ApplyIndustryProfileRequest{Name: profile("saas"), JourneyMap: "brands/acme/journeyMaps/cloud"})
	if _, err := s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{JourneyMap: &journeyv1.JourneyMap{
		Name: "brands/acme/journeyMaps/cloud", TargetEmotion: typev1.Emotion_EMOTION_TRUST,
	}}); err != nil {
		t.Fatal(err)
	}
	got := s.journey(t, &journeyv1.GetJourneyRequest{JourneyMap: "brands/acme/journeyMaps/cloud"}).GetSummary()
	if got.GetStepsExpectation() != typev1.Expectation_EXPECTATION_EXCEEDED || !got.GetConvertedInWindow() || got.GetTargetEmotion() != typev1.Emotion_EMOTION_TRUST {
		t.Errorf("against the profile: %v", got)
	}
	_, err := s.GetJourney(t.Context(), &journeyv1.GetJourneyRequest{Name: "brands/acme/customers/ann/journey", JourneyMap: "brands/acme/journeyMaps/nope"})
	refused(t, err, codes.NotFound)
}

func testMergedJourney(t *testing.T, s *suite) {
	story(t, s)
	before := visit("anonymous", "e0", noon.AddDate(0, 0, -1))
	s.record(t, before)
	s.link(t, "anonymous", "ann")
	whole := s.journey(t, &journeyv1.GetJourneyRequest{})
	if whole.GetSummary().GetTouchpointCount() != 6 || whole.GetSummary().GetFirstTouch().GetEventId() != "e0" || whole.GetCustomer() != "brands/acme/customers/ann" {
		t.Errorf("merged: %v", whole)
	}
	same(t, s.journey(t, &journeyv1.GetJourneyRequest{Name: "brands/acme/customers/anonymous/journey"}).GetTouchpoints()[5], whole.GetTouchpoints()[5])
	if moves := s.moves(t, "anonymous", &journeyv1.ListStageTransitionsRequest{}); len(moves) != 5 || moves[0].GetFromStage() != 0 {
		t.Errorf("moves of the merged: %v", moves)
	}
}

func testJourneyWindow(t *testing.T, s *suite) {
	story(t, s)
	window := &typev1.Window{StartTime: timestamppb.New(noon.AddDate(0, 0, 1)), EndTime: timestamppb.New(noon.AddDate(0, 0, 3))}
	part := s.journey(t, &journeyv1.GetJourneyRequest{Window: window})
	if n := len(part.GetTouchpoints()); n != 2 || part.GetSummary().GetTouchpointCount() != 2 || part.GetSummary().GetStepsToDecision() != 1 {
		t.Errorf("two days: %v", part)
	}
	window.StartTime, window.EndTime = timestamppb.New(noon.AddDate(1, 0, 0)), timestamppb.New(noon.AddDate(2, 0, 0))
	if none := s.journey(t, &journeyv1.GetJourneyRequest{Window: window}); none.GetSummary().GetTouchpointCount() != 0 || none.GetSummary().FirstTouch != nil {
		t.Errorf("another year: %v", none)
	}
}

func testRetractedSteps(t *testing.T, s *suite) {
	story(t, s)
	if _, err := s.RetractTouchpoint(t.Context(), &journeyv1.RetractTouchpointRequest{Name: "brands/acme/customers/ann/touchpoints/t3", Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	whole := s.journey(t, &journeyv1.GetJourneyRequest{})
	if whole.GetSummary().GetTouchpointCount() != 4 || len(whole.GetTouchpoints()) != 4 || whole.GetSummary().StepsToDecision != nil {
		t.Errorf("journey: %v", whole)
	}
	moves := s.moves(t, "ann", &journeyv1.ListStageTransitionsRequest{})
	if len(moves) != 3 || moves[2].GetFromStage() != typev1.Stage_STAGE_CONSIDERATION || moves[2].GetToStage() != typev1.Stage_STAGE_RETENTION {
		t.Errorf("moves: %v", moves)
	}
}

func testNobodysJourney(t *testing.T, s *suite) {
	_, err := s.GetJourney(t.Context(), &journeyv1.GetJourneyRequest{Name: "brands/acme/customers/nobody/journey"})
	refused(t, err, codes.NotFound)
	_, err = s.ListStageTransitions(t.Context(), &journeyv1.ListStageTransitionsRequest{Parent: "brands/acme/customers/nobody"})
	refused(t, err, codes.NotFound)
}

// moves returns all transitions of a customer.
func (s *suite) moves(t testing.TB, customer string, req *journeyv1.ListStageTransitionsRequest) (all []*journeyv1.StageTransition) {
	t.Helper()
	req.Parent = "brands/acme/customers/" + customer
	for range 1000 {
		answer, err := s.ListStageTransitions(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer.GetStageTransitions()...)
		if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
	t.Fatal("the list does not end")
	return nil
}

func testTransitions(t *testing.T, s *suite) {
	story(t, s)
	got := s.moves(t, "ann", &journeyv1.ListStageTransitionsRequest{PageSize: 1})
	if len(got) != 4 {
		t.Fatalf("%d moves, want 4: %v", len(got), got)
	}
	same(t, got[3], &journeyv1.StageTransition{
		FromStage: typev1.Stage_STAGE_DECISION, ToStage: typev1.Stage_STAGE_RETENTION, EventTime: timestamppb.New(noon.AddDate(0, 0, 3)),
		Touchpoint: "brands/acme/customers/ann/touchpoints/t4", TouchpointDefinition: definition("acme", "support-interaction"),
		Channel: typev1.Channel_CHANNEL_PHONE, IsService: true,
	})
	late := s.record(t, at("t0", noon.Add(36*time.Hour), typev1.Stage_STAGE_AWARENESS, 0)) // between t2 and t3
	if got = s.moves(t, "ann", &journeyv1.ListStageTransitionsRequest{}); len(got) != 5 || got[2].GetTouchpoint() != late.GetName() {
		t.Errorf("after a late one: %v", got)
	}
	for filter, want := range map[string]int{
		"to_stage = STAGE_AWARENESS": 2, "from_stage = STAGE_AWARENESS": 2, "is_service = true": 1,
		"channel = CHANNEL_WEB AND event_time > 2026-02-11T00:00:00Z": 1,
	} {
		if n := len(s.moves(t, "ann", &journeyv1.ListStageTransitionsRequest{Filter: filter, PageSize: 1})); n != want {
			t.Errorf("%s: %d moves, want %d", filter, n, want)
		}
	}
}

// testRandomTransitions compares the moves of random customers with a replay.
func testRandomTransitions(t *testing.T, s *suite) {
	customer := 0
	stages := append(slices.Repeat([]typev1.Stage{1}, 20), 2, 3) // long stays
	rapid.Check(t, func(r *rapid.T) {
		customer++
		id := fmt.Sprint("c", customer)
		var reqs []*journeyv1.RecordTouchpointRequest
		for i := range rapid.IntRange(1, 50).Draw(r, "touchpoints") {
			req := visit(id, fmt.Sprint(id, "-", i), noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "hour"))*time.Hour))
			req.Touchpoint.Stage = rapid.SampledFrom(stages).Draw(r, "stage")
			reqs = append(reqs, req)
		}
		if _, err := s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: reqs}); err != nil {
			r.Fatal(err)
		}
		listed, err := s.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/" + id, OrderBy: "event_time"})
		if err != nil {
			r.Fatal(err)
		}
		var want []string
		var stage typev1.Stage
		for _, p := range listed.GetTouchpoints() {
			if p.GetStage() != stage {
				want = append(want, fmt.Sprint(stage, p.GetStage(), p.GetName()))
				stage = p.GetStage()
			}
		}
		for _, size := range []int32{0, 1, 2} {
			var got []string
			for _, m := range s.moves(t, id, &journeyv1.ListStageTransitionsRequest{PageSize: size}) {
				got = append(got, fmt.Sprint(m.GetFromStage(), m.GetToStage(), m.GetTouchpoint()))
			}
			if !slices.Equal(got, want) {
				r.Fatalf("pages of %d: moves = %v, want %v", size, got, want)
			}
		}
		whole, err := s.GetJourney(t.Context(), &journeyv1.GetJourneyRequest{Name: "brands/acme/customers/" + id + "/journey"})
		if err != nil || !slices.EqualFunc(whole.GetTouchpoints(), listed.GetTouchpoints(), func(a, b *journeyv1.Touchpoint) bool { return proto.Equal(a, b) }) {
			r.Fatalf("journey = %v, %v, want %v", whole, err, listed)
		}
	})
}
