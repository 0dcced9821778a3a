package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

func TestATokenIsOfOneInvitationAlone(t *testing.T) {
	s := &Server{TokenKey: []byte("key")}
	v := store.Invitation{Brand: "acme", Survey: "s", SurveyRevision: 1, ID: "i", Customer: "customers/ann", Interaction: "tickets/1/interactions/1"}
	token := s.token(v)
	if !wellFormed(token) || s.token(v) != token {
		t.Errorf("token = %q, then %q, want 43 characters, always the same", token, s.token(v))
	}
	for name, change := range map[string]func(s *Server, v *store.Invitation){
		"the brand":                 func(_ *Server, v *store.Invitation) { v.Brand = "other" },
		"the survey":                func(_ *Server, v *store.Invitation) { v.Survey = "s2" },
		"the revision":              func(_ *Server, v *store.Invitation) { v.SurveyRevision = 2 },
		"the id":                    func(_ *Server, v *store.Invitation) { v.ID = "j" },
		"the customer":              func(_ *Server, v *store.Invitation) { v.Customer = "customers/bob" },
		"the interaction":           func(_ *Server, v *store.Invitation) { v.Interaction = "" },
		"the key":                   func(s *Server, _ *store.Invitation) { s.TokenKey = []byte("kez") },
		"where one part ends":       func(_ *Server, v *store.Invitation) { v.Brand, v.Survey = "acmes", "" },
		"where two other parts end": func(_ *Server, v *store.Invitation) { v.Survey, v.SurveyRevision, v.ID = "s1", 0, "i" },
	} {
		other, another := &Server{TokenKey: s.TokenKey}, v
		change(other, &another)
		if other.token(another) == token {
			t.Errorf("with another %s the token is the same", name)
		}
	}
}

func TestOnlyWhatWasGivenIsRedeemed(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		v := store.Invitation{Brand: "acme", Survey: "s", ID: "i", Customer: "customers/ann", Occasion: "x", Decision: 1, State: 1, DecideTime: monday}
		token := e.token(v)
		v.TokenHash = hashed(token)
		e.write(t, func(tx *sqldb.Tx) error { e.Store.AddInvitation(tx, v); return nil })
		if got, err := e.redeem(t.Context(), "acme", token); err != nil || got.ID != "i" {
			t.Errorf("redeemed %+v, %v, want the invitation", got, err)
		}
		bit := []byte(token)
		bit[7] ^= 1
		for name, wrong := range map[string]string{ // S43, S44
			"nothing": "", "one bit more": string(bit), "truncated": token[:42], "doubled": token + token, "upper-cased": strings.ToUpper(token),
			"with NUL": token + "\x00", "with an escaped NUL": token + "%00", "with a newline": token + "\n",
			"with a newline for the end": token[:42] + "\n", "padded": token[:42] + "=", "in the other alphabet": strings.Repeat("+", 43),
			"its hash": hashed(token), "in UTF-8": token[:41] + "é",
		} {
			_, err := e.redeem(t.Context(), "acme", wrong)
			if status.Code(err) != codes.NotFound || fault.Reason(err) != "TOKEN_UNKNOWN" {
				t.Errorf("a token %s: %v, want TOKEN_UNKNOWN", name, err)
			}
		}
		if _, err := e.redeem(t.Context(), "other", token); fault.Reason(err) != "TOKEN_UNKNOWN" { // S42
			t.Errorf("in another brand: %v, want TOKEN_UNKNOWN", err)
		}
		e.write(t, func(tx *sqldb.Tx) error {
			v.TokenHash = ""
			e.Store.UpdateInvitation(tx, v)
			return nil
		})
		if _, err := e.redeem(t.Context(), "acme", token); fault.Reason(err) != "TOKEN_UNKNOWN" { // S45
			t.Errorf("revoked: %v, want TOKEN_UNKNOWN", err)
		}
		if got := e.retold(v); got != "" {
			t.Errorf("a revoked token is told again: %q", got)
		}
	})
}

func TestANonceIsGoodForADayAndOneToken(t *testing.T) {
	now := monday.Add(59 * time.Minute)
	s := &Server{TokenKey: []byte("key"), Now: func() time.Time { return now }}
	nonce := s.nonce("token")
	other := &Server{TokenKey: []byte("kez"), Now: s.Now}
	for name, wrong := range map[string]string{
		"empty": "", "without its time": nonce[strings.Index(nonce, "."):], "of another time": "1" + nonce, "of another token": s.nonce("other"),
		"of another key": other.nonce("token"), "longer": nonce + "A",
	} {
		if s.checkNonce("token", wrong) {
			t.Errorf("a nonce %s is taken: %q", name, wrong)
		}
	}
	made := now
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {24 * time.Hour, true}, {26 * time.Hour, false}, {-time.Hour, true}, {-2 * time.Hour, false}} {
		now = made.Add(tt.after)
		if got := s.checkNonce("token", nonce); got != tt.want {
			t.Errorf("after %v: %t, want %t", tt.after, got, tt.want)
		}
	}
}

func TestTheKeepingOfATokenFailsWithTheStore(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		token := e.token(store.Invitation{Brand: "acme"})
		if err := e.DB.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.redeem(t.Context(), "acme", token); err == nil || fault.Reason(err) == "TOKEN_UNKNOWN" || errors.Is(err, store.ErrNotFound) {
			t.Errorf("redeemed from a closed store: %v, want an error of the store", err)
		}
	})
}
