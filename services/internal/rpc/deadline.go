package rpc

import (
	"context"
	"time"
)

const (
	defaultTimeout = 10 * time.Second      // of a call without a deadline
	maxTimeout     = 30 * time.Second      // of any call but streams
	maxStream      = 10 * time.Minute      // of a call whose client sends a stream
	travelTime     = 20 * time.Millisecond // kept back so that the answer arrives in time
	minTimeout     = 50 * time.Millisecond // less than this is not worth starting
)

// bounded returns a context with the deadline that handlers of the method get, or an
// error if there is no time left to do anything. Watches have one only if their
// caller chose it. Calls inside the process do not travel: they keep the deadline of
// their caller to the last.
func (m *method) bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	usual, most := defaultTimeout, maxTimeout
	if m.sends {
		usual, most = maxStream, maxStream
	}
	deadline, chosen := ctx.Deadline()
	if !chosen {
		if m.watches {
			return ctx, func() {}, nil
		}
		ctx, cancel := context.WithTimeout(ctx, usual)
		return ctx, cancel, nil
	}
	timeout := time.Until(deadline)
	if clientContext(ctx) != nil {
		if m.watches || timeout <= most {
			return ctx, func() {}, nil
		}
	} else if timeout < minTimeout {
		return nil, nil, context.DeadlineExceeded
	} else {
		timeout -= travelTime
	}
	if !m.watches {
		timeout = min(timeout, most)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}
