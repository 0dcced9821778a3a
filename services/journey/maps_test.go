package journey_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

func TestJourneyMaps(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a map holds what it says":                           testMapHolds,
		"each change of a map makes a revision":              testMapRevisions,
		"the default map can be changed and comes back":      testDefaultMap,
		"a map names what exists":                            testMapNames,
		"coverage tells the planned from the observed":       testCoverage,
		"coverage of a brand without data is all unobserved": testEmptyCoverage,
		"coverage counts people once and what counts, only":  testCoverageOfMerged,
	})
}

func (s *suite) journeyMap(t *testing.T, id string) *journeyv1.JourneyMap {
	t.Helper()
	m, err := s.GetJourneyMap(t.Context(), &journeyv1.GetJourneyMapRequest{Name: "brands/acme/journeyMaps/" + id})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (s *suite) addMap(t *testing.T, id string, definitions ...string) *journeyv1.JourneyMap {
	t.Helper()
	m := &journeyv1.JourneyMap{DisplayName: "Map " + id}
	for _, d := range definitions {
		m.TouchpointDefinitions = append(m.TouchpointDefinitions, definition("acme", d))
	}
	made, err := s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{Parent: "brands/acme", JourneyMapId: id, JourneyMap: m})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// on returns the ids of the definitions on a map, stage by stage.
func on(m *journeyv1.JourneyMap) (ids []string) {
	for _, stage := range m.GetStages() {
		for _, d := range stage.GetTouchpointDefinitions() {
			ids = append(ids, d.GetName()[len("brands/acme/touchpointDefinitions/"):])
		}
	}
	return ids
}

func testMapHolds(t *testing.T, s *suite) {
	made := s.addMap(t, "short", "delivery", "online-ad")
	if got := on(made); !slices.Equal(got, []string{"online-ad", "delivery"}) || len(made.GetStages()) != 5 {
		t.Errorf("the map holds %v in %d stages", got, len(made.GetStages()))
	}
	same(t, s.journeyMap(t, "short"), made)
	if n := len(on(s.addMap(t, "all"))); n != len(plan.Builtin()) {
		t.Errorf("a map that does not say holds %d, want %d", n, len(plan.Builtin()))
	}
	answer, err := s.ListJourneyMaps(t.Context(), &journeyv1.ListJourneyMapsRequest{Parent: "brands/acme", OrderBy: "display_name desc", PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.GetJourneyMaps(); len(got) != 2 || got[0].GetDisplayName() != "Map short" || got[1].GetDisplayName() != "Map all" || answer.GetNextPageToken() == "" {
		t.Errorf("first page: %v", answer)
	}
	_, err = s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{
		Parent: "brands/acme", JourneyMapId: "default", JourneyMap: &journeyv1.JourneyMap{DisplayName: "D"},
	})
	refused(t, err, codes.AlreadyExists)
}

func testMapRevisions(t *testing.T, s *suite) {
	made := s.addMap(t, "short", "delivery")
	for _, d := range []string{"online-ad", "webinar", "payment"} {
		made.TouchpointDefinitions = append(made.TouchpointDefinitions, definition("acme", d))
		var err error
		made, err = s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{JourneyMap: &journeyv1.JourneyMap{
			Name: made.GetName(), Etag: made.GetEtag(), TouchpointDefinitions: made.GetTouchpointDefinitions(),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if made.GetRevision() != 4 || len(on(made)) != 4 {
		t.Errorf("after three changes: %v", made)
	}
	req := &journeyv1.ListJourneyMapRevisionsRequest{Name: made.GetName(), PageSize: 3}
	var sizes []int
	for range 2 {
		answer, err := s.ListJourneyMapRevisions(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range answer.GetJourneyMaps() {
			if want := int64(4 - len(sizes)); m.GetRevision() != want {
				t.Errorf("revision %d, want %d", m.GetRevision(), want)
			}
			sizes = append(sizes, len(m.GetTouchpointDefinitions()))
		}
		req.PageToken = answer.GetNextPageToken()
	}
	if !slices.Equal(sizes, []int{4, 3, 2, 1}) || req.GetPageToken() != "" {
		t.Errorf("the revisions held %v, want 4, 3, 2, 1", sizes)
	}
	_, err := s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{JourneyMap: &journeyv1.JourneyMap{
		Name: made.GetName(), Etag: "3", DisplayName: "Late",
	}})
	refused(t, err, codes.Aborted)
	if _, err := s.DeleteJourneyMap(t.Context(), &journeyv1.DeleteJourneyMapRequest{Name: made.GetName(), Etag: "4"}); err != nil {
		t.Fatal(err)
	}
	req.PageToken = ""
	_, err = s.ListJourneyMapRevisions(t.Context(), req)
	refused(t, err, codes.NotFound)
	s.addMap(t, "short", "delivery")
	if answer, err := s.ListJourneyMapRevisions(t.Context(), req); err != nil || len(answer.GetJourneyMaps()) != 1 {
		t.Errorf("a new map of the name has %v, %v", answer, err)
	}
}

func testDefaultMap(t *testing.T, s *suite) {
	before := s.journeyMap(t, "default")
	if before.GetRevision() != 1 || before.GetCreateTime() != nil {
		t.Errorf("before: %v", before)
	}
	remove := &journeyv1.DeleteJourneyMapRequest{Name: before.GetName()}
	_, err := s.DeleteJourneyMap(t.Context(), remove)
	refused(t, err, codes.FailedPrecondition)
	changed, err := s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{
		JourneyMap: &journeyv1.JourneyMap{
			Name: before.GetName(), TargetEmotion: typev1.Emotion_EMOTION_JOY, TouchpointDefinitions: []string{definition("acme", "delivery")},
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"target_emotion", "touchpoint_definitions"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed.GetRevision() != 2 || !slices.Equal(on(changed), []string{"delivery"}) || changed.GetDisplayName() != before.GetDisplayName() {
		t.Errorf("changed: %v", changed)
	}
	same(t, s.journeyMap(t, "default"), changed)
	answer, err := s.ListJourneyMapRevisions(t.Context(), &journeyv1.ListJourneyMapRevisionsRequest{Name: before.GetName()})
	if err != nil || len(answer.GetJourneyMaps()) != 2 {
		t.Errorf("revisions: %v, %v", answer, err)
	}
	if _, err := s.DeleteJourneyMap(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	same(t, s.journeyMap(t, "default"), before)
	again, err := s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{
		JourneyMap: &journeyv1.JourneyMap{Name: before.GetName(), Etag: before.GetEtag(), DisplayName: "Again"},
	})
	if err != nil || again.GetRevision() != 3 {
		t.Fatalf("changed again: %v, %v, want revision 3", again, err)
	}
	_, err = s.UpdateJourneyMap(t.Context(), &journeyv1.UpdateJourneyMapRequest{
		JourneyMap: &journeyv1.JourneyMap{Name: before.GetName(), Etag: changed.GetEtag(), DisplayName: "Stale"},
	})
	refused(t, err, codes.Aborted)
	answer, err = s.ListJourneyMapRevisions(t.Context(), &journeyv1.ListJourneyMapRevisionsRequest{Name: before.GetName()})
	if err != nil || len(answer.GetJourneyMaps()) != 2 || answer.GetJourneyMaps()[1].GetDisplayName() != before.GetDisplayName() {
		t.Errorf("revisions since: %v, %v", answer, err)
	}
}

func testMapNames(t *testing.T, s *suite) {
	for _, m := range []*journeyv1.JourneyMap{
		{TouchpointDefinitions: []string{definition("acme", "nope")}},
		{TouchpointDefinitions: []string{definition("other", "delivery")}},
		{IndustryProfile: "brands/acme/industryProfiles/nope"},
		{IndustryProfile: "brands/other/industryProfiles/retail"},
	} {
		m.DisplayName = "M"
		_, err := s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{Parent: "brands/acme", JourneyMap: m})
		refused(t, err, codes.NotFound)
	}
	_, err := s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{Parent: "brands/acme", JourneyMap: &journeyv1.JourneyMap{
		DisplayName: "M", TouchpointDefinitions: []string{definition("acme", "delivery"), definition("acme", "delivery")},
	}})
	refused(t, err, codes.InvalidArgument)
}

func (s *suite) coverage(t *testing.T, id string, window *typev1.Window) *journeyv1.GetMapCoverageResponse {
	t.Helper()
	answer, err := s.GetMapCoverage(t.Context(), &journeyv1.GetMapCoverageRequest{Name: "brands/acme/journeyMaps/" + id, Window: window})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func testCoverage(t *testing.T, s *suite) {
	s.addMap(t, "short", "website-visit", "delivery", "online-ad")
	for i, id := range []string{"e1", "e2", "e3"} {
		s.record(t, visit("ann", id, noon.AddDate(0, 0, i)))
	}
	bought := visit("bob", "e4", noon)
	bought.Touchpoint.Definition, bought.Touchpoint.Expectation = definition("acme", "store-purchase"), typev1.Expectation_EXPECTATION_UNMET
	s.record(t, bought)
	answer := s.coverage(t, "short", nil)
	want := &journeyv1.DefinitionCoverage{
		TouchpointDefinition: definition("acme", "website-visit"), TouchpointCount: 3, CustomerCount: 1,
		Expectations:   &journeyv1.ExpectationCounts{Met: 3},
		FirstEventTime: timestamppb.New(noon), LastEventTime: timestamppb.New(noon.AddDate(0, 0, 2)),
	}
	if len(answer.GetObserved()) != 1 {
		t.Fatalf("observed: %v", answer.GetObserved())
	}
	same(t, answer.GetObserved()[0], want)
	var never []string
	for _, d := range answer.GetNeverObserved() {
		never = append(never, d.GetName())
	}
	if !slices.Equal(never, []string{definition("acme", "online-ad"), definition("acme", "delivery")}) {
		t.Errorf("never observed: %v", never)
	}
	if got := answer.GetUnplanned(); len(got) != 1 || got[0].GetTouchpointDefinition() != bought.GetTouchpoint().GetDefinition() || got[0].GetExpectations().GetUnmet() != 1 {
		t.Errorf("unplanned: %v", got)
	}
	same(t, answer.GetStages()[1], &journeyv1.StageCoverage{
		Stage: typev1.Stage_STAGE_CONSIDERATION, PlannedCount: 1, ObservedCount: 1, TouchpointCount: 3,
	})
	basis := answer.GetBasis()
	if basis.GetIncluded() != 3 || len(basis.GetExcluded()) != 1 || basis.GetExcluded()[0].GetCount() != 1 || basis.GetWindow() == nil {
		t.Errorf("basis: %v", basis)
	}
	later := s.coverage(t, "short", &typev1.Window{StartTime: timestamppb.New(noon.AddDate(0, 0, 1)), EndTime: timestamppb.New(noon.AddDate(0, 0, 2))})
	if n := later.GetObserved()[0].GetTouchpointCount(); n != 1 || len(later.GetUnplanned()) != 0 {
		t.Errorf("in a window: %v", later)
	}
}

func testEmptyCoverage(t *testing.T, s *suite) {
	answer := s.coverage(t, "default", nil)
	if len(answer.GetNeverObserved()) != len(plan.Builtin()) || len(answer.GetObserved())+len(answer.GetUnplanned()) != 0 || answer.GetBasis().GetWindow() != nil {
		t.Errorf("of nothing: %v", answer)
	}
	_, err := s.GetMapCoverage(t.Context(), &journeyv1.GetMapCoverageRequest{Name: "brands/acme/journeyMaps/nope"})
	refused(t, err, codes.NotFound)
}

// link makes one customer part of another.
func (s *suite) link(t *testing.T, member, root string) {
	t.Helper()
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO customer_link (brand, member, root, parent, link_time) VALUES ($1, $2, $3, $4, $5)`, "acme", member, root, root, 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testCoverageOfMerged(t *testing.T, s *suite) {
	s.record(t, visit("ann", "e1", noon))
	s.record(t, visit("anonymous", "e2", noon))
	s.record(t, visit("bob", "e3", noon))
	s.link(t, "anonymous", "ann")
	gone := s.record(t, visit("eve", "e4", noon))
	if _, err := s.RetractTouchpoint(t.Context(), &journeyv1.RetractTouchpointRequest{Name: gone.GetName(), Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	c := s.coverage(t, "default", nil).GetObserved()
	if len(c) != 1 || c[0].GetTouchpointCount() != 3 || c[0].GetCustomerCount() != 2 {
		t.Errorf("observed: %v, want 3 touchpoints of 2 customers", c)
	}
	planned := len(builtIn(typev1.Stage_STAGE_CONSIDERATION))
	same(t, s.coverage(t, "default", nil).GetStages()[1], &journeyv1.StageCoverage{
		Stage: typev1.Stage_STAGE_CONSIDERATION, PlannedCount: int64(planned), ObservedCount: 1, TouchpointCount: 3,
	})
}
