package journey_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func scoreOf(customer string) string { return "brands/acme/customers/" + customer + "/score" }

// had records that a customer had a touchpoint of a definition.
func (s *suite) had(t *testing.T, customer, definition string, at time.Time, e typev1.Expectation) *journeyv1.Touchpoint {
	t.Helper()
	req := visit(customer, fmt.Sprint(customer, definition, at.UnixNano(), e), at)
	req.Touchpoint.Definition, req.Touchpoint.Expectation = "brands/acme/touchpointDefinitions/"+definition, e
	return s.record(t, req)
}

// stored returns the stored scores of acme once there are n.
func (s *suite) stored(t *testing.T, n int, filter, order string) []*journeyv1.StoredScore {
	t.Helper()
	var all []*journeyv1.StoredScore
	eventually(t, func() bool {
		answer, err := s.ListScores(t.Context(), &journeyv1.ListScoresRequest{Parent: "brands/acme", Filter: filter, OrderBy: order})
		if err != nil {
			t.Fatal(err)
		}
		all = answer.GetScores()
		return len(all) == n
	})
	return all
}

func TestScores(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"the service score is of the service touchpoints":             testServiceScore,
		"many scores come as one does":                                testBatchScores,
		"many scores as of an instant are those of each":              testBatchScoresAsOf,
		"the future is refused":                                       testFuture,
		"a score is known again as it was known":                      testReadTime,
		"stored scores are picked, ordered and paged":                 testListScores,
		"a comparison adds up to the difference":                      testCompare,
		"a simulation changes what it is asked to and stores nothing": testSimulate,
		"a watcher sees the scores and then each change":              testWatchScores,
	})
}

func testServiceScore(t *testing.T, s *suite) {
	s.had(t, "ann", "website-visit", noon.Add(-time.Hour), met)
	s.had(t, "ann", "support-interaction", noon, unmet)
	s.had(t, "bob", "support-interaction", noon, unmet)
	ann, bob := s.score(t, "ann", noon), s.score(t, "bob", noon)
	if ann.GetEstimate().GetN() != 2 || ann.GetServiceEstimate().GetN() != 1 || len(ann.GetServiceStages()) != 5 {
		t.Errorf("score of %d touchpoints, %d of service, want 2 and 1", ann.GetEstimate().GetN(), ann.GetServiceEstimate().GetN())
	}
	same(t, ann.GetServiceEstimate(), bob.GetEstimate())
	same(t, bob.GetServiceEstimate(), bob.GetEstimate())
	s.consistent(t, "ann", noon)
	worst := ann.GetStages()[0]
	for _, stage := range ann.GetStages() {
		if stage.GetMean().GetValue() < worst.GetMean().GetValue() {
			worst = stage
		}
	}
	if ann.GetWeakestStage() != worst.GetStage() {
		t.Errorf("weakest stage = %v, want %v", ann.GetWeakestStage(), worst.GetStage())
	}
}

func testBatchScores(t *testing.T, s *suite) {
	s.had(t, "ann", "delivery", noon, met)
	s.had(t, "bob", "delivery", noon, unmet)
	answer, err := s.BatchGetScores(t.Context(), &journeyv1.BatchGetScoresRequest{
		Parent: "brands/acme", Names: []string{scoreOf("bob"), scoreOf("nobody"), scoreOf("ann")}, AsOfTime: timestamppb.New(noon),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.GetScores()) != 2 || len(answer.GetNotFound()) != 1 || answer.GetNotFound()[0] != scoreOf("nobody") {
		t.Fatalf("got %v", answer)
	}
	for i, customer := range []string{"bob", "ann"} {
		got := answer.GetScores()[i]
		got.GetBasis().ReadTime = nil
		same(t, got, s.score(t, customer, noon))
	}
	_, err = s.BatchGetScores(t.Context(), &journeyv1.BatchGetScoresRequest{
		Parent: "brands/acme", Names: []string{"brands/other/customers/ann/score"},
	})
	refused(t, err, codes.NotFound)
}

// Of each the score is what GetScore says, as of whatever instant, merged or not.
func testBatchScoresAsOf(t *testing.T, s *suite) {
	var names []string
	for i := range 12 {
		customer := fmt.Sprint("c", i)
		names = append(names, scoreOf(customer))
		for n := range 1 + i%4 {
			s.had(t, customer, "delivery", noon.AddDate(0, 0, 40*n-80+i), typev1.Expectation((i+n)%4))
		}
	}
	s.link(t, "c7", "c2")
	for _, asOf := range []time.Time{noon.AddDate(0, 0, -79), noon, noon.AddDate(0, 0, 45), noon.AddDate(0, 6, 0)} {
		answer, err := s.BatchGetScores(t.Context(), &journeyv1.BatchGetScoresRequest{
			Parent: "brands/acme", Names: names, AsOfTime: timestamppb.New(asOf),
		})
		if err != nil || len(answer.GetScores()) != len(names) {
			t.Fatalf("as of %v: %v, %v", asOf, answer, err)
		}
		for i, got := range answer.GetScores() {
			got.GetBasis().ReadTime = nil
			same(t, got, s.score(t, fmt.Sprint("c", i), asOf))
		}
		if got := answer.GetScores()[7].GetName(); got != scoreOf("c2") {
			t.Errorf("the score of c7 is called %s, want that of c2", got)
		}
	}
}

func testFuture(t *testing.T, s *suite) {
	s.had(t, "ann", "delivery", noon, met)
	later := timestamppb.New(time.Now().Add(time.Hour))
	_, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: scoreOf("ann"), AsOfTime: later})
	refused(t, err, codes.InvalidArgument)
	_, err = s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: scoreOf("ann"), ReadTime: later})
	refused(t, err, codes.InvalidArgument)
	_, err = s.CompareScores(t.Context(), &journeyv1.CompareScoresRequest{Name: scoreOf("ann"), FromTime: timestamppb.New(noon), ToTime: later})
	refused(t, err, codes.InvalidArgument)
	_, err = s.CompareScores(t.Context(), &journeyv1.CompareScoresRequest{Name: scoreOf("ann"), FromTime: timestamppb.New(noon), ToTime: timestamppb.New(noon)})
	refused(t, err, codes.InvalidArgument)
}

func testReadTime(t *testing.T, s *suite) {
	before := time.Now()
	s.had(t, "ann", "delivery", noon, met)
	want := s.score(t, "ann", noon)
	between := time.Now()
	s.had(t, "ann", "delivery", noon.Add(-time.Hour), unmet)
	at := func(read time.Time) *journeyv1.Score {
		t.Helper()
		got, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{
			Name: scoreOf("ann"), AsOfTime: timestamppb.New(noon), ReadTime: timestamppb.New(read),
		})
		if err != nil {
			t.Fatal(err)
		}
		got.GetBasis().ReadTime = nil
		return got
	}
	same(t, at(between), want)
	same(t, at(time.Now()), s.score(t, "ann", noon))
	if got := at(before); got.GetEstimate().GetQuality() != typev1.Quality_QUALITY_NO_DATA {
		t.Errorf("before anything was known: %v, want no data", got.GetEstimate())
	}
	explained, err := s.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{
		Name: scoreOf("ann"), AsOfTime: timestamppb.New(noon), ReadTime: timestamppb.New(between),
	})
	if err != nil || len(explained.GetContributions()) != 1 {
		t.Errorf("an explanation of what was known: %v, %v, want one touchpoint", explained, err)
	}
}

func testListScores(t *testing.T, s *suite) {
	now := time.Now()
	s.work(t)
	s.had(t, "ann", "delivery", now.Add(-time.Hour), unmet)
	s.had(t, "bob", "delivery", now.Add(-40*24*time.Hour), met)
	s.had(t, "bob", "delivery", now.Add(-time.Hour), exceeded)
	s.had(t, "cid", "website-visit", now.Add(-time.Hour), met)
	s.stored(t, 1, "n = 2", "") // bob is up to date
	all := s.stored(t, 3, "", "")
	for i, customer := range []string{"ann", "cid", "bob"} {
		if got := all[i]; got.GetName() != scoreOf(customer) {
			t.Errorf("score %d is %s, want that of %s: lowest first", i, got.GetName(), customer)
		}
		live, err := s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: all[i].GetName(), AsOfTime: all[i].GetAsOfTime()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, all[i].GetEstimate(), live.GetEstimate())
		same(t, all[i].GetServiceEstimate(), live.GetServiceEstimate())
		if all[i].GetWeakestStage() != live.GetWeakestStage() || all[i].GetScoringModelRevision() != live.GetBasis().GetScoringModelRevision() {
			t.Errorf("stored %v, live %v", all[i], live)
		}
	}
	was := s.score(t, "bob", all[2].GetAsOfTime().AsTime().Add(-30*24*time.Hour))
	if got, want := all[2].GetChange(), all[2].GetEstimate().GetValue()-was.GetEstimate().GetValue(); got != want || got <= 0 {
		t.Errorf("change of bob = %v, want %v", got, want)
	}
	if all[0].Change != nil {
		t.Errorf("change of ann = %v, want none: there was nothing 30 days ago", all[0].GetChange())
	}
	for filter, n := range map[string]int{
		"value < 74": 1, "change > 0": 1, "weakest_stage = " + all[0].GetWeakestStage().String()[len("STAGE_"):] + " AND value < 74": 1,
		"stage = " + all[0].GetWeakestStage().String()[len("STAGE_"):]: 2, "n = 2": 1, "segments:gold": 0, "service_value > 0": 3,
	} {
		s.stored(t, n, filter, "")
	}
	page, err := s.ListScores(t.Context(), &journeyv1.ListScoresRequest{Parent: "brands/acme", PageSize: 2, OrderBy: "change desc, name"})
	if err != nil || len(page.GetScores()) != 2 || page.GetScores()[0].GetName() != scoreOf("bob") {
		t.Fatalf("first page = %v, %v", page, err)
	}
	rest, err := s.ListScores(t.Context(), &journeyv1.ListScoresRequest{
		Parent: "brands/acme", PageSize: 2, OrderBy: "change desc, name", PageToken: page.GetNextPageToken(),
	})
	if err != nil || len(rest.GetScores()) != 1 || rest.GetScores()[0].GetName() != scoreOf("cid") || rest.GetNextPageToken() != "" {
		t.Errorf("second page = %v, %v", rest, err)
	}
}

func testCompare(t *testing.T, s *suite) {
	s.had(t, "ann", "delivery", noon.Add(-100*24*time.Hour), exceeded)
	s.had(t, "ann", "website-visit", noon.Add(-50*24*time.Hour), met)
	s.had(t, "ann", "delivery", noon.Add(-time.Hour), unmet)
	s.had(t, "ann", "delivery", noon.Add(time.Hour), met)
	from := noon.Add(-30 * 24 * time.Hour)
	got, err := s.CompareScores(t.Context(), &journeyv1.CompareScoresRequest{
		Name: scoreOf("ann"), FromTime: timestamppb.New(from), ToTime: timestamppb.New(noon),
	})
	if err != nil {
		t.Fatal(err)
	}
	got.GetFrom().GetBasis().ReadTime, got.GetTo().GetBasis().ReadTime = nil, nil
	same(t, got.GetFrom(), s.score(t, "ann", from))
	same(t, got.GetTo(), s.score(t, "ann", noon))
	sum, fresh := got.GetOtherPoints(), 0
	for _, d := range got.GetDifferences() {
		sum += d.GetPoints()
		if d.GetIsNew() {
			fresh++
		}
	}
	if len(got.GetDifferences()) != 3 || fresh != 1 || !got.GetDifferences()[0].GetIsNew() || math.Abs(sum-got.GetDifference()) > 1e-9 || got.GetDifference() >= 0 {
		t.Errorf("difference of %v: points add up to %v, of %v", got.GetDifference(), sum, got.GetDifferences())
	}
}

func testSimulate(t *testing.T, s *suite) {
	s.had(t, "ann", "delivery", noon.Add(-90*24*time.Hour), unmet)
	s.had(t, "ann", "website-visit", noon.Add(-time.Hour), met)
	ask := func(change func(*journeyv1.SimulateScoreRequest)) *journeyv1.SimulateScoreResponse {
		t.Helper()
		req := &journeyv1.SimulateScoreRequest{Name: scoreOf("ann"), AsOfTime: timestamppb.New(noon)}
		change(req)
		got, err := s.SimulateScore(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got.GetCurrent().GetBasis().ReadTime, got.GetSimulated().GetBasis().ReadTime = nil, nil
		same(t, got.GetCurrent(), s.score(t, "ann", noon))
		if got.GetDifference() != got.GetSimulated().GetEstimate().GetValue()-got.GetCurrent().GetEstimate().GetValue() {
			t.Errorf("difference = %v", got.GetDifference())
		}
		return got
	}
	same(t, ask(func(*journeyv1.SimulateScoreRequest) {}).GetSimulated(), s.score(t, "ann", noon))
	stage := s.had(t, "ann", "delivery", noon.Add(time.Hour), met).GetStage()
	if got := ask(func(r *journeyv1.SimulateScoreRequest) {
		r.StageWeights = []*journeyv1.StageNumber{{Stage: stage, Value: 2}}
	}); got.GetSimulated().GetWeakestStage() != stage || got.GetDifference() >= 0 {
		t.Errorf("with one stage: %v", got.GetSimulated())
	}
	if got := ask(func(r *journeyv1.SimulateScoreRequest) { r.HalfLife = durationpb.New(24 * time.Hour) }); got.GetDifference() <= 0 {
		t.Errorf("forgetting sooner: %v, want a higher score", got.GetDifference())
	}
	peakEnd := .5
	got := ask(func(r *journeyv1.SimulateScoreRequest) { r.PeakEnd = &peakEnd })
	if want := .5*got.GetCurrent().GetEstimate().GetValue() + .5*100*(0+.75)/2; math.Abs(got.GetSimulated().GetEstimate().GetValue()-want) > 1e-9 {
		t.Errorf("with peak and end: %v, want %v", got.GetSimulated().GetEstimate().GetValue(), want)
	}
	if got := ask(func(r *journeyv1.SimulateScoreRequest) {
		r.Added = []*journeyv1.SimulateScoreRequest_AddedTouchpoint{
			{Stage: stage, Expectation: exceeded}, {Stage: stage, Outcome: proto.Float64(1), IsService: true},
		}
	}); got.GetSimulated().GetEstimate().GetN() != 4 || got.GetSimulated().GetServiceEstimate().GetN() != 1 || got.GetDifference() <= 0 {
		t.Errorf("with two more: %v", got.GetSimulated())
	}
	_, err := s.SimulateScore(t.Context(), &journeyv1.SimulateScoreRequest{
		Name: scoreOf("ann"), StageWeights: []*journeyv1.StageNumber{{Stage: stage, Value: 0}},
	})
	refused(t, err, codes.InvalidArgument)
}

func testWatchScores(t *testing.T, s *suite) {
	s.work(t)
	now := time.Now()
	s.had(t, "ann", "delivery", now.Add(-2*time.Hour), met)
	s.stored(t, 1, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := s.WatchScores(ctx, &journeyv1.WatchScoresRequest{Parent: "brands/acme"})
	if err != nil {
		t.Fatal(err)
	}
	next := func() *journeyv1.WatchScoresResponse {
		t.Helper()
		for {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if m.GetChange() != journeyv1.WatchScoresResponse_CHANGE_HEARTBEAT {
				return m
			}
		}
	}
	if m := next(); m.GetChange() != journeyv1.WatchScoresResponse_CHANGE_SNAPSHOT || m.GetScore().GetName() != scoreOf("ann") {
		t.Errorf("first: %v, want the score of ann", m)
	}
	complete := next()
	if complete.GetChange() != journeyv1.WatchScoresResponse_CHANGE_SNAPSHOT_COMPLETE || complete.GetResumeToken() == "" {
		t.Errorf("second: %v, want the end of the snapshot", complete)
	}
	s.had(t, "ann", "delivery", now.Add(-time.Hour), unmet)
	fell := func(m *journeyv1.WatchScoresResponse) bool {
		return m.GetScore().GetName() == scoreOf("ann") && m.GetPreviousValue() > m.GetScore().GetEstimate().GetValue()
	}
	m := next()
	for !fell(m) { // the first one may come again
		m = next()
	}
	if m.GetChange() != journeyv1.WatchScoresResponse_CHANGE_CHANGED || m.GetScore().GetWeakestStage() == 0 {
		t.Errorf("the change is %v", m)
	}
	cancel()
	resumed, err := s.WatchScores(t.Context(), &journeyv1.WatchScoresRequest{Parent: "brands/acme", ResumeToken: complete.GetResumeToken()})
	if err != nil {
		t.Fatal(err)
	}
	stream = resumed
	for m := next(); !fell(m); m = next() {
	}
}
