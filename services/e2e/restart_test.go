package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestARestartLosesNothing: the suite is asked to end while writers write. It
// finishes the calls under way, and what it acknowledged is there.
func TestARestartLosesNothing(t *testing.T) {
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
	s := single(t)
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

// settled ends the writers and the suite and fails unless everything that was
// acknowledged is there once.
func (w *writing) settled(t testing.TB) {
	t.Helper()
	turns := w.end()
	sum := w.recount(t, turns)
	w.suite.parts["gateway"].stop(t)
	sum.doubled += w.audit(t, w.suite.data, len(turns))
	t.Logf("%d turns: %+v", len(turns), sum)
	if sum != (tally{}) || len(turns) == 0 {
		t.Errorf("of %d turns %+v", len(turns), sum)
	}
}
