package abuse

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// travel gives a brand customers who are known by name, one of whom is two, plans and
// criteria of its own, a model that waits, a rule with the signals it opened, and scores
// that were computed anew.
func travel(t *testing.T, s *suite, brand string) {
	t.Helper()
	for _, id := range []string{"ann", "bob", "twin", "gone"} {
		must[*journeyv1.Customer](t, s, customer(func(r *journeyv1.CreateCustomerRequest) {
			r.Parent, r.CustomerId, r.Identities = brand, id, []*journeyv1.IdentityValue{mail(id + "@example.com")}
		}))
	}
	must[*journeyv1.Customer](t, s, &journeyv1.MergeCustomersRequest{Name: brand + "/customers/bob", Sources: []string{brand + "/customers/twin"}})
	must[*journeyv1.Customer](t, s, &journeyv1.DeleteCustomerRequest{Name: brand + "/customers/gone"})
	must[*journeyv1.TouchpointDefinition](t, s, newDefinition(func(r *journeyv1.CreateTouchpointDefinitionRequest) {
		r.Parent, r.TouchpointDefinitionId = brand, "tasting"
	}))
	must[*journeyv1.JourneyMap](t, s, &journeyv1.CreateJourneyMapRequest{Parent: brand, JourneyMapId: "plan", JourneyMap: planned(brand)})
	must[*journeyv1.IndustryProfile](t, s, profiled(func(r *journeyv1.CreateIndustryProfileRequest) { r.Parent, r.IndustryProfileId = brand, "inn" }))
	must[*journeyv1.ScoringModel](t, s, modeled(func(r *journeyv1.CreateScoringModelRequest) { r.Parent, r.ScoringModelId = brand, "quick" }))
	must[*journeyv1.BatchRecordTouchpointsResponse](t, s, &visits{Parent: brand, Requests: orders(brand)})
	if brand != acme { // where it is already
		must[*journeyv1.Touchpoint](t, s, record(func(r *visit) {
			r.Parent, r.TouchpointId, r.Touchpoint.Definition = brand+"/customers/ann", "visit", brand+"/touchpointDefinitions/website-visit"
		}))
	}
	made := s.made[brand]
	made.signal, made.acted = warn(t, s, brand)
	must[*journeyv1.Signal](t, s, &journeyv1.ActOnSignalRequest{Name: made.acted, Kind: journeyv1.SignalAction_KIND_FIX})
	op := must[*longrunningpb.Operation](t, s, &journeyv1.RecomputeScoresRequest{Parent: brand})
	made.recompute = op.GetName()
	until(t, "the scores are computed", func() bool {
		return must[*longrunningpb.Operation](t, s, &journeyv1.WaitOperationRequest{Name: made.recompute}).GetDone()
	})
	s.made[brand] = made
}

// orders are what a dozen customers have just been through: a checkout and a delivery
// each, which went as differently as can be.
func orders(brand string) (all []*visit) {
	for i := range 12 {
		for j, definition := range []string{"checkout", "delivery"} {
			all = append(all, record(func(r *visit) {
				r.Parent, r.Touchpoint.Definition = fmt.Sprint(brand, "/customers/c", i), brand+"/touchpointDefinitions/"+definition
				r.Touchpoint.EventTime = timestamppb.New(time.Now().Add(-time.Second))
				r.Touchpoint.Expectation = typev1.Expectation(1 + i>>(2*j)%3) //nolint:gosec // one of three
			}))
		}
	}
	return all
}

// warn makes a rule, waits for the two signals that it opens, and lets it rest then.
func warn(t *testing.T, s *suite, brand string) (one, other string) {
	t.Helper()
	rule := must[*journeyv1.SignalRule](t, s, &journeyv1.CreateSignalRuleRequest{Parent: brand, SignalRuleId: "late", SignalRule: late(brand)})
	until(t, "the signals open", func() bool {
		list := must[*journeyv1.ListSignalsResponse](t, s, &journeyv1.ListSignalsRequest{Parent: brand})
		if len(list.GetSignals()) == 2 {
			one, other = list.GetSignals()[0].GetName(), list.GetSignals()[1].GetName()
		}
		return one != ""
	})
	rule.Inactive = true
	must[*journeyv1.SignalRule](t, s, &journeyv1.UpdateSignalRuleRequest{SignalRule: rule})
	return one, other
}

// late is a rule about checkouts and deliveries.
func late(brand string) *journeyv1.SignalRule {
	return &journeyv1.SignalRule{DisplayName: "Late", Condition: &journeyv1.SignalRule_BrokenTouchpoint_{
		BrokenTouchpoint: &journeyv1.SignalRule_BrokenTouchpoint{
			TouchpointDefinitions: []string{brand + "/touchpointDefinitions/checkout", brand + "/touchpointDefinitions/delivery"},
			Threshold:             0.1, MinCount: 1,
		},
	}}
}

// customer is a new customer of acme's.
func customer(spoil ...func(*journeyv1.CreateCustomerRequest)) *journeyv1.CreateCustomerRequest {
	return spoiled(&journeyv1.CreateCustomerRequest{Parent: acme, Customer: &journeyv1.Customer{DisplayName: "Somebody"}}, spoil)
}

func mail(address string) *journeyv1.IdentityValue {
	return &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: address}
}

// resolved asks acme whom the addresses are of.
func resolved(addresses ...string) *journeyv1.ResolveCustomerRequest {
	r := &journeyv1.ResolveCustomerRequest{Parent: acme}
	for _, a := range addresses {
		r.Identities = append(r.Identities, mail(a))
	}
	return r
}

func planned(brand string) *journeyv1.JourneyMap {
	return &journeyv1.JourneyMap{
		DisplayName: "Plan", IndustryProfile: brand + "/industryProfiles/retail",
		TouchpointDefinitions: []string{brand + "/touchpointDefinitions/website-visit"},
	}
}

// profiled is an industry of acme's that is about a welcome and a bed.
func profiled(spoil ...func(*journeyv1.CreateIndustryProfileRequest)) *journeyv1.CreateIndustryProfileRequest {
	leaf := func(id string, service bool) *journeyv1.Criterion {
		return &journeyv1.Criterion{
			CriterionId: id, DisplayName: id, IsService: service, Stage: typev1.Stage_STAGE_RETENTION,
			Phase: typev1.Phase_PHASE_POST_PURCHASE, Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT,
		}
	}
	return spoiled(&journeyv1.CreateIndustryProfileRequest{Parent: acme, IndustryProfile: &journeyv1.IndustryProfile{
		DisplayName: "Inn", Criteria: []*journeyv1.Criterion{leaf("welcome", true), leaf("bed", false)},
	}}, spoil)
}

// modeled is a model of acme's that forgets fast.
func modeled(spoil ...func(*journeyv1.CreateScoringModelRequest)) *journeyv1.CreateScoringModelRequest {
	return spoiled(&journeyv1.CreateScoringModelRequest{Parent: acme, ScoringModel: &journeyv1.ScoringModel{
		DisplayName: "Quick", HalfLife: durationpb.New(10 * 24 * time.Hour),
	}}, spoil)
}

// travels is one call of every method of the journey service that the brand can make.
func travels(brand string, m made) []proto.Message {
	seen := record(func(r *visit) {
		r.Parent, r.Touchpoint.Definition = brand+"/customers/ann", brand+"/touchpointDefinitions/website-visit"
		r.Touchpoint.Source, r.Touchpoint.EventId = "web", "again" // the same, however often
	})
	all := []proto.Message{
		seen,
		&visits{Parent: brand, Requests: []*visit{seen}},
		&journeyv1.IngestTouchpointsRequest{Parent: brand, Requests: []*visit{seen}},
		&journeyv1.GetTouchpointRequest{Name: brand + "/customers/ann/touchpoints/visit"},
		&journeyv1.ListTouchpointsRequest{Parent: brand + "/customers/ann"},
		&journeyv1.RetractTouchpointRequest{Name: brand + "/customers/ann/touchpoints/visit", Reason: "a test"},
		&journeyv1.WatchTouchpointsRequest{Parent: brand},
		&journeyv1.QueryExperienceMetricsRequest{Parent: brand},
		&journeyv1.AnalyzeDriversRequest{
			Parent: brand, Outcome: number(brand, "delivery"), Predictors: []*journeyv1.Variable{number(brand, "checkout")},
		},
		&journeyv1.AnalyzeRecoveryRequest{Parent: brand},
		&journeyv1.GetDataSpanRequest{Parent: brand},
		&journeyv1.ListQuadrantCustomersRequest{Parent: brand},
		&journeyv1.WaitRevisionRequest{Parent: brand, Revisions: []string{revision}},
	}
	for _, part := range [][]proto.Message{people(brand), plans(brand), scores(brand, m), warnings(brand, m)} {
		all = append(all, part...)
	}
	return all
}

// revision is of a change that nobody here listens to.
const revision = "ticket_created.01jgxvp7g00000000000000000"

func number(brand, definition string) *journeyv1.Variable {
	return &journeyv1.Variable{Source: &journeyv1.Variable_TouchpointDefinition{TouchpointDefinition: brand + "/touchpointDefinitions/" + definition}}
}

// people is the part of travels about customers.
func people(brand string) []proto.Message {
	ann, bob := brand+"/customers/ann", brand+"/customers/bob"
	find := &journeyv1.ResolveCustomerRequest{Parent: brand, Identities: []*journeyv1.IdentityValue{mail("ann@example.com")}}
	said := []*journeyv1.Consent{{Purpose: "surveys", Granted: true}}
	return []proto.Message{
		customer(func(r *journeyv1.CreateCustomerRequest) { r.Parent = brand }),
		find,
		&journeyv1.GetCustomerRequest{Name: ann},
		&journeyv1.BatchGetCustomersRequest{Parent: brand, Names: []string{ann}},
		&journeyv1.ListCustomersRequest{Parent: brand},
		&journeyv1.UpdateCustomerRequest{Customer: &journeyv1.Customer{Name: ann, Persona: "guest"}},
		&journeyv1.DeleteCustomerRequest{Name: ann},
		&journeyv1.UndeleteCustomerRequest{Name: brand + "/customers/gone"},
		&journeyv1.BatchResolveCustomersRequest{Parent: brand, Requests: []*journeyv1.ResolveCustomerRequest{find}},
		&journeyv1.LinkIdentityRequest{Name: ann, Identity: mail("ann@example.org")},
		&journeyv1.UnlinkIdentityRequest{Name: ann, Identity: mail("ann@example.com")},
		&journeyv1.MergeCustomersRequest{Name: ann, Sources: []string{bob}},
		&journeyv1.SplitCustomerRequest{Name: brand + "/customers/twin"},
		&journeyv1.UpdateConsentRequest{Name: ann, Consents: said},
		&journeyv1.ImportCustomersRequest{
			Parent: brand, CustomerId: "imported", Customer: &journeyv1.Customer{DisplayName: "Imported"},
			Identities: []*journeyv1.IdentityValue{mail("imported@example.com")}, Consents: said,
		},
	}
}

// plans is the part of travels about maps, definitions and profiles.
func plans(brand string) []proto.Message {
	plan, tasting, inn, ann := brand+"/journeyMaps/plan", brand+"/touchpointDefinitions/tasting", brand+"/industryProfiles/inn", brand+"/customers/ann"
	changed := planned(brand)
	changed.Name, changed.DisplayName = plan, "Other"
	return []proto.Message{
		newDefinition(func(r *journeyv1.CreateTouchpointDefinitionRequest) { r.Parent = brand }),
		profiled(func(r *journeyv1.CreateIndustryProfileRequest) { r.Parent = brand }),
		&journeyv1.CreateJourneyMapRequest{Parent: brand, JourneyMap: planned(brand)},
		&journeyv1.GetJourneyMapRequest{Name: plan},
		&journeyv1.ListJourneyMapsRequest{Parent: brand},
		&journeyv1.UpdateJourneyMapRequest{JourneyMap: changed},
		&journeyv1.DeleteJourneyMapRequest{Name: plan},
		&journeyv1.ListJourneyMapRevisionsRequest{Name: plan},
		&journeyv1.GetTouchpointDefinitionRequest{Name: tasting},
		&journeyv1.ListTouchpointDefinitionsRequest{Parent: brand},
		&journeyv1.UpdateTouchpointDefinitionRequest{TouchpointDefinition: &journeyv1.TouchpointDefinition{Name: tasting, DisplayName: "Other"}},
		&journeyv1.DeleteTouchpointDefinitionRequest{Name: tasting},
		&journeyv1.GetIndustryProfileRequest{Name: inn},
		&journeyv1.ListIndustryProfilesRequest{Parent: brand},
		&journeyv1.UpdateIndustryProfileRequest{IndustryProfile: &journeyv1.IndustryProfile{Name: inn, DisplayName: "Other"}},
		&journeyv1.DeleteIndustryProfileRequest{Name: inn},
		&journeyv1.ListIndustryProfileRevisionsRequest{Name: inn},
		&journeyv1.ApplyIndustryProfileRequest{Name: inn, JourneyMap: plan},
		&journeyv1.GetMapCoverageRequest{Name: plan},
		&journeyv1.GetJourneyRequest{Name: ann + "/journey", JourneyMap: plan},
		&journeyv1.ListStageTransitionsRequest{Parent: ann},
	}
}

// scores is the part of travels about scores, models and operations.
func scores(brand string, m made) []proto.Message {
	score, quick := brand+"/customers/ann/score", brand+"/scoringModels/quick"
	return []proto.Message{
		modeled(func(r *journeyv1.CreateScoringModelRequest) { r.Parent = brand }),
		&journeyv1.GetScoreRequest{Name: score},
		&journeyv1.BatchGetScoresRequest{Parent: brand, Names: []string{score}},
		&journeyv1.ListScoresRequest{Parent: brand},
		&journeyv1.ExplainScoreRequest{Name: score},
		&journeyv1.CompareScoresRequest{Name: score, FromTime: timestamppb.New(noon.AsTime().AddDate(0, 0, -1))},
		&journeyv1.SimulateScoreRequest{Name: score, HalfLife: durationpb.New(24 * time.Hour)},
		&journeyv1.WatchScoresRequest{Parent: brand},
		&journeyv1.RecomputeScoresRequest{Parent: brand},
		&journeyv1.GetScoringModelRequest{Name: quick},
		&journeyv1.ListScoringModelsRequest{Parent: brand},
		&journeyv1.UpdateScoringModelRequest{ScoringModel: &journeyv1.ScoringModel{Name: quick, DisplayName: "Other"}},
		&journeyv1.DeleteScoringModelRequest{Name: quick},
		&journeyv1.ListScoringModelRevisionsRequest{Name: quick},
		&journeyv1.BacktestScoringModelRequest{Name: quick},
		&journeyv1.ActivateScoringModelRequest{Name: brand + "/scoringModels/default"}, // which needs no back-test
		&journeyv1.GetOperationRequest{Name: m.recompute},
		&journeyv1.ListOperationsRequest{Parent: brand},
		&journeyv1.WaitOperationRequest{Name: m.recompute},
		&journeyv1.CancelOperationRequest{Name: m.recompute},
	}
}

// warnings is the part of travels about rules and signals.
func warnings(brand string, m made) []proto.Message {
	rule, rests := brand+"/signalRules/late", late(brand)
	rests.Inactive = true // or it would open signals some time later
	return []proto.Message{
		&journeyv1.CreateSignalRuleRequest{Parent: brand, SignalRule: rests},
		&journeyv1.GetSignalRuleRequest{Name: rule},
		&journeyv1.ListSignalRulesRequest{Parent: brand},
		&journeyv1.UpdateSignalRuleRequest{SignalRule: &journeyv1.SignalRule{Name: rule, DisplayName: "Other"}},
		&journeyv1.DeleteSignalRuleRequest{Name: rule},
		&journeyv1.TestSignalRuleRequest{Parent: brand, SignalRule: late(brand)},
		&journeyv1.GetSignalRequest{Name: m.signal},
		&journeyv1.ListSignalsRequest{Parent: brand},
		&journeyv1.ListSignalCustomersRequest{Parent: m.signal},
		&journeyv1.AcknowledgeSignalRequest{Name: m.signal},
		&journeyv1.ActOnSignalRequest{Name: m.signal, Kind: journeyv1.SignalAction_KIND_FIX},
		&journeyv1.ResolveSignalRequest{Name: m.acted},
		&journeyv1.DismissSignalRequest{Name: m.signal},
		&journeyv1.WatchSignalsRequest{Parent: brand},
	}
}
