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
		got, err := f.call(t.Context(), time.Second, &counter)
		if err != nil {
			t.Fatal(err)
		}
		if n := counter.Load(); n < 4490 || n > 4500 || len(got.took)+len(got.refusals)+len(got.errs) != int(n) || got.late > 0 || got.unmade > 0 {
			t.Errorf("%d calls were made, %d of them late, with %d answers, %d refusals and %d errors; want about 4,500 in time",
				n, got.late, len(got.took), len(got.refusals), len(got.errs))
		}
		if got.in < 990 || got.in > 1000 {
			t.Errorf("%d answers came in the second that counts, want about 1,000", got.in)
		}
		_, answered := middling(got.took)
		_, refused := middling(got.refusals)
		if answered < 100 || answered > 102 || refused < 5 || refused > 7 || len(got.errs) < 1490 { // since they were due
			t.Errorf("answers took %v ms, refusals %v ms, and %d errors; want 100, 5 and a third of all", answered, refused, len(got.errs))
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
		got, err := f.call(t.Context(), time.Second, &counter)
		if err != nil || len(got.took) != maxOpen || got.unmade != got.made-maxOpen {
			t.Errorf("%d of %d calls were open and %d not made, %v; want %d and the others", len(got.took), got.made, got.unmade, err, maxOpen)
		}
	})
}
