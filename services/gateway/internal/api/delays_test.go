package api

import (
	"slices"
	"testing"
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
