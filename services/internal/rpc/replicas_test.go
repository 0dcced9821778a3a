package rpc

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestAClientSpreadsItsCallsOverAListOfReplicas(t *testing.T) {
	var served [2]atomic.Int64
	var servers [2]*Server
	var addresses []string
	for i := range served {
		servers[i] = newTickets(Config{}, getting(func(context.Context) error { served[i].Add(1); return nil }))
		addresses = append(addresses, listen(t, servers[i]))
	}
	c := ticketv1.NewTicketServiceClient(dial(t, strings.Join(addresses, ","), ClientConfig{}))
	get := func(n int) {
		t.Helper()
		for range n {
			if _, err := c.GetTicket(t.Context(), get()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 0; served[0].Load() == 0 || served[1].Load() == 0; n++ { // once both are connected
		if get(1); n > 10_000 {
			t.Fatalf("of %d calls the replicas got %d and %d, want some each", n, served[0].Load(), served[1].Load())
		}
	}
	servers[0].Stop()
	get(20)
}
