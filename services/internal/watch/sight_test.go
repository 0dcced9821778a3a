package watch

import (
	"fmt"
	"testing"
)

func TestASightIsBounded(t *testing.T) {
	s := Sight{Whole: true}
	for i := range 10_000 {
		s.See(fmt.Sprint(i))
		if n := len(s.has); n > 4096 {
			t.Fatalf("%d things are remembered, want 4,096 at most", n)
		}
	}
	if !s.Lose("one it had") {
		t.Error("it takes a thing that it has forgotten for one the watcher never had")
	}
}

func TestALossIsNewsOnce(t *testing.T) {
	for _, whole := range []bool{false, true} {
		s := Sight{Whole: whole}
		s.See("a")
		for i, want := range []bool{true, false} {
			if got := s.Lose("a"); got != want {
				t.Errorf("whole %t: loss %d of what it had is news: %t, want %t", whole, i+1, got, want)
			}
		}
		if got := s.Lose("b"); got == whole {
			t.Errorf("whole %t: the loss of what was never seen is news: %t", whole, got)
		}
		s.See("a")
		if !s.Lose("a") {
			t.Errorf("whole %t: the loss of what it has again is no news", whole)
		}
	}
}
