package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestARestartLosesNothing: the suite is asked to end while writers write. It
// finishes the calls under way, and what it acknowledged is there.
func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	s := single(t)
	w := write(t, s)
	for i := range 3 {
		<-time.After(time.Duration(100*(i+1)) * time.Millisecond)
		s.parts["gateway"].stop(t)
		s.start(t, "gateway")
	}
	w.settled(t)
}

// TestTheBusIsADoorbell: the bus loses its store, after an orderly end and after a
// kill under load. Every interaction still becomes one touchpoint.
func TestTheBusIsADoorbell(t *testing.T) {
	t.Parallel()
	s := singleOf(t, must(shipped())(t))
	w := write(t, s)
	for i, end := range []func(testing.TB){
		func(t testing.TB) { s.parts["gateway"].stop(t) },
		func(t testing.TB) { s.parts["gateway"].kill(t) },
		func(t testing.TB) { s.parts["gateway"].kill(t) },
	} {
		<-time.After(time.Duration(100*(i+2)) * time.Millisecond)
		end(t)
		store := filepath.Join(s.data, "bus")
		if _, err := os.Stat(filepath.Join(store, "jetstream")); err != nil {
			t.Fatalf("the bus has no store to lose: %v", err)
		}
		if err := os.RemoveAll(store); err != nil {
			t.Fatal(err)
		}
		s.start(t, "gateway")
	}
	w.settled(t)
}

// TestTheBusLosesWhatNobodyHeard: while the journey is down the bus takes events for
// it, and then loses them all. The services that told them tell them again.
func TestTheBusLosesWhatNobodyHeard(t *testing.T) {
	t.Parallel()
	s := split(t)
	c := s.grpc()
	brand := c.brand(t)
	survey := c.survey(t, brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	s.parts["journey"].kill(t)
	const customers = 20
	for i := range customers {
		customer := fmt.Sprint(brand, "/customers/c", i)
		call := c.call(t, c.open(t, customer, typev1.Channel_CHANNEL_PHONE, noon), noon)
		c.answer(t, survey, customer, 1, &surveyv1.Response{Attribution: &surveyv1.Attribution{Interaction: call.GetName()}})
	}
	for _, service := range []string{"ticket", "survey"} {
		db := sqldbtest.Open(t, s.parts[service].db)
		eventually(t, func() error {
			if n := rows(t, db, "outbox WHERE stream = 0"); n > 0 {
				return fmt.Errorf("%s has %d events that the bus does not have", service, n)
			}
			return nil
		})
	}
	s.bus.stop()
	if err := os.RemoveAll(filepath.Join(s.bus.dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	s.bus.start(t)
	s.start(t, "journey")
	c = s.grpc()
	for i := range customers {
		for _, p := range c.lived(t, fmt.Sprint(brand, "/customers/c", i), 1) {
			c.measured(t, p.GetName())
		}
	}
}

// settled ends the writers and the suite and fails unless everything that was
// acknowledged is there once.
func (w *writing) settled(t testing.TB) {
	t.Helper()
	turns := w.end()
	sum := w.recount(t, turns)
	w.suite.parts["gateway"].stop(t)
	sum.doubled += w.audit(t, files(w.suite.data), len(turns))
	t.Logf("%d turns: %+v", len(turns), sum)
	if sum != (tally{}) || len(turns) == 0 {
		t.Errorf("of %d turns %+v", len(turns), sum)
	}
}
