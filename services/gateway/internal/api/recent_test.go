package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasReadIsBelievedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[int]
		reads, down := 0, false
		get := func() (int, error) {
			return r.get(t.Context(), "a", func(context.Context) (int, error) {
				if down {
					return 0, errors.New("down")
				}
				reads++
				return reads, nil
			})
		}
		want := func(what string, n int) {
			t.Helper()
			if got, err := get(); err != nil || got != n {
				t.Errorf("%s: %d, %v, want %d", what, got, err, n)
			}
		}
		want("at first", 1)
		time.Sleep(recentFor - time.Nanosecond)
		want("just before it is old", 1)
		time.Sleep(time.Nanosecond)
		want("when it is old", 2)
		r.forget("a")
		want("when it was forgotten", 3)
		down = true
		time.Sleep(recentLast - time.Nanosecond)
		want("while it cannot be read", 3)
		time.Sleep(time.Nanosecond)
		if got, err := get(); err == nil {
			t.Errorf("when that lasts: %d, want an error", got)
		}
	})
}

func TestAReadThatBeganBeforeTheChangeIsNotBelieved(t *testing.T) {
	var r recent[int]
	old := func(context.Context) (int, error) {
		r.forget("a") // somebody changes it in the meantime
		return 1, nil
	}
	if got, err := r.get(t.Context(), "a", old); err != nil || got != 1 {
		t.Fatalf("get = %d, %v", got, err)
	}
	if got, err := r.get(t.Context(), "a", func(context.Context) (int, error) { return 2, nil }); err != nil || got != 2 {
		t.Errorf("get = %d, %v, want what is there now", got, err)
	}
}

func TestAUseIsNotedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u uses
		start := time.Now()
		use := func() { u.note("a", time.Time{}, time.Now()) }
		use()
		time.Sleep(time.Second)
		use()
		if got := u.take(); len(got) != 1 || !got["a"].Equal(start) {
			t.Errorf("noted %v, want the first use", got)
		}
		use()
		if got := u.take(); len(got) != 0 {
			t.Errorf("noted %v, want nothing within a minute", got)
		}
		time.Sleep(useGrain)
		use()
		if got := u.take(); len(got) != 1 {
			t.Errorf("noted %v, want a use a minute later", got)
		}
		u.note("b", time.Now().Add(-time.Second), time.Now())
		if got := u.take(); len(got) != 0 {
			t.Errorf("noted %v, want nothing that another replica has noted", got)
		}
	})
}
