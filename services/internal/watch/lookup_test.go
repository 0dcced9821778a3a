package watch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWhoAsksTheSameAboutTheSameEventsSharesAnAnswer(t *testing.T) {
	var (
		all   Lookups[string, int64]
		reads atomic.Int64
	)
	ask := func(question string, span [2]uint64) int64 {
		got, err := all.Ask(t.Context(), question, span, func(context.Context) (int64, error) { return reads.Add(1), nil })
		if err != nil {
			t.Error(err)
		}
		return got
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := ask("a", [2]uint64{1, 2}); got != 1 {
				t.Errorf("answer %d, want the first", got)
			}
		})
	}
	wg.Wait()
	for i, tt := range []struct {
		question string
		span     [2]uint64
	}{{"b", [2]uint64{1, 2}}, {"a", [2]uint64{1, 3}}, {"a", [2]uint64{}}, {"a", [2]uint64{}}} {
		if got := ask(tt.question, tt.span); got != int64(i)+2 {
			t.Errorf("answer %d to %q about %v, want a new one", got, tt.question, tt.span)
		}
	}
	for i := range uint64(1000) {
		ask("c", [2]uint64{1, 10 + i})
	}
	if len(all.answers) > kept {
		t.Errorf("%d answers are kept, want %d at most", len(all.answers), kept)
	}
	if got := ask("a", [2]uint64{1, 2}); got == 1 {
		t.Error("the first answer is kept for ever")
	}
}

func TestAnAnswerDoesNotEndWithWhoAskedFirst(t *testing.T) {
	var all Lookups[string, int]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := all.Ask(ctx, "a", [2]uint64{1, 1}, func(ctx context.Context) (int, error) { return 1, ctx.Err() })
	if got != 1 || err != nil {
		t.Errorf("answer = %d, %v, want what was read", got, err)
	}
	failed := errors.New("out of reach")
	if _, err := all.Ask(t.Context(), "b", [2]uint64{1, 1}, func(context.Context) (int, error) { return 0, failed }); !errors.Is(err, failed) {
		t.Errorf("error = %v, want that of the reading", err)
	}
}

func TestAnAnswerAboutMuchIsNotKept(t *testing.T) {
	b := Batch{Span: [2]uint64{1, 70}}
	if b.Shared(64) != b.Span || b.Shared(65) != [2]uint64{} {
		t.Errorf("of 64 things %v is kept, of 65 %v", b.Shared(64), b.Shared(65))
	}
}
