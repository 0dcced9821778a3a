package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// write runs f in a transaction that must work.
func (h *history) write(f func(*sqldb.Tx) error) {
	h.t.Helper()
	if err := h.s.db.Write(h.t.Context(), f); err != nil {
		h.t.Fatal(err)
	}
}

// A history is a store in which random things happen, one a moment.
type history struct {
	t      *testing.T
	s      *Store
	random *rand.Rand
	now    int64
	next   int
	known  []Touchpoint // as recorded
	models []score.Model
}

// customers is how many customers a history has.
const customers = 6

func (h *history) customer() string { return fmt.Sprint("c", h.random.IntN(customers)) }

// step lets one thing happen.
func (h *history) step() {
	h.now++
	switch n := h.random.IntN(10); {
	case n < 4 || len(h.known) == 0:
		h.recordSome()
	case n < 7:
		h.say()
	case n < 8:
		p := h.known[h.random.IntN(len(h.known))]
		h.write(func(tx *sqldb.Tx) error {
			_, _, err := h.s.Retract(tx, "acme", p.Customer, p.ID, "a slip", h.now)
			return err
		})
	default:
		h.relink()
	}
}

func (h *history) recordSome() {
	var batch []Touchpoint
	for range 1 + h.random.IntN(4) {
		p := touchpoint(h.random.IntN(400))
		p.ID, p.Customer, p.RecordTime = fmt.Sprint("t", h.next), h.customer(), h.now
		p.Service, p.Channel = h.random.IntN(2) == 0, 3
		if h.random.IntN(3) == 0 {
			p.Rating = Rating{Value: int64(h.random.IntN(5)), Max: 4}
		}
		h.next++
		batch = append(batch, p)
	}
	record(h.t, h.s, batch...)
	h.known = append(h.known, batch...)
}

// say lets a response say something of a touchpoint, one that is still to come perhaps.
func (h *history) say() {
	p := Touchpoint{ID: fmt.Sprint("t", h.next+1), Customer: h.customer()}
	if h.random.IntN(4) > 0 {
		p = h.known[h.random.IntN(len(h.known))]
	}
	m := Measure{
		Target: p.target(), Response: fmt.Sprint("r", h.random.IntN(2)), SubmitTime: int64(h.random.IntN(3)),
		Version: int64(1 + h.random.IntN(4)), RecordTime: h.now,
	}
	if m.Withdrawn = h.random.IntN(3) == 0; !m.Withdrawn {
		m.Rating = Rating{Value: int64(h.random.IntN(8)), Max: 7}
	}
	say(h.t, h.s, m)
}

func (h *history) relink() {
	a, b := h.customer(), h.customer()
	h.write(func(tx *sqldb.Tx) error {
		err := h.s.Unlink(tx, "acme", a, h.now)
		if err == ErrNotFound { //nolint:errorlint // the very same
			err = h.s.Link(tx, "acme", a, b, h.now)
		}
		if err == ErrLinked { //nolint:errorlint // the very same
			err = nil
		}
		return err
	})
}

// live returns what is true of each customer's touchpoints now.
func (h *history) live() (all [customers][]Touchpoint) {
	for i := range all {
		touchpoints, err := h.s.Touchpoints(h.t.Context(), "acme", fmt.Sprint("c", i))
		if err != nil {
			h.t.Fatal(err)
		}
		all[i] = touchpoints
	}
	return all
}

// Whatever happens and in whatever order, the sums of every layout are those of a
// replay, and what was known at a time is what was true then.
func TestWhatWasKnownThenIsWhatWasTrueThen(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		other := score.Default()
		other.HalfLife, other.Met, other.Reliability[3] = other.HalfLife/3, 0.5, 0.25
		h := &history{t: t, s: s, random: rand.New(rand.NewPCG(7, 8)), models: []score.Model{score.Default()}}
		for range 60 {
			h.step()
		}
		h.addLayout(other)
		seen := map[int64][customers][]Touchpoint{}
		for i := range 90 {
			h.step()
			if i%30 == 29 {
				seen[h.now] = h.live()
				h.compareSums()
			}
		}
		links, err := s.Roots(t.Context(), "acme")
		if err != nil || len(links) == 0 {
			t.Fatalf("links = %v, %v, want some", links, err)
		}
		for at, then := range seen {
			h.compareKnown(at, then)
		}
		h.now++
		h.split(links)
		for at, then := range seen {
			h.compareKnown(at, then)
		}
		for c, want := range h.live() {
			h.compare(fmt.Sprint("c", c), math.MaxInt64, want)
		}
	})
}

// addLayout begins to keep the sums of m while touchpoints come in.
func (h *history) addLayout(m score.Model) {
	h.write(func(tx *sqldb.Tx) (err error) {
		ready := true
		if m.Layout, ready, err = h.s.AddLayout(tx, "acme", &m); ready || m.Layout == 0 {
			h.t.Errorf("layout %d is ready: %v, want a new one that is not", m.Layout, ready)
		}
		return err
	})
	for i := range customers {
		h.recordSome()
		h.write(func(tx *sqldb.Tx) error { return h.s.Fill(tx, "acme", m.Layout, []string{fmt.Sprint("c", i), "c0"}) })
	}
	h.write(func(tx *sqldb.Tx) error { h.s.SetLayout(tx, "acme", &m, LayoutReady); return nil })
	h.write(func(tx *sqldb.Tx) error {
		if layout, ready, err := h.s.AddLayout(tx, "acme", &m); !ready || layout != m.Layout {
			h.t.Errorf("the layout again = %d, ready %v, %v, want %d, which is", layout, ready, err, m.Layout)
		}
		return nil
	})
	h.models = append(h.models, m)
}

// compareSums compares the sums of every customer, and of the brand, with a replay.
func (h *history) compareSums() {
	h.t.Helper()
	for i := range h.models {
		m := &h.models[i]
		var pooled []score.Touch
		for c, touchpoints := range h.live() {
			customer := fmt.Sprint("c", c)
			checkUnder(h.t, h.s, m, customer, 250*day+1)
			checkUnder(h.t, h.s, m, customer, 5000*day)
			if root, err := h.s.Root(h.t.Context(), "acme", customer); err != nil || root != customer {
				continue // its root has them
			}
			for _, p := range touchpoints {
				if touch, known := p.Touch(m); known {
					pooled = append(pooled, touch)
				}
			}
		}
		var whole Journey
		err := h.s.Snapshot(h.t.Context(), func(snap *Snapshot) (err error) {
			whole, err = snap.Pooled(context.Background(), "acme", nil, math.MaxInt64, m)
			return err
		})
		if got, want := m.Latest(whole.Cells, 5000*day), m.Replay(pooled, 5000*day); err != nil || got != want {
			h.t.Errorf("layout %d: the brand has %+v, %v, want %+v", m.Layout, got, err, want)
		}
	}
}

// split takes all links back, and expects everybody to be as if there had been none.
func (h *history) split(links map[string]string) {
	h.t.Helper()
	for member := range links {
		h.write(func(tx *sqldb.Tx) error {
			if err := h.s.Unlink(tx, "acme", member, h.now); err != ErrNotFound { //nolint:errorlint // the very same
				return err
			}
			h.t.Errorf("%s is part of nobody", member)
			return nil
		})
	}
	for c, touchpoints := range h.live() {
		for _, p := range touchpoints {
			if p.Customer != fmt.Sprint("c", c) {
				h.t.Errorf("c%d has %s of %s after the split", c, p.ID, p.Customer)
			}
		}
	}
	h.compareSums()
}

// compareKnown compares what was known at a time with what was seen to be true then.
func (h *history) compareKnown(at int64, seen [customers][]Touchpoint) {
	h.t.Helper()
	for c := range seen {
		h.compare(fmt.Sprint("c", c), at, seen[c])
	}
}

// compare compares what was known of a customer at a time with what it should be.
func (h *history) compare(customer string, at int64, want []Touchpoint) {
	h.t.Helper()
	_, got, err := h.s.Known(h.t.Context(), "acme", customer, at)
	if err != nil || len(got) != len(want) {
		h.t.Fatalf("at %d, %s was known to have %d touchpoints, %v, want %d", at, customer, len(got), err, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			h.t.Errorf("at %d, %s was known to have %+v, want %+v", at, customer, got[i], want[i])
		}
	}
}

func TestTheNextStartMakesSumsAnew(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		s, err := Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		h := &history{t: t, s: s, random: rand.New(rand.NewPCG(3, 4)), models: []score.Model{score.Default()}}
		for range 40 {
			h.step()
		}
		for i := range 3 * rebuilt {
			p := touchpoint(i)
			p.ID, p.Customer = fmt.Sprint("other", i), fmt.Sprint("other", i)
			record(t, s, p)
		}
		h.write(func(tx *sqldb.Tx) error {
			tx.Defer(`DELETE FROM stage_bucket`)
			tx.Defer(`INSERT INTO sum_rebuild (layout) VALUES (0)`)
			return nil
		})
		for range 2 {
			if h.s, err = Open(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 * rebuilt {
			check(t, h.s, fmt.Sprint("other", i), 5000*day)
		}
		for i := range customers {
			check(t, h.s, fmt.Sprint("c", i), 5000*day)
		}
	})
}
