package rpc

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

func TestAnAddressGuessesSoManyCredentialsAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guesses
		asked := 0
		auth := func(_ context.Context, token string) (Caller, error) {
			asked++
			if token == "good" || token == "late" {
				return Caller{Brand: "acme"}, nil
			}
			return Caller{}, Unauthenticated()
		}
		try := func(ip, token string) error {
			_, err := g.ask(t.Context(), auth, token, ip)
			return err
		}
		if err := try("192.0.2.1", "good"); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for i := range 10_000 { // within a minute
			time.Sleep(6 * time.Millisecond)
			err := try("192.0.2.1", strconv.Itoa(i))
			if fault.Reason(err) == "TOO_MANY_GUESSES" && status.Code(err) == codes.ResourceExhausted {
				refused++
			} else if fault.Reason(err) != unauthenticated {
				t.Fatal(err)
			}
		}
		if want := 10_000 - guessMost - 600; refused < want-5 || refused > want+5 || asked != 1+10_000-refused {
			t.Errorf("of 10,000 guesses %d were refused and %d looked at, want %d refused", refused, asked, want)
		}
		for what, err := range map[string]error{
			"one that was good lately, from there": try("192.0.2.1", "good"), "one that is good, from elsewhere": try("192.0.2.2", "good"), "none": nil,
		} {
			if err != nil {
				t.Errorf("a credential, %s: %v", what, err)
			}
		}
		if err := try("192.0.2.1", "late"); fault.Reason(err) != "TOO_MANY_GUESSES" {
			t.Errorf("a credential that was never seen, from there: %v", err)
		}
		time.Sleep(time.Second)
		if err := try("192.0.2.1", "late"); err != nil {
			t.Errorf("after a pause: %v", err)
		}
		if _, err := g.ask(t.Context(), auth, "bad", ""); fault.Reason(err) != unauthenticated {
			t.Errorf("from nowhere: %v", err)
		}
	})
}

func TestOneHostHasTheGuessesOfOne(t *testing.T) {
	for _, tt := range []struct{ a, b string }{{"2001:db8::1", "2001:db8::ffff:1"}, {"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, {"192.0.2.1", "192.0.2.1"}} {
		if origin(tt.a) != origin(tt.b) {
			t.Errorf("%s and %s are two: %s, %s", tt.a, tt.b, origin(tt.a), origin(tt.b))
		}
	}
	if origin("192.0.2.1") == origin("192.0.2.2") || origin("2001:db8::1") == origin("2001:db8:0:1::1") {
		t.Error("two hosts are one")
	}
}

func TestManyGuessersTakeBoundedMemory(t *testing.T) {
	var g guesses
	for i := range 2 * guessers {
		g.note(strconv.Itoa(i))
	}
	if len(g.known) != guessers || g.order.Len() != guessers {
		t.Errorf("%d addresses are known, in a list of %d, want %d", len(g.known), g.order.Len(), guessers)
	}
	for i := range 5 * familiars {
		g.trust(strconv.Itoa(i))
	}
	if n := len(g.late) + len(g.before); n > 2*familiars {
		t.Errorf("%d credentials are remembered", n)
	}
}
