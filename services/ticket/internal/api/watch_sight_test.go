package api

import (
	"fmt"
	"testing"
)

func TestASightIsBounded(t *testing.T) {
	s := sight{whole: true}
	for i := range 10_000 {
		s.see(fmt.Sprint(i))
		if n := len(s.has); n > 4096 {
			t.Fatalf("%d tickets are remembered, want 4,096 at most", n)
		}
	}
	if !s.lose("one it had") {
		t.Error("it takes a ticket that it has forgotten for one the watcher never had")
	}
}
