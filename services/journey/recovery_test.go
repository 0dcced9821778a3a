package journey_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestAnalyzeRecovery(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"who came back equals a recount":             testRecoveryRecount,
		"who is where follows from the first course": testRecoveryCourses,
		"nobody came back where nobody is":           testNoRecovery,
	})
}

// step is something that happens to a customer so many days after noon.
func step(customer, definition string, days float64, e typev1.Expectation) *journeyv1.RecordTouchpointRequest {
	req := visit(customer, fmt.Sprint(customer, definition, days), noon.Add(time.Duration(days*24*float64(time.Hour))))
	req.Touchpoint.Definition, req.Touchpoint.Expectation = "brands/acme/touchpointDefinitions/"+definition, e
	return req
}

// unknown is what nobody knows about an expectation.
const unknown = typev1.Expectation_EXPECTATION_UNSPECIFIED

// groupOf returns the customers and those who bought of one group.
func groupOf(answer *journeyv1.AnalyzeRecoveryResponse, of journeyv1.Recovery) *journeyv1.RecoveryGroup {
	for _, g := range answer.GetGroups() {
		if g.GetRecovery() == of {
			return g
		}
	}
	return nil
}

// testRecoveryCourses has one course of each kind, by 5 customers each, so that their
// shares are shown.
func testRecoveryCourses(t *testing.T, s *suite) {
	const crowd = 5
	type event struct {
		definition string
		days       float64
		e          typev1.Expectation
	}
	courses := []struct {
		events []event
		in     journeyv1.Recovery // unspecified: left out
		bought bool
	}{
		{[]event{{"website-visit", 0, met}, {"checkout", 20, unknown}}, journeyv1.Recovery_RECOVERY_MET, true},
		{[]event{{"website-visit", 0, met}, {"checkout", 13, unknown}}, journeyv1.Recovery_RECOVERY_MET, false}, // before the horizon
		{[]event{{"website-visit", 0, unmet}, {"support-resolution", 13.9, met}, {"checkout", 103, met}}, journeyv1.Recovery_RECOVERY_SOLVED, true},
		{[]event{{"website-visit", 0, unmet}, {"support-resolution", 13.9, met}, {"checkout", 104, met}}, journeyv1.Recovery_RECOVERY_SOLVED, false}, // behind it
		{[]event{{"website-visit", 0, unmet}, {"support-resolution", 14, met}, {"checkout", 20, met}}, journeyv1.Recovery_RECOVERY_SILENT, true},     // too late
		{[]event{{"website-visit", 0, unmet}, {"support-resolution", 3, unmet}, {"product-return", 20, met}}, journeyv1.Recovery_RECOVERY_UNSOLVED, false},
		{[]event{{"support-interaction", 0, unmet}, {"checkout", 20, unknown}}, journeyv1.Recovery_RECOVERY_UNSOLVED, true}, // it was asked for
		{[]event{{"website-visit", -9, met}, {"website-visit", 0, unmet}, {"checkout", 20, met}}, journeyv1.Recovery_RECOVERY_SILENT, true},
		{[]event{{"support-resolution", -1, met}, {"website-visit", 0, unmet}}, journeyv1.Recovery_RECOVERY_SILENT, false}, // solved before
		{[]event{{"website-visit", 0, unknown}, {"checkout", 20, unknown}}, 0, false},
		{[]event{{"website-visit", 47, unmet}}, 0, false}, // its horizon ends behind the last touchpoint
		{[]event{{"website-visit", 150, unknown}}, 0, false},
	}
	var all []*journeyv1.RecordTouchpointRequest
	customers, buyers := map[journeyv1.Recovery]int64{}, map[journeyv1.Recovery]float64{}
	for i, c := range courses {
		for k := range crowd {
			for _, e := range c.events {
				all = append(all, step(fmt.Sprintf("c%d-%d", i, k), e.definition, e.days, e.e))
			}
			customers[c.in]++
			if c.bought {
				buyers[c.in]++
			}
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	s.batch(t, batchOf(all...))
	answer := must(s.AnalyzeRecovery(t.Context(), &journeyv1.AnalyzeRecoveryRequest{Parent: "brands/acme"}))(t)
	for _, g := range answer.GetGroups() {
		if n := customers[g.GetRecovery()]; g.GetCustomers() != n || g.GetBought().GetValue() != buyers[g.GetRecovery()]/float64(n) {
			t.Errorf("%v, want %d customers of whom %v bought", g, n, buyers[g.GetRecovery()])
		}
	}
	if len(answer.GetGroups()) != 4 || answer.GetBasis().GetIncluded() != int64(9*crowd) {
		t.Errorf("%d groups of %d, want 4 of %d", len(answer.GetGroups()), answer.GetBasis().GetIncluded(), 9*crowd)
	}
	want := measure.Exclusions(map[string]int64{"NO_EXPECTATION": 2 * crowd, "NOT_FOLLOWED": crowd})
	if got := answer.GetBasis().GetExcluded(); !slices.EqualFunc(got, want, func(a, b *typev1.Exclusion) bool { return proto.Equal(a, b) }) {
		t.Errorf("left out %v, want %v", got, want)
	}
	// 5 of 10 and 5 of 10: the odds are the same.
	if odds := groupOf(answer, journeyv1.Recovery_RECOVERY_SOLVED).GetOddsRatio(); odds.GetValue() != 1 || odds.GetLower() >= 1 || odds.GetUpper() <= 1 {
		t.Errorf("odds ratio %v, want 1 within its interval", odds)
	}
	if odds := groupOf(answer, journeyv1.Recovery_RECOVERY_MET).GetOddsRatio(); odds != nil {
		t.Errorf("odds ratio of those with nothing to recover from %v, want none", odds)
	}
	// A failure at one channel counts only there, what follows counts anywhere.
	narrow := must(s.AnalyzeRecovery(t.Context(), &journeyv1.AnalyzeRecoveryRequest{
		Parent: "brands/acme", Window: measure.Window(noon, noon.Add(time.Hour)), RecoveryTime: durationpb.New(14 * 24 * time.Hour),
	}))(t)
	if got := groupOf(narrow, journeyv1.Recovery_RECOVERY_SILENT); got.GetCustomers() != 15 || got.GetBought().GetValue() != 2.0/3 {
		t.Errorf("of an hour %v, want 15 of whom 10 bought", got)
	}
}

// testRecoveryRecount holds the answer for a history at random against a recount that goes
// through each customer's touchpoints in order.
func testRecoveryRecount(t *testing.T, s *suite) {
	r := rand.New(rand.NewPCG(5, 6))
	definitions := []string{"website-visit", "checkout", "support-interaction", "support-resolution", "support-resolution", "product-return", "referral"}
	courses := map[string][]*journeyv1.RecordTouchpointRequest{}
	var all []*journeyv1.RecordTouchpointRequest
	for i := range 1500 {
		customer := fmt.Sprint("c", r.IntN(300))
		req := step(customer, definitions[r.IntN(len(definitions))], float64(r.IntN(200))+float64(i)/1e4, typev1.Expectation(r.Int32N(4)))
		courses[customer], all = append(courses[customer], req), append(all, req)
	}
	for part := range slices.Chunk(all, 300) {
		s.batch(t, batchOf(part...))
	}
	const day = 24 * time.Hour
	patience, horizon := 40*day, 60*day
	end := time.Time{}
	for _, req := range all {
		if at := req.GetTouchpoint().GetEventTime().AsTime(); at.After(end) {
			end = at
		}
	}
	customers, buyers, included := map[journeyv1.Recovery]int64{}, map[journeyv1.Recovery]int64{}, int64(0)
	for _, customer := range slices.Sorted(maps.Keys(courses)) {
		course := courses[customer]
		slices.SortFunc(course, func(a, b *journeyv1.RecordTouchpointRequest) int {
			return a.GetTouchpoint().GetEventTime().AsTime().Compare(b.GetTouchpoint().GetEventTime().AsTime())
		})
		in, bought, known := recount1(course, patience, horizon, end)
		if known {
			included++
			customers[in]++
			if bought {
				buyers[in]++
			}
		}
	}
	answer := must(s.AnalyzeRecovery(t.Context(), &journeyv1.AnalyzeRecoveryRequest{
		Parent: "brands/acme", RecoveryTime: durationpb.New(patience), Horizon: durationpb.New(horizon),
	}))(t)
	if answer.GetBasis().GetIncluded() != included || included < 100 {
		t.Errorf("%d customers, want %d", answer.GetBasis().GetIncluded(), included)
	}
	for _, g := range answer.GetGroups() {
		n := customers[g.GetRecovery()]
		if g.GetCustomers() != n || n < 5 || g.GetBought().GetValue() != float64(buyers[g.GetRecovery()])/float64(n) {
			t.Errorf("%v, want %d customers of whom %d bought", g, n, buyers[g.GetRecovery()])
		}
	}
}

// recount1 is what became of one customer, whose touchpoints are in order.
func recount1(course []*journeyv1.RecordTouchpointRequest, patience, horizon time.Duration, end time.Time) (in journeyv1.Recovery, bought, known bool) {
	first := slices.IndexFunc(course, func(r *journeyv1.RecordTouchpointRequest) bool { return r.GetTouchpoint().GetExpectation() == unmet })
	failed := first >= 0
	if !failed {
		first = slices.IndexFunc(course, func(r *journeyv1.RecordTouchpointRequest) bool { return r.GetTouchpoint().GetExpectation() != unknown })
	}
	if first < 0 {
		return 0, false, false
	}
	landmark := course[first].GetTouchpoint().GetEventTime().AsTime().Add(patience)
	if landmark.Add(horizon).After(end.Add(time.Microsecond)) {
		return 0, false, false
	}
	asked, solved := false, false
	for _, req := range course[first:] {
		p := req.GetTouchpoint()
		id, at := sqldb.Micros(p.GetEventTime().AsTime()), p.GetEventTime().AsTime()
		definition := p.GetDefinition()[len("brands/acme/touchpointDefinitions/"):]
		helps := definition == "support-interaction" || definition == "support-resolution" || definition == "product-return"
		switch {
		case at.Before(landmark):
			asked = asked || helps
			solved = solved || definition == "support-resolution" && p.GetExpectation() == met
		case id < sqldb.Micros(landmark.Add(horizon)):
			bought = bought || definition == "checkout"
		}
	}
	switch {
	case !failed:
		in = journeyv1.Recovery_RECOVERY_MET
	case solved:
		in = journeyv1.Recovery_RECOVERY_SOLVED
	case asked:
		in = journeyv1.Recovery_RECOVERY_UNSOLVED
	default:
		in = journeyv1.Recovery_RECOVERY_SILENT
	}
	return in, bought, true
}

func testNoRecovery(t *testing.T, s *suite) {
	answer := must(s.AnalyzeRecovery(t.Context(), &journeyv1.AnalyzeRecoveryRequest{Parent: "brands/acme"}))(t)
	if len(answer.GetGroups()) != 4 || answer.GetBasis().GetWindow() != nil || answer.GetGroups()[1].GetOddsRatio().GetQuality() != typev1.Quality_QUALITY_NO_DATA {
		t.Errorf("answer of no data: %v", answer)
	}
	if answer.GetRecoveryTime().AsDuration() != 14*24*time.Hour || answer.GetHorizon().AsDuration() != 90*24*time.Hour {
		t.Errorf("%v and %v, want 14 and 90 days", answer.GetRecoveryTime(), answer.GetHorizon())
	}
	for _, req := range []*journeyv1.AnalyzeRecoveryRequest{
		{Parent: "brands/acme", RecoveryTime: durationpb.New(time.Minute)},
		{Parent: "brands/acme", RecoveryTime: durationpb.New(91 * 24 * time.Hour)},
		{Parent: "brands/acme", Horizon: durationpb.New(time.Hour)},
		{Parent: "brands/acme", Horizon: durationpb.New(731 * 24 * time.Hour)},
	} {
		_, err := s.AnalyzeRecovery(t.Context(), req)
		refused(t, err, codes.InvalidArgument)
	}
}
