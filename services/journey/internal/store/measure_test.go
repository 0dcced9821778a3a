package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// say stores measures at once.
func say(t *testing.T, s *Store, said ...Measure) {
	t.Helper()
	if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := s.Measure(tx, "acme", said); return err }); err != nil {
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
			p, said, want := hearsay(random, round)
			heard := []func(){func() { record(t, s, p) }}
			for _, m := range said {
				heard = append(heard, func() { say(t, s, m) })
			}
			for _, i := range random.Perm(len(heard)) {
				heard[i]()
				if random.IntN(3) == 0 {
					heard[i]() // twice
				}
			}
			rated(t, s, want)
		}
		for i := range 10 {
			check(t, s, fmt.Sprint("c", i), 100*day)
		}
	})
}

func TestWhatIsSaidAtOnceCountsAsIfItWereSaidOneAfterAnother(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(3, 4))
		var points, want []Touchpoint
		var said []Measure
		for round := range 60 {
			p, m, w := hearsay(random, round)
			points, said, want = append(points, p), append(said, m...), append(want, w)
		}
		random.Shuffle(len(said), func(i, j int) { said[i], said[j] = said[j], said[i] })
		record(t, s, points[:40]...)
		half := len(said) / 2
		say(t, s, append(said[:half:half], said[:5]...)...) // some twice
		say(t, s, said[half-5:]...)
		record(t, s, points[40:]...)
		for _, w := range want {
			rated(t, s, w)
		}
		for i := range 10 {
			check(t, s, fmt.Sprint("c", i), 100*day)
		}
	})
}

// rated checks that a touchpoint has the rating of want.
func rated(t *testing.T, s *Store, want Touchpoint) {
	t.Helper()
	got, err := s.Touchpoint(t.Context(), "acme", want.Customer, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rating != want.Rating || got.Response != want.Response {
		t.Errorf("%s: %+v of %q, want %+v of %q", want.ID, got.Rating, got.Response, want.Rating, want.Response)
	}
}

// hearsay returns a touchpoint, what is to be heard of it, and the touchpoint as it must
// end.
func hearsay(random *rand.Rand, round int) (p Touchpoint, all []Measure, want Touchpoint) {
	p = touchpoint(round)
	if round%2 == 0 {
		p.Rating = Rating{Value: 2, Min: 1, Max: 5}
	}
	if round%3 == 0 {
		p.Interaction = fmt.Sprint("tickets/t/interactions/", round)
	}
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
			all = append(all, said)
		}
		if later := m.SubmitTime > best.SubmitTime || m.SubmitTime == best.SubmitTime && m.Response > best.Response; !m.Withdrawn && later {
			best = m
			want.Rating, want.Response = m.Rating, m.Response
		}
	}
	return p, all, want
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
