package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryBeginsAtOnceAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		began, at := time.Now(), []time.Duration(nil)
		Every(ctx, 10*time.Second, func() { at = append(at, time.Since(began)) })
		if want := []time.Duration{0, 10 * time.Second, 20 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("called after %v, want %v", at, want)
		}
	})
}

func TestExhaustGoesOnAfterAFailure(t *testing.T) {
	broken, left := errors.New("broken"), map[string]int{"a": 3, "b": 1, "c": 2}
	err := Exhaust([]string{"a", "b", "c"}, func(of string) (bool, error) {
		if of == "b" {
			return true, broken
		}
		left[of]--
		return left[of] > 0, nil
	})
	if !errors.Is(err, broken) || left["a"] != 0 || left["b"] != 1 || left["c"] != 0 {
		t.Errorf("%v, left %v, want a and c done and b reported", err, left)
	}
}
