package watch

import (
	"encoding/base64"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

func tokens(t *testing.T, req Resumable) Tokens {
	t.Helper()
	tk, err := NewTokens(req)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func TestATokenContinuesItsRequestAndNoOther(t *testing.T) {
	req := &ticketv1.WatchTicketsRequest{Parent: "brands/acme", Filter: "state = OPEN"}
	want := at(time.Now().Add(-time.Hour))
	token := tokens(t, req).Encode(want)
	req.ResumeToken = token
	if got, err := tokens(t, req).Decode(token); got != want || err != nil {
		t.Errorf("Decode = %v, %v, want %v", got, err, want)
	}
	for _, other := range []Resumable{
		&ticketv1.WatchTicketsRequest{Parent: "brands/acme"},
		&ticketv1.WatchTicketsRequest{Parent: "brands/other", Filter: "state = OPEN"},
		&ticketv1.WatchSlaEventsRequest{Parent: "brands/acme"},
	} {
		if got, err := tokens(t, other).Decode(token); status.Code(err) != codes.InvalidArgument {
			t.Errorf("for %v: Decode = %v, %v, want INVALID_ARGUMENT", other, got, err)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-20] ^= 1
	for _, junk := range []string{"x", "%", token[1:], token[:len(token)-1], token + "a", base64.RawURLEncoding.EncodeToString(raw)} {
		if got, err := tokens(t, req).Decode(junk); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%q: Decode = %v, %v, want INVALID_ARGUMENT", junk, got, err)
		}
	}
}

func TestATokenHasItsTime(t *testing.T) {
	tk := tokens(t, &ticketv1.WatchTicketsRequest{Parent: "brands/acme"})
	if _, err := tk.Decode(tk.Encode(at(time.Now().Add(-keep + time.Minute)))); err != nil {
		t.Errorf("within 7 days: %v", err)
	}
	_, err := tk.Decode(tk.Encode(at(time.Now().Add(-keep - time.Second))))
	if status.Code(err) != codes.OutOfRange || fault.Reason(err) != "TOKEN_TOO_OLD" {
		t.Errorf("after: %v, want OUT_OF_RANGE, TOKEN_TOO_OLD", err)
	}
	ahead, now := at(time.Now().Add(time.Hour)), at(time.Now().Add(time.Minute))
	if got, err := tk.Decode(tk.Encode(ahead)); err != nil || got >= now {
		t.Errorf("ahead of time: %v, %v, want now", got, err)
	}
}
