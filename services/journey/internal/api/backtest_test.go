package api

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/backtest"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// tests is a server on which a test takes each step of a back-test itself.
type tests struct {
	*Server
	t  *testing.T
	id string
}

// tested is more customers than a step takes.
const tested = backtestBatch + 20

func newTests(t *testing.T, db *sqldb.DB) *tests {
	t.Helper()
	w := &tests{newTestServer(t, db), t, "quick"}
	batch := make([]store.Touchpoint, tested)
	for i := range batch {
		id := fmt.Sprintf("c%04d", i)
		batch[i] = store.Touchpoint{
			ID: id, Customer: id, Definition: "delivery", Source: "web", EventTime: 1, RecordTime: 1,
			Stage: 3, Expectation: typev1.Expectation_EXPECTATION_MET, Weight: 1,
		}
	}
	w.write(func(tx *sqldb.Tx) error { _, err := w.store.Record(tx, "acme", batch); return err })
	w.model(w.id, 10)
	return w
}

func (w *tests) write(f func(*sqldb.Tx) error) {
	w.t.Helper()
	if err := w.db.Write(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

// model creates a model with a half-life of so many days.
func (w *tests) model(id string, days int) {
	w.t.Helper()
	_, err := w.CreateScoringModel(w.t.Context(), &journeyv1.CreateScoringModelRequest{
		Parent: "brands/acme", ScoringModelId: id,
		ScoringModel: &journeyv1.ScoringModel{HalfLife: durationpb.New(time.Duration(days) * 24 * time.Hour)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// test takes the steps of a back-test of a model and calls between before each that fills.
func (w *tests) test(id string, between func()) {
	w.t.Helper()
	o := operation.Operation{Brand: "acme", ID: name.NewID(), Total: 1000}
	req := &journeyv1.BacktestScoringModelRequest{Name: modelName("acme", id), CutTime: timestamppb.New(time.UnixMicro(1))}
	for range 20 {
		var err error
		if o, err = w.stepBacktest(w.t.Context(), o, req); err != nil {
			w.t.Fatal(err)
		}
		if !o.EndTime.IsZero() {
			return
		}
		between()
	}
	w.t.Fatal("the back-test never ends")
}

// kept returns how many customers have sums in layouts other than that of the model that
// is built in, by the state of the layout; how many layouts there are if count is "layout".
func (w *tests) kept(state store.LayoutState, count string) (n int) {
	w.t.Helper()
	err := w.db.Read().QueryRowContext(w.t.Context(), `
		SELECT COUNT(DISTINCT l.`+count+`) FROM (
		  SELECT b.customer, l.layout, l.state FROM sum_layout l LEFT JOIN stage_bucket b ON b.layout = l.layout AND b.customer <> ''
		) AS l WHERE l.state = $1`, int64(state)).Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What is ready has the sums of all customers, whoever retires layouts meanwhile.
func TestABackTestWhoseSumsAreLostBeginsAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newTests(t, open(t))
		lost := 0
		w.test(w.id, func() {
			if w.kept(store.LayoutBuilding, "customer") == 0 || lost == 2 {
				return
			}
			lost++
			w.write(func(tx *sqldb.Tx) error { _, err := w.store.RetireLayouts(tx, "acme", ""); return err })
		})
		if got := w.kept(store.LayoutReady, "customer"); got != tested || lost != 2 {
			t.Errorf("after %d losses the sums of %d customers are ready, want %d", lost, got, tested)
		}
	})
}

func TestLayoutsThatNoModelNeedsAreRetired(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newTests(t, open(t))
		nothing := func() {}
		w.test(w.id, nothing)
		w.model("slow", 20)
		w.test("slow", nothing)
		w.model("twin", 20)
		w.test("twin", nothing)
		if got := w.kept(store.LayoutReady, "layout"); got != 2 {
			t.Errorf("%d layouts are ready, want those of two half-lives", got)
		}
		_, err := w.UpdateScoringModel(t.Context(), &journeyv1.UpdateScoringModelRequest{
			ScoringModel: &journeyv1.ScoringModel{Name: modelName("acme", w.id), HalfLife: durationpb.New(30 * 24 * time.Hour)},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.test(w.id, nothing)
		if got, gone := w.kept(store.LayoutReady, "layout"), w.kept(store.LayoutRetired, "layout"); got != 2 || gone != 1 {
			t.Errorf("%d layouts are ready and %d retired, want 2 and 1", got, gone)
		}
		for _, id := range []string{"slow", "default", "twin"} {
			if _, err := w.ActivateScoringModel(t.Context(), &journeyv1.ActivateScoringModelRequest{Name: modelName("acme", id)}); err != nil {
				t.Errorf("activate %s: %v", id, err)
			}
		}
	})
}

// What is found grows with the customers, and is written as a whole.
func TestABackTestThatHasFoundMuchTakesMoreCustomersAStep(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newTests(t, open(t))
		req := &journeyv1.BacktestScoringModelRequest{Name: modelName("acme", w.id), CutTime: timestamppb.New(time.UnixMicro(1))}
		for found, want := range map[int]int64{0: backtestBatch, backtestWrite*backtestBatch + 2: tested} {
			o := operation.Operation{Brand: "acme", ID: name.NewID(), Total: 1000}
			var b backtesting
			for i := range found / 2 { // each makes two counts
				b.Trial.Add(float64(i)/100, backtest.Sequel{Back: true})
			}
			o, err := encodeProgress(o, b)
			if err == nil {
				o, err = w.stepBacktest(t.Context(), o, req)
			}
			if err != nil || o.Done != want {
				t.Errorf("with %d counts a step took %d customers, %v, want %d", found, o.Done, err, want)
			}
		}
	})
}
