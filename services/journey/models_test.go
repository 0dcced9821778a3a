package journey_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const model = "brands/acme/scoringModels/quick"

func (s *suite) createModel(t *testing.T, id string, m *journeyv1.ScoringModel) *journeyv1.ScoringModel {
	t.Helper()
	p, err := s.CreateScoringModel(t.Context(), &journeyv1.CreateScoringModelRequest{Parent: "brands/acme", ScoringModel: m, ScoringModelId: id})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *suite) model(t *testing.T, name string) *journeyv1.ScoringModel {
	t.Helper()
	p, err := s.GetScoringModel(t.Context(), &journeyv1.GetScoringModelRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// done waits for an operation and returns it in the end.
func (s *suite) done(t *testing.T, op *longrunningpb.Operation, into proto.Message) *longrunningpb.Operation {
	t.Helper()
	eventually(t, func() (over bool) {
		var err error
		if op, err = s.WaitOperation(t.Context(), &journeyv1.WaitOperationRequest{Name: op.GetName()}); err != nil {
			t.Fatal(err)
		}
		return op.GetDone()
	})
	if err := op.GetResponse().UnmarshalTo(into); err != nil {
		t.Fatalf("%v: %v", op, err)
	}
	return op
}

// backtest back-tests a model.
func (s *suite) backtest(t *testing.T, name string) *journeyv1.Backtest {
	t.Helper()
	op, err := s.BacktestScoringModel(t.Context(), &journeyv1.BacktestScoringModelRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	found := &journeyv1.Backtest{}
	s.done(t, op, found)
	return found
}

func TestScoringModels(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a model is spelled out and frozen":                      testCreateModel,
		"a change makes a draft, the active revision stays":      testModelRevisions,
		"what makes no sense is refused":                         testBadModels,
		"a back-test tells those who come back":                  testBacktest,
		"an active model scores by sums of its own":              testActivate,
		"a score is given again by the model of that day":        testModelOfThatDay,
		"a recompute is done by whoever takes a part, each once": testRecompute,
	})
}

func testCreateModel(t *testing.T, s *suite) {
	s.had(t, "ann", "delivery", noon, unmet)
	stage := s.had(t, "bob", "delivery", noon, exceeded).GetStage()
	made := s.createModel(t, "quick", &journeyv1.ScoringModel{HalfLife: durationpb.New(10 * 24 * time.Hour), Priors: []*journeyv1.StageNumber{{Stage: 5, Value: .9}}})
	if made.GetState() != journeyv1.ScoringModel_STATE_DRAFT || made.GetRevision() != 1 || made.GetKappa() != 3 || len(made.GetStageWeights()) != 5 || len(made.GetPriors()) != 5 {
		t.Errorf("made %v", made)
	}
	for i, prior := range made.GetPriors() {
		want := .75
		switch {
		case i == 4:
			want = .9
		case prior.GetStage() == stage:
			want = .5
		}
		if got := prior.GetValue(); got < want-1e-6 || got > want+1e-6 {
			t.Errorf("prior of %v = %v, want %v", prior.GetStage(), got, want)
		}
	}
	if len(made.GetEstimatedPriors()) != 4 {
		t.Errorf("estimated: %v, want all but the last", made.GetEstimatedPriors())
	}
	s.had(t, "cid", "delivery", noon, exceeded)
	same(t, s.model(t, model), made)
	if d := s.model(t, "brands/acme/scoringModels/default"); d.GetState() != journeyv1.ScoringModel_STATE_ACTIVE || d.GetPriors()[0].GetValue() != .75 {
		t.Errorf("the built-in model is %v", d)
	}
	list, err := s.ListScoringModels(t.Context(), &journeyv1.ListScoringModelsRequest{Parent: "brands/acme", Filter: "state = DRAFT"})
	if err != nil || len(list.GetScoringModels()) != 1 {
		t.Errorf("list = %v, %v", list, err)
	}
	whole := s.createModel(t, "whole", &journeyv1.ScoringModel{})
	if got := whole.GetPriors()[stage-1].GetValue(); got < 2./3-1e-6 || got > 2./3+1e-6 {
		t.Errorf("prior by the sums that are kept = %v, want 2/3", got)
	}
}

func testModelRevisions(t *testing.T, s *suite) {
	s.work(t)
	s.had(t, "ann", "delivery", noon, unmet)
	made := s.createModel(t, "quick", &journeyv1.ScoringModel{})
	update := func(m *journeyv1.ScoringModel, paths ...string) (*journeyv1.ScoringModel, error) {
		m.Name = model
		return s.UpdateScoringModel(t.Context(), &journeyv1.UpdateScoringModelRequest{ScoringModel: m, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	named, err := update(&journeyv1.ScoringModel{DisplayName: "Quick"}, "display_name")
	if err != nil || named.GetRevision() != 1 || named.GetEtag() == made.GetEtag() {
		t.Errorf("with another display name: %v, %v, want the same revision", named, err)
	}
	_, err = s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model})
	refusedFor(t, err, codes.FailedPrecondition, "NOT_BACKTESTED")
	s.backtest(t, model)
	if got := s.model(t, model); got.GetState() != journeyv1.ScoringModel_STATE_BACKTESTED || got.GetBacktest() == nil {
		t.Errorf("after the back-test: %v", got)
	}
	_, err = s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model, Etag: made.GetEtag()})
	refusedFor(t, err, codes.Aborted, "STALE")
	active, err := s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model})
	if err != nil || active.GetScoringModel().GetState() != journeyv1.ScoringModel_STATE_ACTIVE || active.GetScoringModel().GetActivateTime() == nil {
		t.Fatalf("activated: %v, %v", active, err)
	}
	changed, err := update(&journeyv1.ScoringModel{Kappa: proto.Float64(1)}, "kappa")
	if err != nil || changed.GetRevision() != 2 || changed.GetState() != journeyv1.ScoringModel_STATE_DRAFT || changed.GetBacktest() != nil || changed.GetActivateTime() != nil {
		t.Errorf("changed: %v, %v, want a draft", changed, err)
	}
	if got := s.score(t, "ann", noon).GetBasis().GetScoringModelRevision(); got != model+"@1" {
		t.Errorf("the score is of %s, want %s@1", got, model)
	}
	page, err := s.ListScoringModelRevisions(t.Context(), &journeyv1.ListScoringModelRevisionsRequest{Name: model, PageSize: 1})
	if err != nil || len(page.GetScoringModels()) != 1 || page.GetScoringModels()[0].GetName() != model+"@2" {
		t.Fatalf("revisions: %v, %v", page, err)
	}
	rest, err := s.ListScoringModelRevisions(t.Context(), &journeyv1.ListScoringModelRevisionsRequest{Name: model, PageSize: 1, PageToken: page.GetNextPageToken()})
	if err != nil || len(rest.GetScoringModels()) != 1 || rest.GetScoringModels()[0].GetState() != journeyv1.ScoringModel_STATE_ACTIVE || rest.GetNextPageToken() != "" {
		t.Errorf("older revisions: %v, %v", rest, err)
	}
	same(t, s.model(t, model+"@1"), rest.GetScoringModels()[0])
	same(t, s.model(t, model+"@2"), page.GetScoringModels()[0])
	const builtin = "brands/acme/scoringModels/default"
	begun := must(s.ListScoringModelRevisions(t.Context(), &journeyv1.ListScoringModelRevisionsRequest{Name: builtin}))(t)
	if first := s.model(t, builtin+"@1"); first.GetName() != builtin+"@1" || len(begun.GetScoringModels()) != 1 || !proto.Equal(begun.GetScoringModels()[0], first) {
		t.Errorf("the first revision of the built-in model is %v, of %v", first, begun)
	}
	for _, none := range []string{model + "@3", builtin + "@2", "brands/acme/scoringModels/none@1"} {
		_, err = s.GetScoringModel(t.Context(), &journeyv1.GetScoringModelRequest{Name: none})
		refused(t, err, codes.NotFound)
	}
	_, err = s.DeleteScoringModel(t.Context(), &journeyv1.DeleteScoringModelRequest{Name: model})
	refusedFor(t, err, codes.FailedPrecondition, "IN_USE")
	back, err := s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: "brands/acme/scoringModels/default"})
	if err != nil || back.GetScoringModel().GetState() != journeyv1.ScoringModel_STATE_ACTIVE {
		t.Errorf("back to the built-in model: %v, %v", back, err)
	}
	if got := s.score(t, "ann", noon).GetBasis().GetScoringModelRevision(); got != "brands/acme/scoringModels/default@1" {
		t.Errorf("the score is of %s, want the built-in model", got)
	}
}

func testModelOfThatDay(t *testing.T, s *suite) {
	s.work(t)
	s.had(t, "ann", "delivery", noon, unmet)
	s.createModel(t, "quick", &journeyv1.ScoringModel{Kappa: proto.Float64(1)})
	s.backtest(t, model)
	type day struct {
		read  time.Time
		score *journeyv1.Score
	}
	var days []day
	for i, next := range []string{"", model, "brands/acme/scoringModels/default", model, "brands/acme/scoringModels/default"} {
		if i == 3 {
			s.backtest(t, model) // what it needs is no longer kept
		}
		if next != "" {
			must(s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: next}))(t)
		}
		days = append(days, day{time.Now(), s.score(t, "ann", noon)})
	}
	if days[0].score.GetEstimate().GetValue() == days[1].score.GetEstimate().GetValue() {
		t.Fatalf("both models give %v", days[0].score.GetEstimate())
	}
	for i, d := range days {
		read := timestamppb.New(d.read)
		got := must(s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: scoreOf("ann"), AsOfTime: timestamppb.New(noon), ReadTime: read}))(t)
		got.GetBasis().ReadTime = nil
		same(t, got, d.score)
		why := must(s.ExplainScore(t.Context(), &journeyv1.ExplainScoreRequest{Name: scoreOf("ann"), AsOfTime: timestamppb.New(noon), ReadTime: read}))(t)
		why.GetScore().GetBasis().ReadTime = nil
		if !proto.Equal(why.GetScore(), d.score) {
			t.Errorf("day %d is explained as %v, want %v", i, why.GetScore(), d.score)
		}
	}
}

func testBadModels(t *testing.T, s *suite) {
	for i, m := range []*journeyv1.ScoringModel{
		{Kappa: proto.Float64(0)},
		{HalfLife: durationpb.New(time.Hour)},
		{StageWeights: []*journeyv1.StageNumber{{Stage: 1, Value: 0}}},
		{StageWeights: []*journeyv1.StageNumber{{Stage: 1, Value: 1}, {Stage: 1, Value: 2}}},
		{Priors: []*journeyv1.StageNumber{{Stage: 1, Value: 0}}},
		{Priors: []*journeyv1.StageNumber{{Stage: 1, Value: 1.5}}},
		{PeakEnd: proto.Float64(2)},
		{ExpectationValues: &journeyv1.ScoringModel_ExpectationValues{Unmet: .5, Met: .4, Exceeded: 1}},
		{ChannelReliabilities: []*journeyv1.ScoringModel_ChannelReliability{{Channel: 1, Reliability: 0}}},
		{ChannelReliabilities: []*journeyv1.ScoringModel_ChannelReliability{{Channel: 1, Reliability: 1}, {Channel: 1, Reliability: 1}}},
	} {
		_, err := s.CreateScoringModel(t.Context(), &journeyv1.CreateScoringModelRequest{Parent: "brands/acme", ScoringModel: m})
		if refused(t, err, codes.InvalidArgument); err == nil {
			t.Errorf("model %d was taken", i)
		}
	}
	_, err := s.CreateScoringModel(t.Context(), &journeyv1.CreateScoringModelRequest{Parent: "brands/acme", ScoringModel: &journeyv1.ScoringModel{}, ScoringModelId: "default"})
	refused(t, err, codes.AlreadyExists)
	builtin := "brands/acme/scoringModels/default"
	_, err = s.UpdateScoringModel(t.Context(), &journeyv1.UpdateScoringModelRequest{ScoringModel: &journeyv1.ScoringModel{Name: builtin}})
	refusedFor(t, err, codes.FailedPrecondition, "BUILT_IN")
	_, err = s.DeleteScoringModel(t.Context(), &journeyv1.DeleteScoringModelRequest{Name: builtin})
	refusedFor(t, err, codes.FailedPrecondition, "BUILT_IN")
	_, err = s.BacktestScoringModel(t.Context(), &journeyv1.BacktestScoringModelRequest{Name: builtin})
	refusedFor(t, err, codes.FailedPrecondition, "BUILT_IN")
	_, err = s.BacktestScoringModel(t.Context(), &journeyv1.BacktestScoringModelRequest{Name: model})
	refused(t, err, codes.NotFound)
	s.createModel(t, "quick", &journeyv1.ScoringModel{})
	_, err = s.BacktestScoringModel(t.Context(), &journeyv1.BacktestScoringModelRequest{Name: model, CutTime: timestamppb.New(time.Now().AddDate(0, 0, -89))})
	refused(t, err, codes.InvalidArgument)
	if _, err = s.DeleteScoringModel(t.Context(), &journeyv1.DeleteScoringModelRequest{Name: model}); err != nil {
		t.Error(err)
	}
	again := s.createModel(t, "quick", &journeyv1.ScoringModel{})
	if again.GetRevision() != 2 {
		t.Errorf("a model that comes back has revision %d, want 2", again.GetRevision())
	}
}

// asked records that a customer asked for service.
func (s *suite) asked(t *testing.T, customer, ticket string, at time.Time) {
	t.Helper()
	req := visit(customer, fmt.Sprint(customer, ticket, at.UnixNano()), at)
	req.Touchpoint.Definition, req.Touchpoint.Ticket, req.Touchpoint.Expectation = "brands/acme/touchpointDefinitions/support-interaction", ticket, 0
	s.record(t, req)
}

func testBacktest(t *testing.T, s *suite) {
	s.work(t)
	cut := noon
	for i := range 40 {
		c := fmt.Sprint("c", i)
		outcome := unmet
		if i%4 > 0 {
			outcome = exceeded
		}
		s.had(t, c, "delivery", cut.Add(-time.Hour), outcome)
		if i%4 > 0 {
			s.had(t, c, "product-use", cut.Add(24*time.Hour), met)
		}
		if i%8 == 1 {
			s.had(t, c, "checkout", cut.Add(24*time.Hour), met)
		}
		// Nobody's own doing, and no contact without a ticket that is new.
		s.asked(t, c, "", cut.Add(47*time.Hour))
		s.asked(t, c, "brands/acme/tickets/old", cut.Add(-time.Minute))
		s.asked(t, c, "brands/acme/tickets/old", cut.Add(48*time.Hour))
		if i%4 == 0 {
			s.asked(t, c, "brands/acme/tickets/new", cut.Add(49*time.Hour))
			s.asked(t, c, "brands/acme/tickets/new", cut.Add(50*time.Hour))
			s.asked(t, c, "brands/acme/tickets/next", cut.Add(51*time.Hour))
		}
	}
	s.had(t, "late", "delivery", cut.Add(time.Hour), met)
	s.had(t, "last", "online-ad", cut.Add(90*24*time.Hour), met)
	s.createModel(t, "quick", &journeyv1.ScoringModel{HalfLife: durationpb.New(30 * 24 * time.Hour)})
	found := s.backtest(t, model)
	if !found.GetCutTime().AsTime().Equal(cut) || found.GetCustomers() != 40 || found.GetReturned() != 30 {
		t.Errorf("found %v", found)
	}
	if auc := found.GetAuc(); auc.GetValue() != 1 || auc.GetN() != 40 {
		t.Errorf("auc = %v, want 1: who was let down never came back", auc)
	}
	if auc := found.GetContactAuc(); auc.GetValue() != 1 || auc.GetN() != 40 {
		t.Errorf("auc of contacts = %v, want 1: who was let down asked for help", auc)
	}
	if q := found.GetRatingCorrelation().GetQuality(); q != typev1.Quality_QUALITY_NO_DATA {
		t.Errorf("correlation = %v, want no data: nobody gave a rating", found.GetRatingCorrelation())
	}
	if d := found.GetDeciles(); len(d) != 2 || d[0].GetReturned().GetValue() != 0 || d[1].GetReturned().GetValue() != 1 {
		t.Errorf("deciles = %v", d)
	} else if low, high := d[0], d[1]; low.GetContacted().GetValue() != 1 || low.GetContactRate().GetValue() != 200 || low.GetBought().GetValue() != 0 ||
		high.GetContacted().GetValue() != 0 || high.GetContactRate().GetValue() != 0 || high.GetBought().GetValue() != 5./30 || high.GetBought().GetN() != 30 {
		t.Errorf("after the cut the deciles did %v", d)
	}
	same(t, s.model(t, model).GetBacktest(), found)
}

func testActivate(t *testing.T, s *suite) {
	s.work(t)
	s.had(t, "ann", "delivery", noon.Add(-time.Hour), unmet)
	was := s.score(t, "ann", noon)
	s.createModel(t, "quick", &journeyv1.ScoringModel{
		HalfLife: durationpb.New(5 * 24 * time.Hour), Priors: []*journeyv1.StageNumber{{Stage: 1, Value: .75}, {Stage: 2, Value: .75}, {Stage: 3, Value: .75}, {Stage: 4, Value: .75}, {Stage: 5, Value: .75}},
		ExpectationValues:    &journeyv1.ScoringModel_ExpectationValues{Unmet: .5, Met: .7, Exceeded: .9},
		ChannelReliabilities: []*journeyv1.ScoringModel_ChannelReliability{{Channel: typev1.Channel_CHANNEL_WEB, Reliability: .5}},
	})
	s.backtest(t, model)
	s.had(t, "ann", "website-visit", noon.Add(-time.Minute), exceeded) // both are kept
	s.had(t, "bob", "website-visit", noon.Add(-time.Minute), exceeded)
	s.consistent(t, "ann", noon)
	active, err := s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model})
	if err != nil {
		t.Fatal(err)
	}
	is := s.score(t, "ann", noon)
	if is.GetEstimate().GetValue() <= was.GetEstimate().GetValue() || is.GetEstimate().GetN() != 2 || is.GetBasis().GetScoringModelRevision() != model+"@1" {
		t.Errorf("under the new model: %v", is)
	}
	for _, at := range []time.Time{noon, noon.Add(-2 * time.Minute), noon.Add(40 * 24 * time.Hour)} {
		s.consistent(t, "ann", at)
		s.consistent(t, "bob", at)
	}
	recomputed := &journeyv1.RecomputeScoresResponse{}
	s.done(t, active.GetRecompute(), recomputed)
	if recomputed.GetCustomerCount() != 2 || recomputed.GetScoringModelRevision() != model+"@1" {
		t.Errorf("recomputed %v", recomputed)
	}
	for _, r := range s.stored(t, 2, "", "") {
		if r.GetScoringModelRevision() != model+"@1" {
			t.Errorf("stored: %v", r)
		}
	}
	back, err := s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: "brands/acme/scoringModels/default"})
	if err != nil {
		t.Fatal(err)
	}
	s.done(t, back.GetRecompute(), recomputed)
	var left int
	if err := s.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM stage_bucket WHERE layout > 0`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of sums that nobody needs, %v", left, err)
	}
	s.consistent(t, "ann", noon)
	_, err = s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model})
	refusedFor(t, err, codes.FailedPrecondition, "NOT_BACKTESTED")
	s.backtest(t, model)
	if _, err = s.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: model}); err != nil {
		t.Error(err)
	}
	same(t, s.score(t, "ann", noon), is)
}

func testRecompute(t *testing.T, s *suite) {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	for i := range 1000 {
		req.Requests = append(req.Requests, visit(fmt.Sprintf("c%04d", i), fmt.Sprint(i), noon))
	}
	s.batch(t, req)
	for i := range req.GetRequests() {
		req.Requests[i] = visit(fmt.Sprintf("d%04d", i), fmt.Sprint("d", i), noon)
	}
	s.batch(t, req)
	op, err := s.RecomputeScores(t.Context(), &journeyv1.RecomputeScoresRequest{Parent: "brands/acme", RequestId: "7c1a2f3e-4b5d-4c6e-8f70-112233445566"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.RecomputeScores(t.Context(), &journeyv1.RecomputeScoresRequest{Parent: "brands/acme", RequestId: "7c1a2f3e-4b5d-4c6e-8f70-112233445566"})
	if err != nil || again.GetName() != op.GetName() {
		t.Errorf("a repeat is %v, %v", again, err)
	}
	announcements(t, s) // its own bus
	s.work(t)
	found, meta := &journeyv1.RecomputeScoresResponse{}, &journeyv1.RecomputeScoresMetadata{}
	op = s.done(t, op, found)
	if err := op.GetMetadata().UnmarshalTo(meta); err != nil || meta.GetDoneCount() != 2000 || meta.GetTotalCount() != 2000 || found.GetCustomerCount() != 2000 {
		t.Errorf("recomputed %v, %v, %v", found, meta, err)
	}
	var stored int
	if err := s.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM customer_score`).Scan(&stored); err != nil || stored != 2000 {
		t.Errorf("%d scores are stored, %v, want 2000", stored, err)
	}
	cancelled, err := s.RecomputeScores(t.Context(), &journeyv1.RecomputeScoresRequest{Parent: "brands/acme"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CancelOperation(t.Context(), &journeyv1.CancelOperationRequest{Name: cancelled.GetName()}); err != nil {
		t.Fatal(err)
	}
	list, err := s.ListOperations(t.Context(), &journeyv1.ListOperationsRequest{Parent: "brands/acme"})
	if err != nil || len(list.GetOperations()) != 2 || codes.Code(list.GetOperations()[0].GetError().GetCode()) != codes.Canceled {
		t.Errorf("operations: %v, %v", list, err)
	}
}
