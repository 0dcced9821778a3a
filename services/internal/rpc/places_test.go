package rpc

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// sized returns so many places.
func sized(n int) *places {
	p := &places{}
	p.size(n)
	return p
}

// take takes a place for the brand, as a call does.
func (p *places) take(ctx context.Context, brand string) error {
	if err := p.arrive(ctx); err != nil {
		return err
	}
	err := p.join(ctx, brand)
	if err != nil {
		p.door.leave()
	}
	return err
}

func (p *places) free(brand string) {
	p.part(brand)
	p.door.leave()
}

// fill takes as many places as the brand can get, and returns their number.
func (p *places) fill(t *testing.T, brand string) (n int) {
	t.Helper()
	for ; n < 1000; n++ {
		if err := p.take(t.Context(), brand); err != nil {
			if fault.Reason(err) != "OVERLOADED" {
				t.Errorf("%s is refused with %v", brand, err)
			}
			return n
		}
	}
	return n
}

func TestABrandAloneMayHaveAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := sized(64).fill(t, "acme"); got != 64 {
			t.Errorf("acme got %d places, want 64", got)
		}
		if got := sized(1).fill(t, ""); got != 1 {
			t.Errorf("callers for all brands got %d places of one", got)
		}
	})
}

func TestABrandGetsItsShareWhenAnotherHasAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sized(64)
		p.fill(t, "acme")
		if got := p.fill(t, "beta"); got != 16 {
			t.Errorf("beta got %d places, want 16", got)
		}
		for held := 64; held > 16; held-- {
			if p.take(t.Context(), "acme") == nil {
				t.Fatalf("acme holds %d places and gets one more while beta has some", held)
			}
			p.free("acme")
		}
		for range 3 {
			p.free("acme")
		}
		if got := p.fill(t, "acme"); got != 3 {
			t.Errorf("acme, three below its share, got %d places, want 3", got)
		}
	})
}

func TestABrandThatWantedAPlaceIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sized(64)
		for _, brand := range []string{"beta", "acme", "acme"} {
			if err := p.take(t.Context(), brand); err != nil {
				t.Fatal(err)
			}
			p.free(brand)
		}
		if got := p.fill(t, "acme"); got != 16 {
			t.Errorf("right after beta, acme got %d places, want 16", got)
		}
		time.Sleep(wanted)
		if got := p.fill(t, "acme"); got != 64-16 {
			t.Errorf("a second after beta, acme got %d places more, want the other 48", got)
		}
	})
}

func TestOneBrandThatFloodsTheServerTakesNoPlaceFromAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sized(32)
		var wg sync.WaitGroup
		for range 10 * 32 { // callers of acme, who come back at once
			wg.Go(func() {
				for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
					if p.take(t.Context(), "acme") != nil {
						time.Sleep(5 * time.Millisecond)
						continue
					}
					time.Sleep(20 * time.Millisecond)
					p.free("acme")
				}
			})
		}
		refused := 0
		for range 90 {
			time.Sleep(50 * time.Millisecond)
			if err := p.take(t.Context(), "beta"); err != nil {
				refused++
				continue
			}
			time.Sleep(5 * time.Millisecond)
			p.free("beta")
		}
		wg.Wait()
		if refused > 0 {
			t.Errorf("%d of 90 calls of beta were refused, want 0", refused)
		}
		if n := p.now.Load() + p.door.now.Load(); n != 0 || len(p.held) != 0 {
			t.Errorf("%d calls and %d brands are counted after the last, want 0", n, len(p.held))
		}
	})
}

func TestManyBrandsStayWithinTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := sized(64), 0
		for i := range 100 {
			got += p.fill(t, fmt.Sprint("b", i))
		}
		if got != 64+16 {
			t.Errorf("100 brands got %d places, want 80", got)
		}
	})
}

func TestCallsOfABrandOverItsShareAreRefusedWhileAnotherIsServed(t *testing.T) {
	release := make(chan struct{})
	srv := newTickets(Config{Auth: byName, MaxInFlight: 8}, tickets{
		create: func(ctx context.Context, _ *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			<-release
			return &ticketv1.Ticket{}, nil
		},
	})
	c := ticketv1.NewTicketServiceClient(connect(t, listen(t, srv)))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.CreateTicket(as(t.Context(), "acme"), create()); err != nil {
				t.Errorf("acme alone: %v", err)
			}
		})
	}
	waitUntil(t, func() bool { return srv.limit.now.Load() == 8 })
	if _, err := c.GetTicket(as(t.Context(), "beta"), &ticketv1.GetTicketRequest{Name: "brands/beta/tickets/7"}); err != nil {
		t.Errorf("beta, while acme holds all places: %v", err)
	}
	_, err := c.GetTicket(as(t.Context(), "acme"), get())
	refused(t, err, codes.Unavailable, "OVERLOADED")
	close(release)
	wg.Wait()
	if _, err := c.GetTicket(as(t.Context(), "acme"), get()); err != nil {
		t.Errorf("acme, after its calls have ended: %v", err)
	}
}
