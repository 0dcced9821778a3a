package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestARetryWaitsLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var again Retry
		for _, tt := range []struct {
			err  error
			want time.Duration
		}{
			{nil, 0},
			{context.DeadlineExceeded, time.Second},
			{context.DeadlineExceeded, 2 * time.Second},
			{context.DeadlineExceeded, 4 * time.Second},
			{nil, 0},
			{context.DeadlineExceeded, time.Second},
		} {
			began := time.Now()
			if again.Wait(t.Context(), tt.err); time.Since(began) != tt.want {
				t.Errorf("after %v it waited %v, want %v", tt.err, time.Since(began), tt.want)
			}
		}
	})
}

func TestAnAlarmWakesAtTheEarliestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Alarm
		began := time.Now()
		a.Set(began.Add(3 * time.Second))
		a.Set(began.Add(5 * time.Second))
		go func() {
			<-time.After(time.Second)
			a.Set(began.Add(2 * time.Second))
		}()
		if a.Wait(t.Context(), began.Add(4*time.Second), time.Minute); time.Since(began) != 2*time.Second {
			t.Errorf("woke after %v, want 2s", time.Since(began))
		}
		a.Clear()
		if a.Wait(t.Context(), time.Time{}, time.Minute); time.Since(began) != 62*time.Second {
			t.Errorf("woke after %v, want a minute later", time.Since(began))
		}
	})
}
