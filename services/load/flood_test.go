package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAFloodKeepsItsPaceWhateverIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counter atomic.Int64
		f := flood{peak: func() float64 { return 1000 }, loop: loop{op: func(_ context.Context, n int64) error {
			switch n % 3 {
			case 0:
				time.Sleep(100 * time.Millisecond)
				return nil
			case 1:
				time.Sleep(5 * time.Millisecond)
				return status.Error(codes.Unavailable, "later")
			}
			return errors.New("no")
		}}}
		in, took, refusals, errs := f.call(t.Context(), time.Second, &counter)
		if n := counter.Load(); n < 2990 || n > 3000 || len(took)+len(refusals)+len(errs) != int(n) {
			t.Errorf("%d calls were made, with %d answers, %d refusals and %d errors; want about 3,000", n, len(took), len(refusals), len(errs))
		}
		if in < 890 || in > 900 { // the last wait for longer
			t.Errorf("%d answers came in time, want 900 or a few less", in)
		}
		_, answered := middling(took)
		_, refused := middling(refusals)
		if answered < 100 || answered > 102 || refused < 5 || refused > 7 || len(errs) < 990 { // since they were due
			t.Errorf("answers took %v ms, refusals %v ms, and %d errors; want 100, 5 and a third of all", answered, refused, len(errs))
		}
	})
}

func TestAFloodHasBoundedCallsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counter atomic.Int64
		f := flood{peak: func() float64 { return 10 * maxOpen }, loop: loop{op: func(context.Context, int64) error {
			time.Sleep(time.Minute)
			return nil
		}}}
		_, took, _, _ := f.call(t.Context(), time.Second, &counter)
		if len(took) != maxOpen {
			t.Errorf("%d calls were open, want %d", len(took), maxOpen)
		}
	})
}
