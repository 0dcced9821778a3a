package sqldb

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestALaneWaitsForAQuickOneOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := make(chan struct{}, paceLanes)
		first, second := pace{places: places}, pace{places: places}
		first.enter()
		start := time.Now()
		second.enter()
		if got := time.Since(start); got != paceWait {
			t.Errorf("beside a slow lane another waits %v, want %v", got, paceWait)
		}
		second.leave() // it held no place of the other
		time.AfterFunc(paceWait/2, first.leave)
		start = time.Now()
		second.enter()
		if got := time.Since(start); got != paceWait/2 {
			t.Errorf("beside a quick lane another waits %v, want %v", got, paceWait/2)
		}
		for range 2 {
			second.leave()
		}
		if len(places) != 0 {
			t.Errorf("%d places are taken at the end, want none", len(places))
		}
	})
}
