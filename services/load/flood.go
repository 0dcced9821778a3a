package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const (
	// excess is how many times as many calls a flood makes as were answered at the peak.
	excess = 3
	// maxOpen is how many of them wait for an answer at a time: those that would be more are
	// not made, as a machine with no room for them could not either.
	maxOpen = 4096
	// wires is over how many connections bare calls come.
	wires = (maxOpen + perConn - 1) / perConn
	// lead is how long a flood goes on before its answers count: until the first calls that it
	// made are answered there are none.
	lead = 500 * time.Millisecond
	// punctual is how late a call may be made; what a later one takes counts from then, not from
	// when it was due, as the delay is not the server's.
	punctual = 5 * time.Millisecond
)

// A flood makes calls at a pace, whether answers come or not. They are bare, or those of op.
type flood struct {
	loop
	bare bool
	peak func() float64 // answers a second
}

// flood returns the flood over a path, which has to be measured before.
func (l *lab) flood(ctx context.Context, of string) (path, error) {
	what, how := "", ""
	var callers int
	if n, err := fmt.Sscanf(of, "%s %d %s", &what, &callers, &how); n < 2 {
		return nil, fmt.Errorf("%q is no path for a flood: %w", of, err)
	}
	s, err := l.server(ctx, suiteApart)
	if err != nil {
		return nil, err
	}
	lp, err := s.loop(ctx, what, how, maxOpen)
	if err != nil {
		return nil, err
	}
	f := flood{loop: lp, bare: how == "blind", peak: func() float64 { return l.last[of].Rate }}
	return l.apart(func(ctx context.Context, length time.Duration) (sample, error) {
		return f.measure(ctx, length, &l.counter)
	})
}

// measure makes calls for so long, and a little before, and waits for their answers. The rate is
// that of the answers that came meanwhile; refusals are no errors, but what they cost is in the
// processor time of an answer.
func (f flood) measure(ctx context.Context, length time.Duration, counter *atomic.Int64) (s sample, err error) {
	before, err := f.spent()
	if err != nil {
		return s, err
	}
	mine := own()
	t, err := f.call(ctx, length, counter)
	if err != nil {
		return s, err
	}
	mine = own() - mine
	if err := f.server.settle(ctx); err != nil {
		return s, err
	}
	after, err := f.spent()
	if err != nil {
		return s, err
	}
	answers := float64(max(1, len(t.took)))
	s.CPU, s.Caller = microseconds(after-before)/answers, microseconds(mine)/answers
	if s.Errors = len(t.errs); s.Errors > 0 {
		s.Error = t.errs[0].Error()
	}
	s.Rate = float64(t.in) / length.Seconds()
	s.P50, s.P99 = middling(t.took)
	s.Refused = float64(len(t.refusals)) / (lead + length).Seconds()
	_, s.RefusedP99 = middling(t.refusals)
	s.Late, s.Unmade = float64(t.late)/float64(max(1, t.made)), float64(t.unmade)/float64(max(1, t.made))
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

// A tally is what came of a flood. It is safe for concurrent use.
type tally struct {
	from, until time.Time // when answers count
	made        int       // calls that were due
	unmade      int       // of them, as too many were open

	mu             sync.Mutex
	open           sync.WaitGroup
	in             int // answers that came in time
	took, refusals []time.Duration
	late           int // calls made late
	errs           []error
}

// tell notes what came of a call.
func (t *tally) tell(s sent, err error) {
	defer t.open.Done()
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	d := now.Sub(s.due)
	if s.at.Sub(s.due) > punctual {
		t.late++
		d = now.Sub(s.at)
	}
	switch {
	case err == nil:
		if t.took = append(t.took, d); now.After(t.from) && now.Before(t.until) {
			t.in++
		}
	case status.Code(err) == codes.Unavailable:
		t.refusals = append(t.refusals, d)
	default:
		t.errs = append(t.errs, err)
	}
}

// call makes calls for so long, and in the time before, at the pace of the flood.
func (f flood) call(ctx context.Context, length time.Duration, counter *atomic.Int64) (*tally, error) {
	start := time.Now()
	t := &tally{from: start.Add(lead), until: start.Add(lead + length)}
	send, stop := f.pool(ctx, t, counter)
	if f.bare {
		var err error
		if send, stop, err = f.wires(t, counter); err != nil {
			return nil, err
		}
	}
	pace := excess * f.peak()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(t.until) && ctx.Err() == nil {
		for due := int(time.Since(start).Seconds() * pace); t.made < due; t.made++ {
			if !send(start.Add(time.Duration(float64(t.made) / pace * float64(time.Second)))) {
				t.unmade++
			}
		}
		<-tick.C
	}
	return t, stop()
}

// pool returns what makes a call with op, and what waits for all of them. Goroutines that have an
// answer make the calls that come next: a new one each would cost more than the call.
func (f flood) pool(ctx context.Context, t *tally, counter *atomic.Int64) (send func(due time.Time) bool, stop func() error) {
	calls := make(chan time.Time)
	one := func(due time.Time) {
		s := sent{due, time.Now()}
		t.tell(s, f.op(ctx, counter.Add(1)))
	}
	busy := 0
	send = func(due time.Time) bool {
		t.open.Add(1)
		select {
		case calls <- due:
			return true
		default:
		}
		if busy == maxOpen {
			t.open.Done()
			return false
		}
		busy++
		go func() {
			for one(due); ; {
				next, more := <-calls
				if !more {
					return
				}
				one(next)
			}
		}()
		return true
	}
	return send, func() error {
		close(calls)
		t.open.Wait()
		return nil
	}
}

// wires returns what makes a bare call over one of several connections, and what waits for all
// calls and closes these.
func (f flood) wires(t *tally, counter *atomic.Int64) (send func(due time.Time) bool, stop func() error, err error) {
	all := make([]*wire, wires)
	for i := range all {
		if all[i], err = dialWire(f.server.addr, ticketv1.TicketService_CreateTicket_FullMethodName, t.tell); err != nil {
			return nil, nil, err
		}
	}
	var failed error
	send = func(due time.Time) bool {
		n := counter.Add(1)
		request, err := proto.Marshal(ticket(n))
		t.open.Add(1)
		made := false
		if err == nil {
			made, err = all[int(n)%len(all)].send(due, request)
		}
		if !made {
			t.open.Done()
		}
		if err != nil && failed == nil {
			failed = err
		}
		return made
	}
	return send, func() error {
		t.open.Wait()
		for _, w := range all {
			failed = errors.Join(failed, w.close())
		}
		return failed
	}, nil
}
