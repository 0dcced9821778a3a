package journey_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestQueryExperienceMetrics(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"without data there are no numbers":         testNoData,
		"metrics equal a recount":                   testRecount,
		"groups partition the whole":                testGroups,
		"few touchpoints are counted but not rated": testSuppression,
		"too many groups are refused":               testTooManyGroups,
	})
}

func (s *suite) query(t *testing.T, req *journeyv1.QueryExperienceMetricsRequest) *journeyv1.QueryExperienceMetricsResponse {
	t.Helper()
	req.Parent = "brands/acme"
	answer, err := s.QueryExperienceMetrics(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func metric(measures []*typev1.Measure, m typev1.Metric) *typev1.Measure {
	for _, measure := range measures {
		if measure.GetMetric() == m {
			return measure
		}
	}
	return nil
}

func window(start, end time.Time) *typev1.Window {
	return &typev1.Window{StartTime: timestamppb.New(start), EndTime: timestamppb.New(end)}
}

func testNoData(t *testing.T, s *suite) {
	answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{GroupBy: []string{"channel"}})
	if answer.GetBasis().GetWindow() != nil || len(answer.GetGroups()) != 0 || len(answer.GetMeasures()) != 12 {
		t.Errorf("answer = %v", answer)
	}
	for _, m := range answer.GetMeasures() {
		count := m.GetEstimate().GetMethod() == typev1.Method_METHOD_EXACT
		if m.GetSubject() != typev1.Subject_SUBJECT_EXPERIENCE || count && m.GetEstimate().GetValue() != 0 ||
			!count && (m.GetEstimate().Value != nil || m.GetEstimate().GetQuality() != typev1.Quality_QUALITY_NO_DATA) {
			t.Errorf("measure %v", m)
		}
	}
	span, err := s.GetDataSpan(t.Context(), &journeyv1.GetDataSpanRequest{Parent: "brands/acme"})
	if err != nil || span.GetWindow() != nil {
		t.Errorf("span = %v, %v, want none", span, err)
	}
}

// populate records n random touchpoints of the year before noon and returns them.
func populate(t *testing.T, s *suite, n int) []*journeyv1.RecordTouchpointRequest {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(n)))
	definitions := []string{"website-visit", "delivery", "support-interaction", "product-return", "referral", "own"}
	if _, err := s.CreateTouchpointDefinition(t.Context(), define("own")); err != nil {
		t.Fatal(err)
	}
	var all []*journeyv1.RecordTouchpointRequest
	for i := range n {
		req := visit(fmt.Sprint("c", r.IntN(n/8)), fmt.Sprint(i), noon.Add(-time.Duration(r.Int64N(365*24*3600))*time.Second))
		p := req.GetTouchpoint()
		p.Definition = "brands/acme/touchpointDefinitions/" + definitions[r.IntN(len(definitions))]
		p.Expectation = typev1.Expectation(r.Int32N(4))
		p.Channel, p.Stage, p.Phase = typev1.Channel(1+r.Int32N(3)), typev1.Stage(1+r.Int32N(5)), typev1.Phase(1+r.Int32N(4))
		if r.IntN(3) == 0 {
			p.Measurement = &journeyv1.Measurement{Rating: r.Int32N(11), Min: 0, Max: 10}
		}
		if r.IntN(2) == 0 {
			p.Attributes = map[string]string{"plan": []string{"basic", "pro"}[r.IntN(2)]}
		}
		all = append(all, req)
	}
	for part := range slices.Chunk(all, 150) {
		s.batch(t, batchOf(part...))
	}
	return all
}

func service(req *journeyv1.RecordTouchpointRequest) bool {
	switch req.GetTouchpoint().GetDefinition() {
	case "brands/acme/touchpointDefinitions/support-interaction", "brands/acme/touchpointDefinitions/product-return", "brands/acme/touchpointDefinitions/own":
		return true
	}
	return false
}

// A recount is what a set of touchpoints must measure.
type recount struct {
	touchpoints, service, known, met, unmet, exceeded int64
	days                                              map[string]map[int64]bool
	served                                            map[string]bool
	lived                                             []*journeyv1.RecordTouchpointRequest // up to the end
}

func count(all []*journeyv1.RecordTouchpointRequest, start, end time.Time, keep func(*journeyv1.Touchpoint) bool) *recount {
	c := &recount{days: map[string]map[int64]bool{}, served: map[string]bool{}}
	for _, req := range all {
		p := req.GetTouchpoint()
		at := p.GetEventTime().AsTime()
		if !keep(p) || !at.Before(end) {
			continue
		}
		c.lived = append(c.lived, req)
		if at.Before(start) {
			continue
		}
		c.touchpoints++
		if c.days[req.GetParent()] == nil {
			c.days[req.GetParent()] = map[int64]bool{}
		}
		c.days[req.GetParent()][at.Unix()/86400] = true
		if service(req) {
			c.service++
			c.served[req.GetParent()] = true
		}
		if p.GetExpectation() != 0 {
			c.known++
		}
		switch p.GetExpectation() {
		case typev1.Expectation_EXPECTATION_UNMET:
			c.unmet++
		case typev1.Expectation_EXPECTATION_MET:
			c.met++
		case typev1.Expectation_EXPECTATION_EXCEEDED:
			c.met++
			c.exceeded++
		}
	}
	return c
}

func (c *recount) repeated() (n int64) {
	for _, days := range c.days {
		if len(days) > 1 {
			n++
		}
	}
	return n
}

// check compares measures with c; the journey score with that of a customer of
// another brand who lived through all of it.
func (c *recount) check(t *testing.T, s *suite, measures []*typev1.Measure, end time.Time, twin string) {
	t.Helper()
	customers := int64(len(c.days))
	for m, want := range map[typev1.Metric][2]int64{
		typev1.Metric_METRIC_TOUCHPOINT_COUNT:         {c.touchpoints, 1},
		typev1.Metric_METRIC_ACTIVE_CUSTOMER_COUNT:    {customers, 1},
		typev1.Metric_METRIC_EXPECTATION_MET_SHARE:    {c.met, c.known},
		typev1.Metric_METRIC_UNMET_SHARE:              {c.unmet, c.known},
		typev1.Metric_METRIC_DELIGHT_RATE:             {c.exceeded, c.known},
		typev1.Metric_METRIC_REPEAT_CUSTOMER_RATE:     {c.repeated(), customers},
		typev1.Metric_METRIC_SERVICE_TOUCHPOINT_SHARE: {c.service, c.touchpoints},
	} {
		e := metric(measures, m).GetEstimate()
		count := e.GetUnit() == typev1.Unit_UNIT_COUNT
		if !count && e.GetN() != want[1] {
			t.Errorf("%v: n = %d, want %d", m, e.GetN(), want[1])
		}
		if (count || want[1] >= 5) && math.Abs(e.GetValue()-float64(want[0])/float64(want[1])) > 1e-12 {
			t.Errorf("%v = %v, want %v", m, e.GetValue(), want)
		}
	}
	if excluded := metric(measures, typev1.Metric_METRIC_UNMET_SHARE).GetExcluded(); c.known < c.touchpoints &&
		(len(excluded) != 1 || excluded[0].GetReason() != "NO_EXPECTATION" || excluded[0].GetCount() != c.touchpoints-c.known) {
		t.Errorf("excluded = %v, want %d without expectation", excluded, c.touchpoints-c.known)
	}
	c.checkScore(t, s, metric(measures, typev1.Metric_METRIC_JOURNEY_SCORE), end, twin)
}

func (c *recount) checkScore(t *testing.T, s *suite, got *typev1.Measure, end time.Time, twin string) {
	t.Helper()
	name := "brands/twin/customers/" + twin
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/twin"}
	for _, r := range c.lived {
		r = proto.Clone(r).(*journeyv1.RecordTouchpointRequest)
		weight := "website-visit"
		if r.GetTouchpoint().GetDefinition() == "brands/acme/touchpointDefinitions/own" {
			weight = "own"
		}
		r.Parent, r.Touchpoint.Source, r.Touchpoint.Definition = name, twin, "brands/twin/touchpointDefinitions/"+weight
		req.Requests = append(req.Requests, r)
	}
	s.batch(t, req)
	score, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: name + "/score", AsOfTime: timestamppb.New(end)})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got.GetEstimate(), score.GetEstimate()) {
		t.Errorf("journey score of %s = %v, want %v", twin, got.GetEstimate(), score.GetEstimate())
	}
	if !slices.EqualFunc(got.GetExcluded(), score.GetBasis().GetExcluded(), func(a, b *typev1.Exclusion) bool { return proto.Equal(a, b) }) {
		t.Errorf("journey score of %s leaves out %v, want %v", twin, got.GetExcluded(), score.GetBasis().GetExcluded())
	}
}

func testRecount(t *testing.T, s *suite) {
	all := populate(t, s, 400)
	twin := define("own")
	twin.Parent = "brands/twin"
	if _, err := s.CreateTouchpointDefinition(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	year, start, end := noon.Add(-366*24*time.Hour), noon.Add(-200*24*time.Hour), noon.Add(-20*24*time.Hour+time.Millisecond)
	channels := []typev1.Channel{typev1.Channel_CHANNEL_PHONE, typev1.Channel_CHANNEL_CHAT}
	stages := []typev1.Stage{typev1.Stage_STAGE_DECISION, typev1.Stage_STAGE_ADVOCACY}
	for i, tt := range []struct {
		start, end time.Time
		population *typev1.Population
	}{
		{year, noon, nil},
		{start, end, nil},
		{end.Add(-24 * time.Hour), end, &typev1.Population{Stages: stages}},
		{start, end, &typev1.Population{Channels: channels}},
		{start, end, &typev1.Population{Channels: channels, Stages: stages}},
	} {
		c := count(all, tt.start, tt.end, func(p *journeyv1.Touchpoint) bool {
			return (len(tt.population.GetChannels()) == 0 || slices.Contains(channels, p.GetChannel())) &&
				(len(tt.population.GetStages()) == 0 || slices.Contains(stages, p.GetStage()))
		})
		req := &journeyv1.QueryExperienceMetricsRequest{Window: window(tt.start, tt.end), Population: tt.population}
		answer := s.query(t, req)
		c.check(t, s, answer.GetMeasures(), tt.end, fmt.Sprint("t", i))
		same(t, answer.GetNesting(), &journeyv1.Nesting{
			Touchpoints: c.touchpoints, ServiceTouchpoints: c.service, Customers: int64(len(c.days)), ServiceCustomers: int64(len(c.served)),
		})
		b := answer.GetBasis()
		if b.GetIncluded() != c.touchpoints || b.GetScoringModelRevision() != "brands/acme/scoringModels/default@1" || b.GetReadTime() == nil {
			t.Errorf("basis = %v", b)
		}
		b.ReadTime = nil
		again := s.query(t, req)
		again.GetBasis().ReadTime = nil
		same(t, again, answer)
	}
	whole := s.query(t, &journeyv1.QueryExperienceMetricsRequest{})
	if whole.GetNesting().GetTouchpoints() != 400 {
		t.Errorf("without a window: %v, want all touchpoints", whole.GetNesting())
	}
}

func testGroups(t *testing.T, s *suite) {
	all := populate(t, s, 400)
	twin := define("own")
	twin.Parent = "brands/twin"
	if _, err := s.CreateTouchpointDefinition(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	start, end := noon.Add(-100*24*time.Hour), noon.Add(-10*24*time.Hour)
	answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: window(start, end), GroupBy: []string{"channel", "attributes.plan"}})
	var last []string
	var sum int64
	for i, g := range answer.GetGroups() {
		keys := []string{g.GetKeys()[0].GetValue(), g.GetKeys()[1].GetValue()}
		if slices.Compare(last, keys) >= 0 || g.GetKeys()[0].GetDimension() != "channel" || g.GetKeys()[1].GetDimension() != "attributes.plan" {
			t.Errorf("group %v comes after %v", g.GetKeys(), last)
		}
		last = keys
		c := count(all, start, end, func(p *journeyv1.Touchpoint) bool {
			return p.GetChannel().String() == keys[0] && p.GetAttributes()["plan"] == keys[1]
		})
		c.check(t, s, g.GetMeasures(), end, fmt.Sprint("g", i))
		sum += c.touchpoints
	}
	if len(answer.GetGroups()) != 9 || sum != answer.GetNesting().GetTouchpoints() {
		t.Errorf("%d groups of %d touchpoints, want 9 of %d", len(answer.GetGroups()), sum, answer.GetNesting().GetTouchpoints())
	}
	same(t, answer.GetNesting(), s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: window(start, end)}).GetNesting())
	for dimension, want := range map[string][]string{
		"stage":                 {"STAGE_ADVOCACY", "STAGE_AWARENESS", "STAGE_CONSIDERATION", "STAGE_DECISION", "STAGE_RETENTION"},
		"phase":                 {"PHASE_POST_PURCHASE", "PHASE_PRE_PURCHASE", "PHASE_PRODUCT_USE", "PHASE_PURCHASE"},
		"expectation":           {"", "EXPECTATION_EXCEEDED", "EXPECTATION_MET", "EXPECTATION_UNMET"},
		"component":             {"", "COMPONENT_COMMUNICATION", "COMPONENT_ENVIRONMENT", "COMPONENT_PROCESS", "COMPONENT_SERVICE"},
		"function_owner":        {"FUNCTION_LOGISTICS", "FUNCTION_MARKETING", "FUNCTION_STORE_OPERATIONS", "FUNCTION_SUPPORT"},
		"control_level":         {"", "CONTROL_LEVEL_FULL", "CONTROL_LEVEL_NONE", "CONTROL_LEVEL_PARTIAL", "CONTROL_LEVEL_PARTNER"},
		"touchpoint_definition": nil,
	} {
		answer := s.query(t, &journeyv1.QueryExperienceMetricsRequest{Window: window(start, end), GroupBy: []string{dimension}})
		var got []string
		for _, g := range answer.GetGroups() {
			got = append(got, g.GetKeys()[0].GetValue())
		}
		if want == nil {
			want = []string{"delivery", "own", "product-return", "referral", "support-interaction", "website-visit"}
			for i := range want {
				want[i] = "brands/acme/touchpointDefinitions/" + want[i]
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s: %v, want %v", dimension, got, want)
		}
	}
}

func testSuppression(t *testing.T, s *suite) {
	for i := range 4 {
		s.record(t, visit("ann", fmt.Sprint(i), noon.Add(time.Duration(i)*time.Minute)))
	}
	measures := s.query(t, &journeyv1.QueryExperienceMetricsRequest{}).GetMeasures()
	for _, m := range []typev1.Metric{typev1.Metric_METRIC_JOURNEY_SCORE, typev1.Metric_METRIC_UNMET_SHARE} {
		e := metric(measures, m).GetEstimate()
		if e.Value != nil || e.Lower != nil || e.GetN() != 4 || e.GetQuality() != typev1.Quality_QUALITY_SUPPRESSED {
			t.Errorf("%v = %v, want it suppressed", m, e)
		}
	}
	if got := metric(measures, typev1.Metric_METRIC_TOUCHPOINT_COUNT).GetEstimate().GetValue(); got != 4 {
		t.Errorf("touchpoints = %v, want 4", got)
	}
}

func testTooManyGroups(t *testing.T, s *suite) {
	for part := range 6 {
		req := batchOf()
		for i := range 1000 {
			r := visit("ann", fmt.Sprint(part, "-", i), noon)
			r.Touchpoint.Attributes = map[string]string{"order": fmt.Sprint(part, "-", i)}
			req.Requests = append(req.Requests, r)
		}
		s.batch(t, req)
	}
	_, err := s.QueryExperienceMetrics(t.Context(), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/acme", GroupBy: []string{"attributes.order"}})
	refused(t, err, codes.InvalidArgument)
}
