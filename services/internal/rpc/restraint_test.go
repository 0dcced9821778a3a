package rpc

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// pressed makes so many calls of a brand a second for so long to a server that takes most of
// them a second, and returns how many it was asked and how many it took in the last half.
func pressed(r *restraint, brand string, rate, most int, length time.Duration) (asked, took int) {
	begun := time.Now()
	second, room := begun, most
	for time.Since(begun) < length {
		time.Sleep(time.Second / time.Duration(rate))
		if time.Since(second) >= 100*time.Millisecond {
			second, room = time.Now(), most/10
		}
		if r.ask(brand) != nil {
			continue
		}
		var err error
		if room == 0 {
			err = tooMany().GRPCStatus().Err()
		} else {
			room--
		}
		r.hear(brand, err)
		if time.Since(begun) < length/2 {
			continue
		}
		asked++
		if err == nil {
			took++
		}
	}
	return asked, took
}

func TestAClientAsksAServerThatHasTooManyCallsHardlyMoreThanItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r restraint
		asked, took := pressed(&r, "acme", 3000, 1000, 10*time.Second)
		if asked < 5000 || asked > 7000 || took < 4900 {
			t.Errorf("in 5 s a server that takes 1,000 of 3,000 calls a second was asked %d times and took %d; want about 6,250 and 5,000", asked, took)
		}
		if err := r.ask("beta"); err != nil {
			t.Errorf("a call of another brand: %v", err)
		}
		if asked, took := pressed(&r, "acme", 900, 1000, 8*time.Second); took < 3500 || asked != took {
			t.Errorf("4 s after the flood %d of 3,600 calls in 4 s are made and %d taken, want all", asked, took)
		}
		if r.some.Load() {
			t.Error("a brand is still restrained")
		}
	})
}

func TestOtherErrorsDoNotRestrain(t *testing.T) {
	var r restraint
	for range 100 {
		for _, err := range []error{errors.New("no"), plain(codes.Unavailable).GRPCStatus().Err(), shuttingDown(), nil} {
			if got := r.ask("acme"); got != nil {
				t.Fatalf("ask = %v, want nil", got)
			}
			r.hear("acme", err)
		}
	}
}

func TestManyBrandsTakeBoundedMemoryOfARestraint(t *testing.T) {
	var r restraint
	for i := range 2 * maxRestrained {
		r.hear(string(rune('a'+i)), tooMany().GRPCStatus().Err())
	}
	if len(r.brands) != maxRestrained {
		t.Errorf("%d brands are known, want %d", len(r.brands), maxRestrained)
	}
}

func TestACallIsRestrainedForTheBrandItIsFor(t *testing.T) {
	var brands []string
	note := func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		brands = append(brands, behalf(ctx), behalf(ActAs(ctx, Caller{Brand: "beta"})), behalf(ActAs(ctx, Caller{Anonymous: true})))
		return &ticketv1.Ticket{}, nil
	}
	srv := newTickets(Config{Auth: keys(t)}, tickets{get: note})
	if _, err := ticketv1.NewTicketServiceClient(srv.Local()).GetTicket(as(t.Context(), acmeKey), get()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"acme", "beta", "-"}; !slices.Equal(brands, want) || behalf(t.Context()) != "" {
		t.Errorf("calls are for %v and %q, want %v and nobody", brands, behalf(t.Context()), want)
	}
}

// BenchmarkRestraint is what a call costs that a client refuses.
func BenchmarkRestraint(b *testing.B) {
	var r restraint
	r.hear("acme", tooMany().GRPCStatus().Err())
	r.brands["acme"].from = time.Time{}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.ask("acme") // most are refused, as none is taken
	}
}
