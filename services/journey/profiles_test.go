package journey_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

func TestIndustryProfiles(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"every brand begins with four":                          testBuiltinProfiles,
		"applying one makes its definitions, once":              testApplyProfile,
		"one is put on a map, which is made if need be":         testApplyToMap,
		"a brand's own comes back as it went in":                testOwnProfile,
		"criteria that count twice or make no tree are refused": testWrongCriteria,
		"a built-in one is changed for its brand alone":         testChangeProfile,
		"applying one again to a brand that is full is fine":    testApplyToFullBrand,
	})
}

func profile(id string) string { return "brands/acme/industryProfiles/" + id }

func (s *suite) profile(t *testing.T, n string) *journeyv1.IndustryProfile {
	t.Helper()
	p, err := s.GetIndustryProfile(t.Context(), &journeyv1.GetIndustryProfileRequest{Name: n})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *suite) apply(t *testing.T, req *journeyv1.ApplyIndustryProfileRequest) *journeyv1.ApplyIndustryProfileResponse {
	t.Helper()
	answer, err := s.ApplyIndustryProfile(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func testBuiltinProfiles(t *testing.T, s *suite) {
	answer, err := s.ListIndustryProfiles(t.Context(), &journeyv1.ListIndustryProfilesRequest{Parent: "brands/acme", Filter: "built_in = true"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range answer.GetIndustryProfiles() {
		names = append(names, p.GetName())
		same(t, s.profile(t, p.GetName()), p)
		if !p.GetBuiltIn() || p.GetRevision() != 1 || p.GetCreateTime() != nil || p.GetServiceShare() <= 0 || p.GetServiceShare() >= 1 {
			t.Errorf("%v", p)
		}
	}
	if want := []string{profile("it"), profile("restaurant"), profile("retail"), profile("saas")}; !slices.Equal(names, want) {
		t.Errorf("profiles = %v, want %v", names, want)
	}
	if d := s.profile(t, profile("saas")).GetConversionWindow().AsDuration(); d != 21*24*time.Hour {
		t.Errorf("a free trial of %v, want 21 days", d)
	}
	if steps := s.profile(t, profile("retail")).GetStepsToDecision(); steps.GetMin() != 5 || steps.GetMax() != 6 {
		t.Errorf("an online store has %v steps, want 5 to 6", steps)
	}
	_, err = s.DeleteIndustryProfile(t.Context(), &journeyv1.DeleteIndustryProfileRequest{Name: profile("it")})
	refused(t, err, codes.FailedPrecondition)
	_, err = s.GetIndustryProfile(t.Context(), &journeyv1.GetIndustryProfileRequest{Name: profile("nope")})
	refused(t, err, codes.NotFound)
}

func testApplyProfile(t *testing.T, s *suite) {
	req := &journeyv1.ApplyIndustryProfileRequest{Name: profile("restaurant"), ValidateOnly: true}
	if n := s.apply(t, req).GetCreatedCount(); n != 10 {
		t.Errorf("would make %d, want 10", n)
	}
	req.ValidateOnly, req.RequestId = false, "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	first := s.apply(t, req)
	if first.GetCreatedCount() != 10 || len(first.GetTouchpointDefinitions()) != 10 || first.GetJourneyMap() != nil {
		t.Errorf("first: %v", first)
	}
	service := 0
	for _, d := range first.GetTouchpointDefinitions() {
		if d.GetIsService() {
			service++
		}
		same(t, s.definition(t, "acme", d.GetName()[len("brands/acme/touchpointDefinitions/"):]), d)
	}
	if service != 4 {
		t.Errorf("%d service definitions of 10, want 4", service)
	}
	same(t, s.apply(t, req), first) // the request is a repeat
	waiting := s.redefine(t, &journeyv1.TouchpointDefinition{
		Name: definition("acme", "restaurant-waiting-time"), Weight: proto.Float64(4),
		Expectation: &journeyv1.ExpectedLevel{Target: proto.Float64(30), LowerIsBetter: true},
	})
	req.RequestId = ""
	second := s.apply(t, req)
	if second.GetCreatedCount() != 0 || len(second.GetTouchpointDefinitions()) != 10 {
		t.Errorf("second: %v", second)
	}
	same(t, second.GetTouchpointDefinitions()[3], waiting)
	if n := len(on(s.journeyMap(t, "default"))); n != len(plan.Builtin())+10 {
		t.Errorf("the default map holds %d, want the built-in and 10", n)
	}
	_, err := s.ApplyIndustryProfile(t.Context(), &journeyv1.ApplyIndustryProfileRequest{Name: profile("nope")})
	refused(t, err, codes.NotFound)
}

func testApplyToMap(t *testing.T, s *suite) {
	req := &journeyv1.ApplyIndustryProfileRequest{Name: profile("retail"), JourneyMap: "brands/acme/journeyMaps/shop", ValidateOnly: true}
	if got := on(s.apply(t, req).GetJourneyMap()); len(got) != 5 {
		t.Errorf("would make a map of %v, want 5", got)
	}
	req.ValidateOnly = false
	made := s.apply(t, req).GetJourneyMap()
	if got := on(made); len(got) != 5 || made.GetIndustryProfile() != profile("retail") || made.GetRevision() != 1 {
		t.Errorf("made %v", made)
	}
	same(t, s.journeyMap(t, "shop"), made)
	same(t, s.apply(t, req).GetJourneyMap(), made)
	req.Name = profile("restaurant")
	both := s.apply(t, req).GetJourneyMap()
	if len(on(both)) != 15 || both.GetRevision() != 2 || both.GetIndustryProfile() != profile("restaurant") {
		t.Errorf("of both: %v", both)
	}
	req.JourneyMap = "brands/acme/journeyMaps/default"
	whole := s.apply(t, req).GetJourneyMap()
	if len(on(whole)) != len(plan.Builtin())+15 || whole.GetRevision() != 2 {
		t.Errorf("default: %v", whole)
	}
	same(t, s.apply(t, req).GetJourneyMap(), whole)
	req.JourneyMap = "brands/other/journeyMaps/default"
	_, err := s.ApplyIndustryProfile(t.Context(), req)
	refused(t, err, codes.NotFound)
}

// leaf is a criterion of its own.
func leaf(id, group string) *journeyv1.Criterion {
	return &journeyv1.Criterion{
		CriterionId: id, DisplayName: "About " + id, GroupId: group, Stage: typev1.Stage_STAGE_RETENTION,
		Phase: typev1.Phase_PHASE_PRODUCT_USE, Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT,
	}
}

func testOwnProfile(t *testing.T, s *suite) {
	care := leaf("care", "service")
	care.Weight, care.CompetitorBenchmark = proto.Float64(3), proto.Float64(4.5)
	care.Expectation = &journeyv1.ExpectedLevel{Measure: "minutes", Target: proto.Float64(5), Exceed: proto.Float64(0), LowerIsBetter: true}
	want := &journeyv1.IndustryProfile{
		DisplayName: "Clinics", StepsToDecision: &journeyv1.StepRange{Max: 3}, ConversionWindow: durationpb.New(time.Hour),
		Criteria: []*journeyv1.Criterion{leaf("rooms", ""), {CriterionId: "service", DisplayName: "Service", IsService: true, Weight: proto.Float64(3)}, care, leaf("words", "service")},
	}
	got, err := s.CreateIndustryProfile(t.Context(), &journeyv1.CreateIndustryProfileRequest{
		Parent: "brands/acme", IndustryProfileId: "clinic", IndustryProfile: proto.Clone(want).(*journeyv1.IndustryProfile),
	})
	if err != nil {
		t.Fatal(err)
	}
	want.Name, want.ServiceShare, want.Revision, want.Etag = profile("clinic"), 0.75, 1, "1"
	want.CreateTime, want.UpdateTime = got.GetCreateTime(), got.GetUpdateTime()
	same(t, got, want)
	same(t, s.profile(t, profile("clinic")), want)
	answer := s.apply(t, &journeyv1.ApplyIndustryProfileRequest{Name: profile("clinic")})
	var weights []float64
	for _, d := range answer.GetTouchpointDefinitions() {
		weights = append(weights, d.GetWeight())
	}
	if !slices.Equal(weights, []float64{0.75, 1.6875, 0.5625}) {
		t.Errorf("weights = %v", weights)
	}
	if _, err := s.DeleteIndustryProfile(t.Context(), &journeyv1.DeleteIndustryProfileRequest{Name: profile("clinic")}); err != nil {
		t.Fatal(err)
	}
	if d := s.definition(t, "acme", "clinic-care"); !d.GetIsService() || d.GetCriterion() != "care" {
		t.Errorf("what was applied: %v", d)
	}
}

func testWrongCriteria(t *testing.T, s *suite) {
	twice := leaf("b", "")
	twice.DisplayName = "ABOUT a"
	light, heavy := leaf("a", ""), leaf("a", "")
	light.Weight, heavy.Weight = proto.Float64(-1), proto.Float64(1e9)
	for name, criteria := range map[string][]*journeyv1.Criterion{
		"none":                  {},
		"a leaf that is twice":  {leaf("a", ""), twice},
		"an id that is twice":   {leaf("a", ""), leaf("a", "")},
		"no such group":         {leaf("a", "g")},
		"a negative weight":     {light},
		"a weight out of scale": {heavy},
	} {
		_, err := s.CreateIndustryProfile(t.Context(), &journeyv1.CreateIndustryProfileRequest{
			Parent: "brands/acme", IndustryProfile: &journeyv1.IndustryProfile{DisplayName: name, Criteria: criteria},
		})
		refused(t, err, codes.InvalidArgument)
	}
	_, err := s.UpdateIndustryProfile(t.Context(), &journeyv1.UpdateIndustryProfileRequest{IndustryProfile: &journeyv1.IndustryProfile{
		Name: profile("it"), Criteria: []*journeyv1.Criterion{leaf("a", "g")},
	}})
	refused(t, err, codes.InvalidArgument)
	if p := s.profile(t, profile("it")); !p.GetBuiltIn() {
		t.Errorf("refused, and yet changed: %v", p)
	}
}

func testChangeProfile(t *testing.T, s *suite) {
	before := s.profile(t, profile("restaurant"))
	changed, err := s.UpdateIndustryProfile(t.Context(), &journeyv1.UpdateIndustryProfileRequest{IndustryProfile: &journeyv1.IndustryProfile{
		Name: profile("restaurant"), Criteria: append(before.GetCriteria(), leaf("parking", "")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if changed.GetRevision() != 2 || changed.GetBuiltIn() || len(changed.GetCriteria()) != 12 {
		t.Errorf("changed: %v", changed)
	}
	if p := s.profile(t, "brands/other/industryProfiles/restaurant"); len(p.GetCriteria()) != 11 {
		t.Errorf("the other brand's: %v", p)
	}
	answer, err := s.ListIndustryProfileRevisions(t.Context(), &journeyv1.ListIndustryProfileRevisionsRequest{Name: profile("restaurant")})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.GetIndustryProfiles(); len(got) != 2 || len(got[0].GetCriteria()) != 12 || len(got[1].GetCriteria()) != 11 {
		t.Errorf("revisions: %v", got)
	}
	if n := s.apply(t, &journeyv1.ApplyIndustryProfileRequest{Name: profile("restaurant")}).GetCreatedCount(); n != 11 {
		t.Errorf("%d definitions, want 11", n)
	}
	if _, err := s.DeleteIndustryProfile(t.Context(), &journeyv1.DeleteIndustryProfileRequest{Name: profile("restaurant")}); err != nil {
		t.Fatal(err)
	}
	same(t, s.profile(t, profile("restaurant")), before)
}

func testApplyToFullBrand(t *testing.T, s *suite) {
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`INSERT INTO touchpoint_definition (brand, id, display_name, stage, phase, kind, component, channel, function_owner,
			  control_level, is_service, weight, create_time)
			SELECT 'acme', a.id || b.id || c.id, a.display_name, a.stage, a.phase, a.kind, a.component, a.channel, a.function_owner,
			  a.control_level, a.is_service, a.weight, 1
			FROM touchpoint_definition a, touchpoint_definition b, touchpoint_definition c
			WHERE a.brand = '' AND b.brand = '' AND c.brand = '' LIMIT 990`)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	req := &journeyv1.ApplyIndustryProfileRequest{Name: profile("restaurant")}
	if n := s.apply(t, req).GetCreatedCount(); n != 10 {
		t.Errorf("%d were made, want the last 10", n)
	}
	s.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "checkout"), Weight: proto.Float64(4)})
	if n := s.apply(t, req).GetCreatedCount(); n != 0 { // though what is built in became one more of its own
		t.Errorf("again %d were made", n)
	}
	_, err = s.ApplyIndustryProfile(t.Context(), &journeyv1.ApplyIndustryProfileRequest{Name: profile("it")})
	refusedFor(t, err, codes.FailedPrecondition, "TOO_MANY")
}
