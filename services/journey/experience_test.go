package journey_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

func TestExperience(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"each section comes where it is asked for":                      testSections,
		"expectations divide into three that hold together":             testExpectationSplit,
		"of a hundred customers forty are old ones":                     testReturning,
		"what is taken back counts for nothing":                         testRetracted,
		"segments and personas are dimensions and pick customers":       testPeople,
		"customers who are one count once":                              testMergedExperience,
		"a broken touchpoint is named with its owner":                   testBroken,
		"after a failure some turn to service and some are silent":      testContact,
		"word of mouth has parameters, and own ones need a source":      testMouth,
		"mode, kind and emotion are dimensions":                         testModes,
		"what is felt is held against what the map wants":               testEmotionGap,
		"a filtered population's contact with service counts anyway":    testContactElsewhere,
		"the spread tells a consistent experience from a chequered one": testSpread,
	})
}

// at records touchpoints of one kind, a minute apart.
func (s *suite) at(t *testing.T, customer, definition string, start time.Time, expectations ...typev1.Expectation) {
	t.Helper()
	req := batchOf()
	for i, e := range expectations {
		r := visit(customer, fmt.Sprint(customer, definition, start.Unix(), "-", i), start.Add(time.Duration(i)*time.Minute))
		r.Touchpoint.Definition = "brands/acme/touchpointDefinitions/" + definition
		r.Touchpoint.Expectation = e
		req.Requests = append(req.Requests, r)
	}
	for _, result := range s.batch(t, req) {
		if result.GetError() != nil {
			t.Fatal(result.GetError())
		}
	}
}

const exceeded = typev1.Expectation_EXPECTATION_EXCEEDED

var allSections = []journeyv1.Section{
	journeyv1.Section_SECTION_EXPECTATIONS, journeyv1.Section_SECTION_EMOTIONS, journeyv1.Section_SECTION_STAGES,
	journeyv1.Section_SECTION_WORD_OF_MOUTH, journeyv1.Section_SECTION_TOUCHPOINTS, journeyv1.Section_SECTION_CONTACT,
	journeyv1.Section_SECTION_RETURNING_CUSTOMERS,
}

func testSections(t *testing.T, s *suite) {
	empty := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: allSections})
	if empty.GetExpectations().GetUnmet().GetQuality() != typev1.Quality_QUALITY_NO_DATA || len(empty.GetStages().GetStages()) != 5 ||
		empty.GetWordOfMouth().GetNet().Value != nil || empty.GetContactAfterUnmet().GetHorizon().AsDuration() != 14*24*time.Hour {
		t.Errorf("without data: %v", empty)
	}
	populate(t, s, 400)
	plain, full := s.query(t, &journeyv1.QueryExperienceMetricsRequest{}), s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: allSections})
	if plain.Expectations != nil || plain.Stages != nil || plain.WordOfMouth != nil || plain.Touchpoints != nil || plain.ContactAfterUnmet != nil {
		t.Errorf("unasked: %v", plain)
	}
	if full.Expectations == nil || full.Stages.GetWeakest() == nil || full.WordOfMouth == nil || len(full.GetTouchpoints()) != 6 || full.ContactAfterUnmet == nil {
		t.Errorf("asked: %v", full)
	}
	if len(full.GetMeasures()) != len(plain.GetMeasures())+1 {
		t.Errorf("%d measures, want those of the plain answer and the returning customers", len(full.GetMeasures()))
	}
	again := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: allSections})
	again.Basis.ReadTime = full.GetBasis().GetReadTime()
	same(t, again, full)
}

func testExpectationSplit(t *testing.T, s *suite) {
	for i, n := range []int{60, 82, 108} { // of the European customer satisfaction index for mobile phones
		e := []typev1.Expectation{unmet, met, exceeded}[i]
		s.at(t, fmt.Sprint("c", i), "website-visit", noon, slices.Repeat([]typev1.Expectation{e}, n)...)
	}
	s.at(t, "c", "website-visit", noon, 0, 0)
	answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: []journeyv1.Section{journeyv1.Section_SECTION_EXPECTATIONS}})
	split := answer.GetExpectations()
	for i, e := range []*typev1.Estimate{split.GetUnmet(), split.GetMet(), split.GetExceeded()} {
		single := metric(answer.GetMeasures(), []typev1.Metric{
			typev1.Metric_METRIC_UNMET_SHARE, typev1.Metric_METRIC_AS_EXPECTED_SHARE, typev1.Metric_METRIC_DELIGHT_RATE,
		}[i]).GetEstimate()
		if e.GetValue() != float64([]int{60, 82, 108}[i])/250 || e.GetMethod() != typev1.Method_METHOD_GOODMAN ||
			single.GetValue() != e.GetValue() || !(e.GetLower() < single.GetLower() && single.GetUpper() < e.GetUpper()) {
			t.Errorf("share %d = %v, want wider than %v", i, e, single)
		}
	}
	if len(split.GetExcluded()) != 1 || split.GetExcluded()[0].GetCount() != 2 {
		t.Errorf("excluded = %v", split.GetExcluded())
	}
}

func testReturning(t *testing.T, s *suite) {
	for i := range 100 {
		id := fmt.Sprint("c", i)
		s.record(t, visit(id, id, noon))
		if i < 40 {
			s.record(t, visit(id, id+"before", noon.Add(-30*24*time.Hour)))
		}
	}
	s.record(t, visit("gone", "gone", noon.Add(-30*24*time.Hour)))
	answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{
		Window: window(noon, noon.Add(time.Hour)), GroupBy: []string{"channel"},
		Sections: []journeyv1.Section{journeyv1.Section_SECTION_RETURNING_CUSTOMERS},
	})
	for _, measures := range [][]*typev1.Measure{answer.GetMeasures(), answer.GetGroups()[0].GetMeasures()} {
		e := metric(measures, typev1.Metric_METRIC_RETURNING_CUSTOMER_RATE).GetEstimate()
		if e.GetValue() != 0.4 || e.GetN() != 100 || math.Abs(e.GetLower()-0.3094) > 1e-4 || math.Abs(e.GetUpper()-0.4980) > 1e-4 {
			t.Errorf("returning = %v, want 0.4 (0.3094 to 0.4980)", e)
		}
	}
}

func testRetracted(t *testing.T, s *suite) {
	for i := range 6 {
		s.record(t, visit("ann", fmt.Sprint(i), noon.Add(time.Duration(i)*time.Hour)))
	}
	before := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: window(noon, noon.Add(24*time.Hour)), Sections: allSections})
	wrong := visit("bob", "wrong", noon)
	wrong.Touchpoint.Expectation = unmet
	p := s.record(t, wrong)
	if _, err := s.RetractTouchpoint(t.Context(), &journeyv1.RetractTouchpointRequest{Name: p.GetName(), Reason: "a mistake"}); err != nil {
		t.Fatal(err)
	}
	after := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: window(noon, noon.Add(24*time.Hour)), Sections: allSections})
	after.Basis.ReadTime = before.GetBasis().GetReadTime()
	same(t, after, before)
}

// customers is the service of customers on the suite's database.
func (s *suite) customers(t *testing.T) journeyv1.CustomerServiceClient {
	t.Helper()
	server := rpc.NewServer(rpc.Config{})
	s.service.Register(server)
	return journeyv1.NewCustomerServiceClient(server.Local())
}

func testPeople(t *testing.T, s *suite) {
	customers := s.customers(t)
	for id, p := range map[string]*journeyv1.Customer{
		"ann": {Segments: []string{"vip", "young"}, Persona: "hunter"}, "ben": {Segments: []string{"vip"}}, "cat": {Persona: "hunter"},
	} {
		if _, err := customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{Parent: "brands/acme", CustomerId: id, Customer: p}); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"ann", "ben", "cat", "dan"} {
		s.at(t, id, "website-visit", noon, slices.Repeat([]typev1.Expectation{met}, 1<<i)...)
	}
	counts := func(req *journeyv1.QueryExperienceMetricsRequest) map[string]float64 {
		all := map[string]float64{}
		answer := s.query(t, req)
		for _, g := range answer.GetGroups() {
			all[g.GetKeys()[0].GetValue()] = metric(g.GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT).GetEstimate().GetValue()
		}
		all["all"] = float64(answer.GetNesting().GetTouchpoints())
		return all
	}
	for _, tt := range []struct {
		req  *journeyv1.QueryExperienceMetricsRequest
		want map[string]float64
	}{
		{&journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{"segment"}}, map[string]float64{"vip": 3, "young": 1, "": 12, "all": 15}},
		{&journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{"persona"}}, map[string]float64{"hunter": 5, "": 10, "all": 15}},
		{&journeyv1.QueryExperienceMetricsRequest{Segments: []string{"vip", "old"}}, map[string]float64{"all": 3}},
		{&journeyv1.QueryExperienceMetricsRequest{Personas: []string{"hunter"}}, map[string]float64{"all": 5}},
		{&journeyv1.QueryExperienceMetricsRequest{Personas: []string{"hunter"}, Segments: []string{"vip"}, GroupBy: []string{"segment"}}, map[string]float64{"vip": 1, "young": 1, "all": 1}},
	} {
		if got := counts(tt.req); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v: %v, want %v", tt.req, got, tt.want)
		}
	}
	s.record(t, visit("dan", "old", noon.Add(-400*24*time.Hour))) // in the sums of the brand, and no hunter
	whole := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Personas: []string{"hunter"}})
	if n := metric(whole.GetMeasures(), typev1.Metric_METRIC_JOURNEY_SCORE).GetEstimate().GetN(); n != 5 {
		t.Errorf("the journey of the hunters has %d touchpoints, want 5", n)
	}
}

func testMergedExperience(t *testing.T, s *suite) {
	customers := s.customers(t)
	s.record(t, visit("web-7", "1", noon.Add(-40*24*time.Hour)))
	s.record(t, visit("ann", "2", noon))
	s.at(t, "dan", "website-visit", noon, met, met, met, met)
	req := &journeyv1.QueryExperienceMetricsRequest{
		Window: window(noon, noon.Add(24*time.Hour)), Sections: []journeyv1.Section{journeyv1.Section_SECTION_RETURNING_CUSTOMERS},
	}
	for _, id := range []string{"ann", "web-7"} {
		_, err := customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
			Parent: "brands/acme", CustomerId: id, Customer: &journeyv1.Customer{Segments: []string{map[string]string{"ann": "vip", "web-7": "anonymous"}[id]}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{
		Name: "brands/acme/customers/ann", Sources: []string{"brands/acme/customers/web-7"},
	}); err != nil {
		t.Fatal(err)
	}
	answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{"segment"}})
	if n := answer.GetNesting(); n.GetCustomers() != 2 || len(answer.GetGroups()) != 2 || answer.GetGroups()[1].GetKeys()[0].GetValue() != "vip" {
		t.Errorf("merged: %v, want 2 customers, one of them a VIP throughout", answer)
	}
	s.at(t, "web-7", "website-visit", noon.Add(time.Hour), met)
	if n := s.query(t, req).GetNesting().GetCustomers(); n != 2 {
		t.Errorf("%d customers in the window, want 2", n)
	}
	for i := range 3 {
		s.record(t, visit(fmt.Sprint("new", i), fmt.Sprint("new", i), noon))
	}
	s.record(t, visit("eve", "3", noon.Add(-40*24*time.Hour)))
	if _, err := customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{
		Name: "brands/acme/customers/eve", Sources: []string{"brands/acme/customers/new0"},
	}); err != nil {
		t.Fatal(err)
	}
	e := metric(s.query(t, req).GetMeasures(), typev1.Metric_METRIC_RETURNING_CUSTOMER_RATE).GetEstimate()
	if e.GetN() != 5 || e.GetValue() != 0.4 {
		t.Errorf("returning = %v, want 2 of 5: who was there as somebody else, and who is part of somebody", e)
	}
}

func testBroken(t *testing.T, s *suite) {
	s.at(t, "ann", "delivery", noon, append(slices.Repeat([]typev1.Expectation{unmet}, 25), slices.Repeat([]typev1.Expectation{met}, 15)...)...)
	s.at(t, "ben", "website-visit", noon, append(slices.Repeat([]typev1.Expectation{unmet}, 2), slices.Repeat([]typev1.Expectation{met}, 200)...)...)
	req := &journeyv1.QueryExperienceMetricsRequest{Sections: []journeyv1.Section{journeyv1.Section_SECTION_TOUCHPOINTS}}
	health := s.query(t, req).GetTouchpoints()
	if len(health) != 2 || health[0].GetTouchpointDefinition() != "brands/acme/touchpointDefinitions/delivery" || !health[0].GetBroken() ||
		health[0].GetFunctionOwner() != typev1.Function_FUNCTION_LOGISTICS || health[0].GetControlLevel() == 0 || health[1].GetBroken() {
		t.Fatalf("health = %v, want delivery broken and owned by logistics", health)
	}
	req.BrokenMinimum = 41
	if health := s.query(t, req).GetTouchpoints(); health[0].GetBroken() || !health[0].GetAboveThreshold() {
		t.Errorf("of fewer than asked for: %v, want nothing broken", health[0])
	}
	req.BrokenMinimum, req.BrokenThreshold = 0, proto.Float64(0.9)
	if health := s.query(t, req).GetTouchpoints(); health[0].GetAboveThreshold() || !health[0].GetAboveControlLimit() || !health[0].GetBroken() {
		t.Errorf("above the control limit alone: %v, want it broken", health[0])
	}
	req.BrokenMinimum = 4
	_, err := s.QueryExperienceMetrics(t.Context(), req)
	refused(t, err, codes.InvalidArgument)
}

func testContact(t *testing.T, s *suite) {
	now := time.Now().Truncate(time.Second)
	for i := range 8 {
		id := fmt.Sprint("c", i)
		s.at(t, id, "delivery", now.Add(-20*24*time.Hour), unmet)
		if i < 2 { // two days later
			s.at(t, id, "support-interaction", now.Add(-18*24*time.Hour), 0)
		}
	}
	s.at(t, "new", "delivery", now.Add(-time.Hour), unmet)
	s.at(t, "served", "support-interaction", now.Add(-19*24*time.Hour), unmet)
	req := &journeyv1.QueryExperienceMetricsRequest{Sections: []journeyv1.Section{journeyv1.Section_SECTION_CONTACT}}
	c := s.query(t, req).GetContactAfterUnmet()
	if c.GetContacted().GetN() != 8 || c.GetContacted().GetValue() != 0.25 || c.GetSilent().GetValue() != 0.75 || c.GetSilentCustomers() != 6 {
		t.Errorf("contact = %v, want 2 of 8", c)
	}
	if len(c.GetExcluded()) != 1 || c.GetExcluded()[0].GetReason() != "HORIZON_OPEN" || c.GetExcluded()[0].GetCount() != 1 {
		t.Errorf("excluded = %v, want the new one", c.GetExcluded())
	}
	req.ContactHorizon = durationpb.New(24 * time.Hour)
	if c := s.query(t, req).GetContactAfterUnmet(); c.GetContacted().GetValue() != 0 || c.GetSilentCustomers() != 8 {
		t.Errorf("within a day = %v, want nobody", c)
	}
	early := window(now.Add(-21*24*time.Hour), now.Add(-19*24*time.Hour))
	if c := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: early, Sections: req.GetSections()}).GetContactAfterUnmet(); c.GetContacted().GetValue() != 0.25 {
		t.Errorf("of a window that ends before the contacts = %v, want them seen", c)
	}
}

func testContactElsewhere(t *testing.T, s *suite) {
	for i := range 5 {
		s.at(t, fmt.Sprint("c", i), "delivery", noon, unmet)
		s.at(t, fmt.Sprint("c", i), "support-interaction", noon.Add(time.Hour), 0)
		s.at(t, fmt.Sprint("c", i), "website-visit", noon, unmet)
	}
	c := s.query(t, &journeyv1.QueryExperienceMetricsRequest{
		Population: &typev1.Population{Stages: []typev1.Stage{typev1.Stage_STAGE_DECISION}},
		Sections:   []journeyv1.Section{journeyv1.Section_SECTION_CONTACT},
	}).GetContactAfterUnmet()
	if c.GetContacted().GetN() != 5 || c.GetContacted().GetValue() != 1 {
		t.Errorf("contact = %v, want all 5 deliveries followed by service in another stage", c)
	}
}

func testMouth(t *testing.T, s *suite) {
	for i := range 10 {
		s.at(t, fmt.Sprint("c", i), "website-visit", noon, []typev1.Expectation{exceeded, unmet, met}[min(i/4, 2)])
	}
	sections := []journeyv1.Section{journeyv1.Section_SECTION_WORD_OF_MOUTH}
	for _, tt := range []struct {
		parameters *journeyv1.WordOfMouthParameters
		net        float64
	}{
		{nil, 4*9 - 4*16},
		{&journeyv1.WordOfMouthParameters{Preset: journeyv1.WordOfMouthParameters_PRESET_AMEX_2012}, 4*15 - 4*24},
		{&journeyv1.WordOfMouthParameters{Good: 3, Poor: 1, Source: "our panel, 2025"}, 8},
	} {
		answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: sections, WordOfMouth: tt.parameters})
		w := answer.GetWordOfMouth()
		if w.GetNet().GetValue() != tt.net || w.GetSource() == "" || !proto.Equal(w.GetNet(), metric(answer.GetMeasures(), typev1.Metric_METRIC_WORD_OF_MOUTH).GetEstimate()) {
			t.Errorf("%v: %v, want %v", tt.parameters, w, tt.net)
		}
	}
	for _, p := range []*journeyv1.WordOfMouthParameters{
		{},
		{Good: 3, Poor: 1},
		{Good: 3, Source: "us"},
		{Preset: journeyv1.WordOfMouthParameters_PRESET_AMEX_2011, Good: 1, Poor: 1, Source: "us"},
		{Good: math.NaN(), Poor: 1, Source: "us"},
		{Good: math.Inf(1), Poor: 1, Source: "us"},
		{Good: -1, Poor: 1, Source: "us"},
	} {
		_, err := s.QueryExperienceMetrics(t.Context(), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/acme", WordOfMouth: p})
		refused(t, err, codes.InvalidArgument)
	}
}

func testModes(t *testing.T, s *suite) {
	for i, channel := range []typev1.Channel{typev1.Channel_CHANNEL_WEB, typev1.Channel_CHANNEL_PHONE, typev1.Channel_CHANNEL_EMAIL} {
		r := visit("ann", fmt.Sprint(i), noon)
		r.Touchpoint.Channel, r.Touchpoint.Emotion = channel, []typev1.Emotion{typev1.Emotion_EMOTION_JOY, typev1.Emotion_EMOTION_ANGER, 0}[i]
		s.record(t, r)
	}
	s.at(t, "ben", "delivery", noon, met)
	for dimension, want := range map[string][]string{
		"mode":    {"MODE_DIGITAL", "MODE_PHYSICAL"},
		"kind":    {"TOUCHPOINT_KIND_ENGAGEMENT", "TOUCHPOINT_KIND_TRANSACTION"},
		"emotion": {"", "EMOTION_ANGER", "EMOTION_JOY"},
	} {
		var got []string
		for _, g := range s.query(t, &journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{dimension}}).GetGroups() {
			got = append(got, g.GetKeys()[0].GetValue())
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s: %v, want %v", dimension, got, want)
		}
	}
	emotions := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: []journeyv1.Section{journeyv1.Section_SECTION_EMOTIONS}}).GetEmotions()
	if len(emotions) != 2 || emotions[0].GetEmotion() != typev1.Emotion_EMOTION_JOY || emotions[0].GetShare().GetN() != 2 {
		t.Errorf("emotions = %v", emotions)
	}
}

func testSpread(t *testing.T, s *suite) {
	s.at(t, "ann", "delivery", noon, met, met, met, met, met, met)
	s.at(t, "ann", "website-visit", noon, exceeded, unmet, exceeded, unmet, exceeded, unmet, 0)
	want := map[string][2]float64{"delivery": {0.75, 0}, "website-visit": {0.5, math.Sqrt(6 * 0.25 / 5)}}
	for _, g := range s.query(t, &journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{"touchpoint_definition"}}).GetGroups() {
		id := g.GetKeys()[0].GetValue()[len("brands/acme/touchpointDefinitions/"):]
		mean, spread := metric(g.GetMeasures(), typev1.Metric_METRIC_OUTCOME_MEAN), metric(g.GetMeasures(), typev1.Metric_METRIC_OUTCOME_SPREAD)
		if mean.GetEstimate().GetValue() != want[id][0] || math.Abs(spread.GetEstimate().GetValue()-want[id][1]) > 1e-12 {
			t.Errorf("%s: mean %v, spread %v, want %v", id, mean, spread, want[id])
		}
		if id == "website-visit" && (len(mean.GetExcluded()) != 1 || mean.GetExcluded()[0].GetCount() != 1) {
			t.Errorf("excluded = %v, want the one without outcome", mean.GetExcluded())
		}
	}
}

func testEmotionGap(t *testing.T, s *suite) {
	for i, e := range slices.Repeat([]typev1.Emotion{
		typev1.Emotion_EMOTION_JOY, typev1.Emotion_EMOTION_ANGER, typev1.Emotion_EMOTION_TRUST, typev1.Emotion_EMOTION_ANGER, 0, typev1.Emotion_EMOTION_UNKNOWN,
	}, 2) {
		r := visit("ann", fmt.Sprint("e", i), noon)
		r.Touchpoint.Emotion = e
		s.record(t, r)
	}
	gap := func(asked ...journeyv1.Section) *journeyv1.EmotionGap {
		t.Helper()
		return s.query(t, &journeyv1.QueryExperienceMetricsRequest{Sections: asked}).GetEmotionGap()
	}
	if got := gap(journeyv1.Section_SECTION_EMOTIONS); got != nil {
		t.Errorf("without a target: %v", got)
	}
	_, err := s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{JourneyMap: &journeyv1.JourneyMap{
		Name: "brands/acme/journeyMaps/default", TargetEmotion: typev1.Emotion_EMOTION_JOY,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := gap(journeyv1.Section_SECTION_STAGES); got != nil {
		t.Errorf("unasked: %v", got)
	}
	got := gap(journeyv1.Section_SECTION_EMOTIONS)
	if felt := got.GetFelt(); got.GetTargetEmotion() != typev1.Emotion_EMOTION_JOY || felt.GetValue() != 0.25 || felt.GetN() != 8 ||
		felt.GetMethod() != typev1.Method_METHOD_WILSON || got.GetGap().GetValue() != 0.75 || math.Abs(got.GetGap().GetUpper()+felt.GetLower()-1) > 1e-12 {
		t.Errorf("gap = %v, want that one of four felt joy", got)
	}
}
