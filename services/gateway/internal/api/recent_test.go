package api

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasReadIsBelievedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[int]
		reads, down := 0, false
		get := func() (int, error) {
			return r.get(t.Context(), "a", func(context.Context) (int, bool, error) {
				if down {
					return 0, false, errors.New("down")
				}
				reads++
				return reads, true, nil
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
	old := func(context.Context) (int, bool, error) {
		r.forget("a") // somebody changes it in the meantime
		return 1, true, nil
	}
	if got, err := r.get(t.Context(), "a", old); err != nil || got != 1 {
		t.Fatalf("get = %d, %v", got, err)
	}
	if got, err := r.get(t.Context(), "a", func(context.Context) (int, bool, error) { return 2, true, nil }); err != nil || got != 2 {
		t.Errorf("get = %d, %v, want what is there now", got, err)
	}
}

func TestWhatIsNotThereTakesNoRoomFromWhatIs(t *testing.T) {
	var r recent[int]
	reads := 0
	get := func(key string, there bool) {
		t.Helper()
		if _, err := r.get(t.Context(), key, func(context.Context) (int, bool, error) { reads++; return 1, there, nil }); err != nil {
			t.Fatal(err)
		}
	}
	get("good", true)
	for i := range 5 * recentMost {
		get(strconv.Itoa(i), false)
	}
	reads = 0
	if get("good", true); reads != 0 {
		t.Error("what is there was forgotten because of what is not")
	}
	if n := len(r.absent.late) + len(r.absent.before); n > 2*recentMost {
		t.Errorf("%d keys that are not there are kept", n)
	}
	for i := range 5 * recentMost {
		get("b"+strconv.Itoa(i), true)
	}
	if n := len(r.there.late) + len(r.there.before); n > 2*recentMost {
		t.Errorf("%d values are kept", n)
	}
	reads = 0
	if get("b"+strconv.Itoa(5*recentMost-1), true); reads != 0 {
		t.Error("the latest value was forgotten")
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
