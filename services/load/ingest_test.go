package main

import (
	"fmt"
	"testing"
	"time"
)

func TestBatchesDifferAndHaveHappened(t *testing.T) {
	for _, customers := range []int{100, batchSize} {
		events := map[string]bool{}
		for _, n := range []int64{0, 1, span - 1, span, 10*span + 7} {
			came := map[string]bool{}
			for _, r := range batch(brand, n, customers).GetRequests() {
				events[r.GetTouchpoint().GetEventId()] = true
				came[r.GetParent()] = true
				if r.GetTouchpoint().GetEventTime().AsTime().After(time.Now()) {
					t.Fatalf("batch %d has a touchpoint at %v", n, r.GetTouchpoint().GetEventTime().AsTime())
				}
			}
			if len(came) != customers {
				t.Errorf("batch %d is of %d customers, want %d", n, len(came), customers)
			}
		}
		if len(events) != 5*batchSize {
			t.Errorf("5 batches have %d different events, want %d", len(events), 5*batchSize)
		}
	}
}

func TestRawRowsHaveAValueForEachColumn(t *testing.T) {
	if got, want := len(rawRow(1, 2)), len(columns(rawColumns)); got != want {
		t.Errorf("a row has %d values for %d columns", got, want)
	}
	if a, b := fmt.Sprint(rawRow(1, 2)...), fmt.Sprint(rawRow(1, 3)...); a == b {
		t.Errorf("two rows are %s", a)
	}
}
