package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A sample is what came of one path in one round.
type sample struct {
	Path   string  `json:"path"`
	Rate   float64 `json:"rate"`   // operations a second
	P50    float64 `json:"p50_ms"` // of one call
	P99    float64 `json:"p99_ms"`
	CPU    float64 `json:"cpu_us"`        // of the server, an operation, what it does afterward included
	Store  float64 `json:"store_cpu_us"`  // of the PostgreSQL server, if the path has one on this machine
	Caller float64 `json:"caller_cpu_us"` // of this process
	Errors int     `json:"errors"`
	Error  string  `json:"error,omitempty"` // the first
	RSS    float64 `json:"rss_mib,omitempty"`

	Refused    float64 `json:"refused,omitempty"` // calls a second, of a flood
	RefusedP99 float64 `json:"refused_p99_ms,omitempty"`
	Late       float64 `json:"late,omitempty"`   // part of the calls that a flood made late, by its own fault
	Unmade     float64 `json:"unmade,omitempty"` // part of them that it did not make, as too many were open

	Figure float64 `json:"figure,omitempty"` // of a Go benchmark
}

// A loop calls op from so many callers at a time.
type loop struct {
	callers int
	weight  int      // operations a call is worth; 0: one
	server  *child   // nil if this process does the work
	behind  []*child // whom the server calls; what they use counts as its own
	store   cluster
	op      func(ctx context.Context, n int64) error
}

// measure runs l for so long and then until the server has settled. No two calls
// of counter's program get the same n.
func (l loop) measure(ctx context.Context, length time.Duration, counter *atomic.Int64) (s sample, err error) {
	before, err := l.spent()
	if err != nil {
		return s, err
	}
	stored, err := l.store.cpu()
	if err != nil {
		return s, err
	}
	mine := own()
	start := time.Now()
	took, errs := l.call(ctx, start.Add(length), counter)
	elapsed := time.Since(start)
	mine = own() - mine
	if l.server != nil {
		if err := l.server.settle(ctx); err != nil {
			return s, err
		}
	}
	after, err := l.spent()
	if err != nil {
		return s, err
	}
	storing, err := l.store.cpu()
	if err != nil {
		return s, err
	}
	if s.Errors = len(errs); s.Errors > 0 {
		s.Error = errs[0].Error()
	}
	if len(took) == 0 {
		return s, nil
	}
	slices.Sort(took)
	ops := float64(len(took) * max(l.weight, 1))
	s.Rate = ops / elapsed.Seconds()
	s.P50, s.P99 = milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100])
	s.CPU, s.Store, s.Caller = microseconds(after-before)/ops, microseconds(storing-stored)/ops, microseconds(mine)/ops
	if l.server == nil {
		s.CPU, s.Caller = s.Caller, 0
	}
	return s, ctx.Err()
}

// call returns how long each call took that worked, and the errors of the others.
func (l loop) call(ctx context.Context, end time.Time, counter *atomic.Int64) (took []time.Duration, errs []error) {
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for range l.callers {
		wg.Go(func() {
			var mine []time.Duration
			var failed []error
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				err := l.op(ctx, counter.Add(1))
				then := time.Now()
				if err == nil {
					mine = append(mine, then.Sub(now))
				} else {
					failed = append(failed, err)
				}
				now = then
			}
			mu.Lock()
			defer mu.Unlock()
			took, errs = append(took, mine...), append(errs, failed...)
		})
	}
	wg.Wait()
	return took, errs
}

func (l loop) spent() (time.Duration, error) {
	if l.server == nil {
		return 0, nil
	}
	sum := time.Duration(0)
	for _, c := range append(l.behind, l.server) {
		used, err := c.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
