package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// excess is how many times as many calls a flood makes as were answered at the peak.
	excess = 3
	// maxOpen is how many of them wait for an answer at a time: those that would be more are
	// not made, as a machine with no room for them could not either.
	maxOpen = 4096
)

// A flood calls op at a pace, whether answers come or not.
type flood struct {
	loop
	peak func() float64 // answers a second
}

// flood returns the flood over a path, which has to be measured before.
func (l *lab) flood(ctx context.Context, of string) (path, error) {
	what, how := "", ""
	var callers int
	if n, err := fmt.Sscanf(of, "%s %d %s", &what, &callers, &how); n < 2 {
		return nil, fmt.Errorf("%q is no path for a flood: %w", of, err)
	}
	s, err := l.server(ctx, "suite")
	if err != nil {
		return nil, err
	}
	lp, err := s.loop(ctx, what, how, maxOpen)
	if err != nil {
		return nil, err
	}
	f := flood{loop: lp, peak: func() float64 { return l.last[of].Rate }}
	return func(ctx context.Context, length time.Duration) (sample, error) {
		return f.measure(ctx, length, &l.counter)
	}, nil
}

// measure makes calls for so long and waits for their answers. The rate is that of the answers
// that came meanwhile; refusals are no errors, but what they cost is in the processor time of
// an answer.
func (f flood) measure(ctx context.Context, length time.Duration, counter *atomic.Int64) (s sample, err error) {
	before, err := f.spent()
	if err != nil {
		return s, err
	}
	mine := own()
	in, took, refusals, errs := f.call(ctx, length, counter)
	mine = own() - mine
	if err := f.server.settle(ctx); err != nil {
		return s, err
	}
	after, err := f.spent()
	if err != nil {
		return s, err
	}
	answers := float64(max(1, len(took)))
	s.CPU, s.Caller = microseconds(after-before)/answers, microseconds(mine)/answers
	if s.Errors = len(errs); s.Errors > 0 {
		s.Error = errs[0].Error()
	}
	s.Rate = float64(in) / length.Seconds()
	s.P50, s.P99 = middling(took)
	s.Refused = float64(len(refusals)) / length.Seconds()
	_, s.RefusedP99 = middling(refusals)
	return s, ctx.Err()
}

// middling returns the median and the 99th percentile in milliseconds, 0 of nothing.
func middling(took []time.Duration) (p50, p99 float64) {
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100])
}

// call returns how many answers came in time, how long answers and refusals took since their
// calls were due, and the errors of other calls. Goroutines that have an answer make the calls that come next: a new one each
// would cost more than the call.
func (f flood) call(ctx context.Context, length time.Duration, counter *atomic.Int64) (in int, took, refusals []time.Duration, errs []error) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open int
	)
	pace, start := excess*f.peak(), time.Now()
	one := func(due time.Time) {
		err := f.op(ctx, counter.Add(1))
		d := time.Since(due)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			if took = append(took, d); time.Since(start) < length {
				in++
			}
		case status.Code(err) == codes.Unavailable:
			refusals = append(refusals, d)
		default:
			errs = append(errs, err)
		}
	}
	calls := make(chan time.Time)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for made := 0; time.Since(start) < length && ctx.Err() == nil; <-tick.C {
		for due := int(time.Since(start).Seconds() * pace); made < due; made++ {
			at := start.Add(time.Duration(float64(made) / pace * float64(time.Second)))
			select {
			case calls <- at:
				continue
			default:
			}
			if open++; open > maxOpen {
				open--
				continue
			}
			wg.Go(func() {
				for one(at); ; {
					next, more := <-calls
					if !more {
						return
					}
					one(next)
				}
			})
		}
	}
	close(calls)
	wg.Wait()
	return in, took, refusals, errs
}
