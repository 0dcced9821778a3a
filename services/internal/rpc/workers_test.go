package rpc

import (
	"context"
	"sync"
	"testing"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestCallsWithoutAWorkerAreAnsweredAtTheSameTime(t *testing.T) {
	const workers, calls = 2, 8
	var met sync.WaitGroup // all calls at once
	met.Add(calls)
	srv := newTickets(Config{Workers: workers}, getting(func(ctx context.Context) error {
		met.Done()
		all := make(chan struct{})
		go func() { met.Wait(); close(all) }()
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	tickets := ticketv1.NewTicketServiceClient(connect(t, listen(t, srv)))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if _, err := tickets.GetTicket(ctx, get()); err != nil {
				t.Errorf("GetTicket: %v", err)
			}
		})
	}
	wg.Wait()
}
