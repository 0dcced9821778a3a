package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// say stores a measure.
func say(t *testing.T, s *Store, m Measure) {
	t.Helper()
	if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := s.Measure(tx, "acme", m); return err }); err != nil {
		t.Fatal(err)
	}
}

// Whatever responses say about a touchpoint, and in whatever order it is heard, the
// rating that counts is that of the latest response which is not withdrawn, and
// without one that which the touchpoint came with.
func TestTheLastWordOfEachResponseCountsInAnyOrder(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for round := range 60 {
			p := touchpoint(round)
			if round%2 == 0 {
				p.Rating = Rating{Value: 2, Min: 1, Max: 5}
			}
			if round%3 == 0 {
				p.Interaction = fmt.Sprint("tickets/t/interactions/", round)
			}
			words, want := hearsay(random, p)
			for _, i := range random.Perm(len(words)) {
				words[i](t, s)
				if random.IntN(3) == 0 {
					words[i](t, s) // heard twice
				}
			}
			got, err := s.Touchpoint(t.Context(), "acme", p.Customer, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Rating != want.Rating || got.Response != want.Response {
				t.Errorf("round %d: %+v of %q, want %+v of %q", round, got.Rating, got.Response, want.Rating, want.Response)
			}
		}
		for i := range 10 {
			check(t, s, fmt.Sprint("c", i), 100*day)
		}
	})
}

// hearsay returns what is to be heard of p, its recording among it, and p as it must
// end.
func hearsay(random *rand.Rand, p Touchpoint) (all []func(*testing.T, *Store), want Touchpoint) {
	all = append(all, func(t *testing.T, s *Store) { record(t, s, p) })
	want = p
	var best Measure
	for r := range random.IntN(4) {
		m := Measure{Target: p.target(), Response: fmt.Sprint("r", r), SubmitTime: int64(10 + random.IntN(3)), Rating: Rating{Value: int64(r), Max: 10}}
		if p.Interaction != "" && r%2 == 1 {
			m.Target = p.Interaction
		}
		if r%3 == 0 {
			m.Customer = p.Customer
		}
		for version := range int64(1 + random.IntN(4)) {
			m.Version, m.Withdrawn = version+1, version%2 == 1
			said := m
			if said.Withdrawn {
				said.Rating = Rating{}
			}
			all = append(all, func(t *testing.T, s *Store) { say(t, s, said) })
		}
		if later := m.SubmitTime > best.SubmitTime || m.SubmitTime == best.SubmitTime && m.Response > best.Response; !m.Withdrawn && later {
			best = m
			want.Rating, want.Response = m.Rating, m.Response
		}
	}
	return all, want
}

// A batch refuses the same event with another rating; the rating that came first counts
// where no response does.
func TestARepeatedTouchpointBringsNoRating(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		p := touchpoint(1)
		record(t, s, p)
		word := Measure{Target: p.target(), Response: "r", SubmitTime: 10, Rating: Rating{Value: 3, Max: 5}, Version: 1, RecordTime: 2}
		say(t, s, word)
		again := p
		again.Rating = Rating{Value: 5, Max: 5}
		if got := record(t, s, again, touchpoint(2)); got[0].New || got[0].Touchpoint.Rating != word.Rating {
			t.Errorf("the repeat is %+v, want what is stored", got[0])
		}
		word.Version, word.Withdrawn, word.Rating = 2, true, Rating{}
		say(t, s, word)
		if got, err := s.Touchpoint(t.Context(), "acme", p.Customer, p.ID); err != nil || got.Rating.Given() {
			t.Errorf("without the response, the rating is %+v, %v, want none", got.Rating, err)
		}
	})
}
