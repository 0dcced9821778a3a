package worker

import (
	"context"
	"errors"
	"time"
)

// Every calls do now and so often from then on, until ctx ends.
func Every(ctx context.Context, often time.Duration, do func()) {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Exhaust calls step for each of those that are given until it has no more to do for it.
// Where it fails for one, the others have their turn all the same.
func Exhaust[T any](all []T, step func(T) (more bool, err error)) error {
	var errs []error
	for _, one := range all {
		var err error
		for more := true; more && err == nil; {
			more, err = step(one)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
