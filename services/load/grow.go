package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// grown is how many touchpoints a service has that has been there for long.
const grown = 3_000_000

// grow calls l's operation until that many touchpoints are stored, and waits until the
// server has settled.
func (l *lab) grow(ctx context.Context, of loop) error {
	calls := make(chan struct{})
	errs := make([]error, of.callers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for range calls {
				if errs[i] == nil {
					errs[i] = of.op(ctx, l.counter.Add(1))
				}
			}
		})
	}
	for range grown / of.weight {
		calls <- struct{}{}
	}
	close(calls)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store %d touchpoints: %w", grown, err)
	}
	return of.server.settle(ctx)
}
