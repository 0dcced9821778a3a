package api

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnOperationIsLeftAloneForLongerEachTimeUntilItGoesOn(t *testing.T) {
	var d delays
	var got []time.Duration
	for range 7 {
		got = append(got, d.longer("a"))
	}
	want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
	if !slices.Equal(got, want) {
		t.Errorf("the waits are %v, want %v", got, want)
	}
	if got := d.longer("b"); got != retryAfter {
		t.Errorf("another operation waits %v", got)
	}
	d.over("a")
	if got := d.longer("a"); got != retryAfter {
		t.Errorf("after it has gone on it waits %v", got)
	}
}

// TestDelaysOfOperationsThatHaveEndedAreForgotten tells of those that end here and elsewhere.
func TestDelaysOfOperationsThatHaveEndedAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d delays
		for _, key := range []string{"a/journey", "a/ticket", "ab/ticket"} {
			d.longer(key)
		}
		d.over("a")
		if len(d.last) != 1 {
			t.Errorf("%d delays are kept, want that of the other operation", len(d.last))
		}
		time.Sleep(delayKept)
		if got := d.longer("ab/ticket"); got != 2*retryAfter {
			t.Errorf("an operation that goes on waits %v", got)
		}
		time.Sleep(delayKept + time.Second)
		if d.longer("c"); len(d.last) != 1 {
			t.Errorf("%d delays are kept, want the new one", len(d.last))
		}
	})
}
