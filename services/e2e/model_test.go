package e2e

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// shorterMemory: a brand drafts a model that forgets faster, proves that it tells who comes
// back, and goes by it. All stored scores follow.
func shorterMemory(t *testing.T, c *clients) {
	brand := c.brand(t)
	const customers = 30
	cut := noon.AddDate(-1, 0, 0)
	for i := range customers {
		who := fmt.Sprint(brand, "/customers/c", i)
		if i%3 == 0 { // who is let down, and never comes back
			c.live(t, who, "delivery", cut.Add(-time.Hour), unmet)
			continue
		}
		c.live(t, who, "delivery", cut.Add(-time.Hour), exceeded)
		c.live(t, who, "checkout", cut.Add(24*time.Hour), met)
	}
	c.live(t, brand+"/customers/last", "online-ad", cut.AddDate(0, 0, 90), met)
	quick := must(c.scores.CreateScoringModel(t.Context(), &journeyv1.CreateScoringModelRequest{
		Parent: brand, ScoringModelId: "quick", ScoringModel: &journeyv1.ScoringModel{DisplayName: "Quick", HalfLife: durationpb.New(10 * 24 * time.Hour)},
	}))(t).GetName()
	activate := &journeyv1.ActivateScoringModelRequest{Name: quick}
	_, err := c.scores.ActivateScoringModel(t.Context(), activate)
	refused(t, err, codes.FailedPrecondition, "NOT_BACKTESTED")

	var found journeyv1.Backtest
	c.finished(t, must(c.scores.BacktestScoringModel(t.Context(), &journeyv1.BacktestScoringModelRequest{Name: quick}))(t), &found)
	if found.GetCustomers() != customers || found.GetReturned() != customers*2/3 || found.GetAuc().GetValue() != 1 {
		t.Errorf("the back-test found %v, want that who was let down never came back", &found)
	}
	active := must(c.scores.ActivateScoringModel(t.Context(), activate))(t)
	var sum journeyv1.RecomputeScoresResponse
	c.finished(t, active.GetRecompute(), &sum)
	if m := active.GetScoringModel(); m.GetState() != journeyv1.ScoringModel_STATE_ACTIVE || !proto.Equal(m.GetBacktest(), &found) || sum.GetCustomerCount() != customers+1 {
		t.Errorf("active is %v, after %v", m, &sum)
	}
	stored := c.stored(t, brand)
	if len(stored) != customers+1 {
		t.Fatalf("%d scores are stored, want %d", len(stored), customers+1)
	}
	for _, s := range stored {
		got := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: s.GetName(), AsOfTime: s.GetAsOfTime()}))(t)
		if s.GetScoringModelRevision() != quick+"@1" || got.GetBasis().GetScoringModelRevision() != quick+"@1" || got.GetEstimate().GetValue() != s.GetEstimate().GetValue() {
			t.Errorf("%v is stored, want %v", s, got)
		}
	}
}

// finished waits for an operation and reads its response.
func (c *clients) finished(t testing.TB, op *longrunningpb.Operation, into proto.Message) {
	t.Helper()
	eventually(t, func() (err error) {
		if op, err = c.scorings.WaitOperation(t.Context(), &journeyv1.WaitOperationRequest{Name: op.GetName()}); err != nil {
			return err
		}
		if !op.GetDone() {
			return fmt.Errorf("%v is not done", op)
		}
		return nil
	})
	if err := op.GetResponse().UnmarshalTo(into); err != nil {
		t.Fatalf("%v: %v", op, err)
	}
}

// stored returns all stored scores of a brand.
func (c *clients) stored(t testing.TB, brand string) (all []*journeyv1.StoredScore) {
	t.Helper()
	req := &journeyv1.ListScoresRequest{Parent: brand, PageSize: 200}
	for {
		page := must(c.scores.ListScores(t.Context(), req))(t)
		all = append(all, page.GetScores()...)
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return all
		}
	}
}

// TestARecomputeSurvives: scores are computed anew by two replicas. One of them is killed
// in the middle, and the other one does the rest; then both are, and do the rest when
// they are back.
func TestARecomputeSurvives(t *testing.T) {
	t.Parallel()
	const customers = 3000
	s := split(t)
	first := s.parts["journey"]
	s.parts["replica"] = &part{args: first.args, listen: "127.0.0.1:0", db: first.db}
	s.start(t, "replica")
	brand := s.grpc().brand(t)
	s.crowd(t, brand, customers)
	for _, killed := range [][]string{{"journey"}, {"journey", "replica"}} {
		begun := must(s.grpc().scores.RecomputeScores(t.Context(), &journeyv1.RecomputeScoresRequest{Parent: brand}))(t)
		s.underWay(t, begun)
		for _, name := range killed {
			s.parts[name].kill(t)
		}
		if len(killed) > 1 {
			s.start(t, killed...)
		}
		var sum journeyv1.RecomputeScoresResponse
		s.replica(t).finished(t, begun, &sum)
		if sum.GetCustomerCount() != customers {
			t.Errorf("%d customers were scored, want each of %d once", sum.GetCustomerCount(), customers)
		}
		var meta journeyv1.RecomputeScoresMetadata
		if err := begun.GetMetadata().UnmarshalTo(&meta); err != nil {
			t.Fatal(err)
		}
		stored := s.replica(t).stored(t, brand)
		for _, score := range stored {
			if score.GetAsOfTime().AsTime().Before(meta.GetCreateTime().AsTime()) {
				t.Errorf("%v is as of a time before %v", score, meta.GetCreateTime().AsTime())
			}
		}
		if len(stored) != customers {
			t.Errorf("%d scores are stored, want %d", len(stored), customers)
		}
		if len(killed) == 1 {
			s.start(t, killed...)
		}
	}
}

// crowd gives a brand customers with a touchpoint each, and waits until they are scored.
func (s *suite) crowd(t testing.TB, brand string, customers int) {
	t.Helper()
	const size = 1000
	for from := 0; from < customers; from += size {
		req := &journeyv1.BatchRecordTouchpointsRequest{Parent: brand}
		for i := from; i < from+size; i++ {
			req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
				Parent: fmt.Sprint(brand, "/customers/c", i),
				Touchpoint: &journeyv1.Touchpoint{
					Definition: brand + "/touchpointDefinitions/delivery", EventTime: timestamppb.New(noon), Expectation: met,
				},
			})
		}
		must(s.grpc().touchpoints.BatchRecordTouchpoints(t.Context(), req))(t)
	}
	db := sqldbtest.Open(t, s.parts["journey"].db)
	eventually(t, func() error {
		if n := rows(t, db, "customer_stale"); n > 0 {
			return fmt.Errorf("%d customers are not scored yet", n)
		}
		return nil
	})
}

// underWay waits until a recompute has parted the customers.
func (s *suite) underWay(t testing.TB, op *longrunningpb.Operation) {
	t.Helper()
	eventually(t, func() error {
		now := must(s.grpc().scorings.GetOperation(t.Context(), &journeyv1.GetOperationRequest{Name: op.GetName()}))(t)
		var meta journeyv1.RecomputeScoresMetadata
		if err := now.GetMetadata().UnmarshalTo(&meta); err != nil {
			return err
		}
		if now.GetDone() {
			t.Log("the recompute was done before anything could be killed")
		} else if meta.GetTotalCount() == 0 {
			return fmt.Errorf("the recompute is still at %v", &meta)
		}
		return nil
	})
}

// replica returns clients of the second replica of the journey service as it runs now.
func (s *suite) replica(t testing.TB) *clients {
	t.Helper()
	conn, err := rpc.Dial(s.parts["replica"].addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newClients(conn, conn, conn, conn)
}
