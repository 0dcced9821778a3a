package journey_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

func TestTouchpointDefinitions(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a built-in one is changed for its brand alone":           testChangeBuiltin,
		"what was observed is compared with what is expected":     testObserved,
		"a touchpoint keeps what its definition said":             testKeptDefinition,
		"events of tickets go by what the brand has changed":      testChangedByEvents,
		"one that is in use is not deleted":                       testDefinitionInUse,
		"lists are filtered, ordered and paged, built-in ones in": testListDefinitions,
		"a brand has at most a thousand of its own":               testTooManyDefinitions,
		"an expectation that makes no sense is refused":           testWrongExpectations,
	})
}

// builtIn returns the ids of the definitions of a stage that every brand begins with.
func builtIn(stage typev1.Stage) (ids []string) {
	for _, d := range plan.Map(plan.Builtin())[stage-1].Definitions {
		ids = append(ids, d.ID)
	}
	return ids
}

func definition(brand, id string) string {
	return "brands/" + brand + "/touchpointDefinitions/" + id
}

func (s *suite) definition(t *testing.T, brand, id string) *journeyv1.TouchpointDefinition {
	t.Helper()
	d, err := s.GetTouchpointDefinition(t.Context(), &journeyv1.GetTouchpointDefinitionRequest{Name: definition(brand, id)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *suite) redefine(t *testing.T, d *journeyv1.TouchpointDefinition, paths ...string) *journeyv1.TouchpointDefinition {
	t.Helper()
	req := &journeyv1.UpdateTouchpointDefinitionRequest{TouchpointDefinition: d}
	if len(paths) > 0 {
		req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
	}
	changed, err := s.UpdateTouchpointDefinition(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func testChangeBuiltin(t *testing.T, s *suite) {
	before := s.definition(t, "acme", "delivery")
	if !before.GetBuiltIn() || before.GetEtag() != "1" || before.GetCreateTime() != nil || before.GetUpdateTime() != nil {
		t.Errorf("before: %v", before)
	}
	update := &journeyv1.UpdateTouchpointDefinitionRequest{TouchpointDefinition: &journeyv1.TouchpointDefinition{
		Name: before.GetName(), Etag: before.GetEtag(), Weight: proto.Float64(2), Criterion: "speed",
	}}
	dry := proto.Clone(update).(*journeyv1.UpdateTouchpointDefinitionRequest)
	dry.ValidateOnly = true
	if _, err := s.UpdateTouchpointDefinition(t.Context(), dry); err != nil {
		t.Fatal(err)
	}
	same(t, s.definition(t, "acme", "delivery"), before)
	update.RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	changed, err := s.UpdateTouchpointDefinition(t.Context(), update)
	if err != nil {
		t.Fatal(err)
	}
	want := proto.Clone(before).(*journeyv1.TouchpointDefinition)
	want.Weight, want.Criterion, want.Etag, want.BuiltIn = proto.Float64(2), "speed", "2", false
	want.CreateTime, want.UpdateTime = changed.GetCreateTime(), changed.GetUpdateTime()
	same(t, changed, want)
	if changed.GetCreateTime() == nil || changed.GetUpdateTime() == nil {
		t.Errorf("changed without times: %v", changed)
	}
	same(t, s.definition(t, "acme", "delivery"), want)
	if other := s.definition(t, "other", "delivery"); other.GetWeight() != 1 || !other.GetBuiltIn() {
		t.Errorf("the other brand's: %v", other)
	}
	again, err := s.UpdateTouchpointDefinition(t.Context(), update)
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, changed)
	update.RequestId = ""
	_, err = s.UpdateTouchpointDefinition(t.Context(), update)
	refused(t, err, codes.Aborted)
	_, err = s.CreateTouchpointDefinition(t.Context(), define("delivery"))
	refused(t, err, codes.AlreadyExists)
	for _, want := range []codes.Code{codes.OK, codes.FailedPrecondition} { // the second time it is as before
		_, err = s.DeleteTouchpointDefinition(t.Context(), &journeyv1.DeleteTouchpointDefinitionRequest{Name: before.GetName()})
		refused(t, err, want)
		same(t, s.definition(t, "acme", "delivery"), before)
	}
	_, err = s.UpdateTouchpointDefinition(t.Context(), &journeyv1.UpdateTouchpointDefinitionRequest{
		TouchpointDefinition: &journeyv1.TouchpointDefinition{Name: definition("acme", "nope"), DisplayName: "N"},
	})
	refused(t, err, codes.NotFound)
}

func testObserved(t *testing.T, s *suite) {
	s.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "delivery"), Expectation: &journeyv1.ExpectedLevel{
		Measure: "days until it came", Target: proto.Float64(3), Exceed: proto.Float64(1), LowerIsBetter: true,
	}})
	for i, tt := range []struct {
		observed *float64
		said     typev1.Expectation
		want     typev1.Expectation
	}{
		{proto.Float64(4), 0, typev1.Expectation_EXPECTATION_UNMET},
		{proto.Float64(3), 0, typev1.Expectation_EXPECTATION_MET},
		{proto.Float64(1), 0, typev1.Expectation_EXPECTATION_EXCEEDED},
		{proto.Float64(0), 0, typev1.Expectation_EXPECTATION_EXCEEDED},
		{nil, 0, typev1.Expectation_EXPECTATION_UNSPECIFIED},
		{proto.Float64(4), typev1.Expectation_EXPECTATION_MET, typev1.Expectation_EXPECTATION_MET},
	} {
		req := visit("ann", fmt.Sprint("e", i), noon)
		req.Touchpoint.Definition, req.Touchpoint.Observed, req.Touchpoint.Expectation = definition("acme", "delivery"), tt.observed, tt.said
		if got := s.record(t, req).GetExpectation(); got != tt.want {
			t.Errorf("observed %v, said %v: %v, want %v", tt.observed, tt.said, got, tt.want)
		}
	}
}

func testKeptDefinition(t *testing.T, s *suite) {
	if _, err := s.CreateTouchpointDefinition(t.Context(), define("vip-lounge")); err != nil {
		t.Fatal(err)
	}
	there := func(event string) *journeyv1.Touchpoint {
		req := visit("ann", event, noon)
		req.Touchpoint.Definition = definition("acme", "vip-lounge")
		return s.record(t, req)
	}
	before := there("e1")
	s.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "vip-lounge"), Stage: typev1.Stage_STAGE_ADVOCACY, IsService: false}, "stage", "is_service")
	if after := there("e2"); after.GetStage() != typev1.Stage_STAGE_ADVOCACY || after.GetIsService() {
		t.Errorf("after the change: %v", after)
	}
	kept, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: before.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if kept.GetStage() != typev1.Stage_STAGE_RETENTION || !kept.GetIsService() {
		t.Errorf("recorded before the change: %v", kept)
	}
}

func testChangedByEvents(t *testing.T, s *suite) {
	s.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "support-interaction")}, "is_service")
	w := connect(t, s)
	w.emit(t, w.ticket, call("ann", 1), call("ann", 2))
	eventually(t, func() bool { return len(s.list(t, "ann", 0)) == 2 })
	s.record(t, visit("ann", "e1", noon)) // and once the definitions are remembered
	w.emit(t, w.ticket, call("ann", 3))
	eventually(t, func() bool { return len(s.list(t, "ann", 0)) == 4 })
	for _, p := range s.journey(t, &journeyv1.GetJourneyRequest{}).GetTouchpoints() {
		if p.GetIsService() {
			t.Errorf("%s is a service touchpoint", p.GetName())
		}
	}
}

func testDefinitionInUse(t *testing.T, s *suite) {
	if _, err := s.CreateTouchpointDefinition(t.Context(), define("vip-lounge")); err != nil {
		t.Fatal(err)
	}
	m, err := s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{
		Parent: "brands/acme", JourneyMapId: "vip",
		JourneyMap: &journeyv1.JourneyMap{DisplayName: "VIP", TouchpointDefinitions: []string{definition("acme", "vip-lounge")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	remove := &journeyv1.DeleteTouchpointDefinitionRequest{Name: definition("acme", "vip-lounge")}
	_, err = s.DeleteTouchpointDefinition(t.Context(), remove)
	refused(t, err, codes.FailedPrecondition)
	if _, err := s.DeleteJourneyMap(t.Context(), &journeyv1.DeleteJourneyMapRequest{Name: m.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = s.DeleteTouchpointDefinition(t.Context(), &journeyv1.DeleteTouchpointDefinitionRequest{Name: remove.GetName(), Etag: "7"})
	refused(t, err, codes.Aborted)
	if _, err = s.DeleteTouchpointDefinition(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	req := visit("ann", "e1", noon)
	req.Touchpoint.Definition = remove.GetName()
	_, err = s.RecordTouchpoint(t.Context(), req)
	refused(t, err, codes.NotFound)
	_, err = s.DeleteTouchpointDefinition(t.Context(), remove)
	refused(t, err, codes.NotFound)
	if _, err := s.CreateTouchpointDefinition(t.Context(), define("vip-lounge")); err != nil {
		t.Fatal(err)
	}
	s.record(t, req)
	_, err = s.DeleteTouchpointDefinition(t.Context(), remove)
	refused(t, err, codes.FailedPrecondition)
}

func testListDefinitions(t *testing.T, s *suite) {
	s.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "online-ad"), DisplayName: "Zeppelin", Weight: proto.Float64(3)})
	if _, err := s.CreateTouchpointDefinition(t.Context(), define("vip-lounge")); err != nil {
		t.Fatal(err)
	}
	list := func(req *journeyv1.ListTouchpointDefinitionsRequest) (found []string) {
		t.Helper()
		req.Parent = "brands/acme"
		for range 100 {
			answer, err := s.ListTouchpointDefinitions(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range answer.GetTouchpointDefinitions() {
				found = append(found, d.GetName()[len("brands/acme/touchpointDefinitions/"):])
			}
			if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
				return found
			}
		}
		t.Fatal("the list does not end")
		return nil
	}
	for _, order := range []string{"", "name desc", "display_name", "weight desc, name", "create_time desc, display_name"} {
		whole := list(&journeyv1.ListTouchpointDefinitionsRequest{OrderBy: order})
		paged := list(&journeyv1.ListTouchpointDefinitionsRequest{OrderBy: order, PageSize: 4})
		if !slices.Equal(whole, paged) || len(whole) != len(plan.Builtin())+1 {
			t.Errorf("by %q: %d in pages, %d at once, want the built-in and one\n%v\n%v", order, len(paged), len(whole), paged, whole)
		}
	}
	for filter, want := range map[string][]string{
		"stage = STAGE_AWARENESS":                                 builtIn(typev1.Stage_STAGE_AWARENESS),
		"weight > 1 AND NOT is_service = true":                    {"online-ad"},
		`display_name = "Zeppelin"`:                               {"online-ad"},
		`display_name = "Online ad"`:                              {},
		"is_service = true AND kind = TOUCHPOINT_KIND_ENGAGEMENT": {"vip-lounge"},
		"create_time > 1971-01-01T00:00:00Z":                      {"online-ad", "vip-lounge"},
	} {
		if got := list(&journeyv1.ListTouchpointDefinitionsRequest{Filter: filter, PageSize: 2}); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}

func testTooManyDefinitions(t *testing.T, s *suite) {
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for i := range 999 {
			if _, err := tx.Exec(`
				INSERT INTO touchpoint_definition (brand, id, display_name, stage, phase, kind, component, channel, function_owner, control_level, is_service, weight, create_time)
				SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), display_name, stage, phase, kind, component, channel, function_owner, control_level, is_service, weight, 1
				FROM touchpoint_definition WHERE brand = '' AND id = 'delivery'`, "acme", fmt.Sprint("d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ApplyIndustryProfile(t.Context(), &journeyv1.ApplyIndustryProfileRequest{Name: "brands/acme/industryProfiles/retail"})
	refused(t, err, codes.FailedPrecondition)
	for _, want := range []codes.Code{codes.OK, codes.FailedPrecondition} {
		_, err := s.CreateTouchpointDefinition(t.Context(), define(""))
		refused(t, err, want)
	}
}

func testWrongExpectations(t *testing.T, s *suite) {
	for _, e := range []*journeyv1.ExpectedLevel{
		{},
		{Target: proto.Float64(3), Exceed: proto.Float64(3)},
		{Target: proto.Float64(3), Exceed: proto.Float64(2)},
		{Target: proto.Float64(3), Exceed: proto.Float64(4), LowerIsBetter: true},
		{Target: proto.Float64(2e12)},
	} {
		req := define("odd")
		req.TouchpointDefinition.Expectation = e
		_, err := s.CreateTouchpointDefinition(t.Context(), req)
		refused(t, err, codes.InvalidArgument)
	}
}

// TestAnotherReplicasDefinitionsCountWithinASecond has two processes on one database.
func TestAnotherReplicasDefinitionsCountWithinASecond(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		here, there := start(t, db), start(t, db)
		if _, err := here.CreateTouchpointDefinition(t.Context(), define("vip-lounge")); err != nil {
			t.Fatal(err)
		}
		at := func(event string) typev1.Stage { // what is new counts at once
			return there.record(t, &journeyv1.RecordTouchpointRequest{
				Parent: "brands/acme/customers/ann",
				Touchpoint: &journeyv1.Touchpoint{
					Definition: definition("acme", "vip-lounge"), EventTime: timestamppb.New(noon), Source: "till", EventId: event,
				},
			}).GetStage()
		}
		if got := at("first"); got != typev1.Stage_STAGE_RETENTION {
			t.Fatalf("stage = %v", got)
		}
		here.redefine(t, &journeyv1.TouchpointDefinition{Name: definition("acme", "vip-lounge"), Stage: typev1.Stage_STAGE_ADVOCACY})
		changed := time.Now()
		for i := 0; at(fmt.Sprint("then", i)) != typev1.Stage_STAGE_ADVOCACY; i++ {
			if time.Since(changed) > 10*time.Second {
				t.Fatal("the change does not arrive")
			}
		}
	})
}
