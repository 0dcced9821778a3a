package store

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A response that names whom a customer is part of, or another who is part of the same,
// measures the customer's touchpoint, whichever comes first.
func TestARatingUnderAnyNameOfACustomerCounts(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		relink := func(f func(tx *sqldb.Tx) error) {
			t.Helper()
			if err := s.db.Write(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		relink(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c1", "c0", 1) })
		relink(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c2", "c0", 1) })
		p := touchpoint(1)
		p.Interaction = "tickets/t/interactions/1"
		word := Measure{Target: p.Interaction, Customer: "c0", Response: "r", SubmitTime: 10, Rating: Rating{Value: 3, Max: 5}, Version: 1, RecordTime: 2}
		rated := func(id string, want Rating) {
			t.Helper()
			if got, err := s.Touchpoint(t.Context(), "acme", "c1", id); err != nil || got.Rating != want {
				t.Errorf("%s is rated %+v, %v, want %+v", id, got.Rating, err, want)
			}
			check(t, s, "c1", 100*day)
			live, err := s.Touchpoints(t.Context(), "acme", "c1")
			if err != nil {
				t.Fatal(err)
			}
			_, known, err := s.Known(t.Context(), "acme", "c1", 1000)
			if err != nil || len(known) != len(live) {
				t.Fatalf("%d touchpoints are known, %v, want %d", len(known), err, len(live))
			}
			for i := range live {
				if known[i] != live[i] {
					t.Errorf("known is %+v, want %+v", known[i], live[i])
				}
			}
		}
		record(t, s, p)
		say(t, s, word)
		rated(p.ID, word.Rating)

		early := touchpoint(11)
		early.Interaction, early.RecordTime = "tickets/t/interactions/2", 5
		other := word
		other.Target, other.Customer, other.Response = early.Interaction, "c2", "s"
		say(t, s, other)
		record(t, s, early)
		rated(early.ID, other.Rating)

		stranger := word
		stranger.Customer, stranger.Response, stranger.SubmitTime, stranger.Rating.Value = "c5", "x", 20, 1
		say(t, s, stranger)
		rated(p.ID, word.Rating)

		relink(func(tx *sqldb.Tx) error { return s.Unlink(tx, "acme", "c1", 3) })
		rated(p.ID, word.Rating)
		word.Version, word.Withdrawn, word.Rating, word.RecordTime = 2, true, Rating{}, 7
		say(t, s, word)
		rated(p.ID, Rating{})
		other.Version, other.Rating.Value, other.RecordTime = 2, 1, 8 // by somebody else now
		say(t, s, other)
		rated(early.ID, Rating{})
	})
}
