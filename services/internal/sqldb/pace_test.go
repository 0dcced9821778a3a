package sqldb

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAThirdLaneWaitsForAQuickOneOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := make(chan struct{}, paceLanes)
		first, second, third := pace{places: places}, pace{places: places}, pace{places: places}
		first.enter()
		second.enter()
		start := time.Now()
		third.enter()
		if got := time.Since(start); got != paceWait {
			t.Errorf("beside two slow lanes another waits %v, want %v", got, paceWait)
		}
		third.leave() // it held no place of the others
		time.AfterFunc(paceWait/2, first.leave)
		start = time.Now()
		third.enter()
		if got := time.Since(start); got != paceWait/2 {
			t.Errorf("beside a quick lane another waits %v, want %v", got, paceWait/2)
		}
		for range 2 {
			second.leave()
			third.leave()
		}
		if len(places) != 0 {
			t.Errorf("%d places are taken at the end, want none", len(places))
		}
	})
}
