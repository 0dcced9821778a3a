package rpc

import (
	"context"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
)

const (
	defaultTimeout = 10 * time.Second      // of a call without a deadline
	maxTimeout     = 30 * time.Second      // of any call
	travelTime     = 20 * time.Millisecond // kept back so that the answer arrives in time
	minTimeout     = 50 * time.Millisecond // less than this is not worth starting
)

// bounded returns a context with the deadline that handlers get, or an error if
// there is no time left to do anything. Calls inside the process do not travel:
// they keep the deadline of their caller to the last.
func bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	timeout := defaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
		if inprocgrpc.ClientContext(ctx) != nil {
			if timeout <= maxTimeout {
				return ctx, func() {}, nil
			}
		} else if timeout < minTimeout {
			return nil, nil, context.DeadlineExceeded
		} else {
			timeout -= travelTime
		}
	}
	ctx, cancel := context.WithTimeout(ctx, min(timeout, maxTimeout))
	return ctx, cancel, nil
}
