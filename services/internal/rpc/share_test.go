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

// sized returns a limiter of so many places.
func sized(places int) *limiter {
	l := &limiter{}
	l.size(places)
	return l
}

// place takes one for the brand, as a call does.
func (l *limiter) place(ctx context.Context, brand string) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	err := l.join(ctx, brand)
	if err != nil {
		l.leave()
	}
	return err
}

func (l *limiter) free(brand string) {
	l.part(brand)
	l.leave()
}

// places takes as many as the brand can get, and returns their number.
func (l *limiter) places(t *testing.T, brand string) (n int) {
	t.Helper()
	for err := error(nil); n < 1000; n++ {
		if err = l.place(t.Context(), brand); err != nil {
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
		if got := sized(64).places(t, "acme"); got != 64 {
			t.Errorf("acme got %d places, want 64", got)
		}
		if got := sized(1).places(t, ""); got != 1 {
			t.Errorf("callers for all brands got %d places of one", got)
		}
	})
}

func TestABrandGetsItsShareWhenAnotherHasAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sized(64)
		l.places(t, "acme")
		if got := l.places(t, "beta"); got != 16 {
			t.Errorf("beta got %d places, want 16", got)
		}
		for held := 64; held > 16; held-- {
			if l.place(t.Context(), "acme") == nil {
				t.Fatalf("acme holds %d places and gets one more while beta has some", held)
			}
			l.free("acme")
		}
		for range 3 {
			l.free("acme")
		}
		if got := l.places(t, "acme"); got != 3 {
			t.Errorf("acme, three below its share, got %d places, want 3", got)
		}
	})
}

func TestABrandThatWantedAPlaceIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sized(64)
		for _, brand := range []string{"beta", "acme", "acme"} {
			if err := l.place(t.Context(), brand); err != nil {
				t.Fatal(err)
			}
			l.free(brand)
		}
		if got := l.places(t, "acme"); got != 16 {
			t.Errorf("right after beta, acme got %d places, want 16", got)
		}
		time.Sleep(wanted)
		if got := l.places(t, "acme"); got != 64-16 {
			t.Errorf("a second after beta, acme got %d places more, want the other 48", got)
		}
	})
}

func TestOneBrandThatFloodsTheServerTakesNoPlaceFromAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sized(32)
		var wg sync.WaitGroup
		for range 10 * 32 { // callers of acme, who come back at once
			wg.Go(func() {
				for end := time.Now().Add(time.Minute); time.Now().Before(end); {
					if l.place(t.Context(), "acme") != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					time.Sleep(20 * time.Millisecond)
					l.free("acme")
				}
			})
		}
		refused := 0
		for range 1000 {
			time.Sleep(50 * time.Millisecond)
			if err := l.place(t.Context(), "beta"); err != nil {
				refused++
				continue
			}
			time.Sleep(5 * time.Millisecond)
			l.free("beta")
		}
		wg.Wait()
		if refused > 0 {
			t.Errorf("%d of 1,000 calls of beta were refused, want 0", refused)
		}
		if n := l.now.Load(); n != 0 || len(l.shares.held) != 0 {
			t.Errorf("%d calls and %d brands are counted after the last, want 0", n, len(l.shares.held))
		}
	})
}

func TestManyBrandsStayWithinTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, got := sized(64), 0
		for i := range 100 {
			got += l.places(t, fmt.Sprint("b", i))
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
