package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// UpdateConsent implements CustomerService.
func (s *Server) UpdateConsent(ctx context.Context, req *journeyv1.UpdateConsentRequest) (*journeyv1.Customer, error) {
	words, err := s.words(req.GetConsents())
	if err != nil {
		return nil, err
	}
	change := func(tx *sqldb.Tx, c *store.Customer) (bool, error) { return s.consent(tx, c, words) }
	if n := req.GetName(); s.erased(name.Brand(n), name.ID(n)) {
		return s.comeBack(ctx, req, words, change)
	}
	return s.changeCustomer(ctx, req, change)
}

// comeBack answers UpdateConsent for a customer who was erased.
func (s *Server) comeBack(
	ctx context.Context, req *journeyv1.UpdateConsentRequest, words []store.Consent, change func(*sqldb.Tx, *store.Customer) (bool, error),
) (*journeyv1.Customer, error) {
	answer, err := once.Do(ctx, s.db, name.Brand(req.GetName()), req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		s.store.Turn(tx)
		c, err := s.returned(tx, req.GetName(), words)
		if err != nil {
			return nil, resource.Explain(req.GetName(), err)
		}
		if _, err := change(tx, &c); err != nil {
			return nil, err
		}
		return s.saved(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// words reads what a request says of consents.
func (s *Server) words(said []*journeyv1.Consent) ([]store.Consent, error) {
	now := s.now()
	words := make([]store.Consent, 0, len(said))
	for i, p := range said {
		at := now
		if p.GetChangeTime() != nil {
			at = p.GetChangeTime().AsTime()
		}
		if at.After(now.Add(fault.Lead)) {
			return nil, fault.Ahead(fmt.Sprintf("consents[%d].change_time", i))
		}
		words = append(words, store.Consent{
			Purpose: p.GetPurpose(), Granted: p.GetGranted(), ChangeTime: sqldb.Micros(at), Source: p.GetSource(),
		})
	}
	return words, nil
}

// consent keeps words of c, tells others where another word counts now, and reports
// whether any of them is new.
func (s *Server) consent(tx *sqldb.Tx, c *store.Customer, words []store.Consent) (changed bool, err error) {
	family, err := store.Family(tx, c.Brand, c.ID)
	if err != nil {
		return false, err
	}
	before := agreed{}
	if err := before.hear(tx, c.Brand, family); err != nil {
		return false, err
	}
	for _, w := range words {
		added, err := store.AddConsent(tx, c.Brand, c.ID, w, sqldb.Micros(s.now()))
		if err != nil {
			return false, err
		}
		changed = changed || added
	}
	if !changed {
		return false, nil
	}
	return true, s.consented(tx, c.Brand, before, 0, family)
}

// An agreed is what counts of what customers have said: by customer and purpose.
type agreed map[string]map[string]store.Consent

// hear takes what counts for each customer of a family.
func (a agreed) hear(r store.Reader, brand string, family []string) error {
	words, err := store.Consents(r, brand, family)
	said := make(map[string]store.Consent, len(words))
	for _, w := range words {
		said[w.Purpose] = w
	}
	for _, customer := range family {
		a[customer] = said
	}
	return err
}

// ask takes what counts for a customer and for each who is one with it.
func (a agreed) ask(r store.Reader, brand, id string) error {
	family, err := store.Family(r, brand, id)
	if err != nil {
		return err
	}
	return a.hear(r, brand, family)
}

// consented tells others of each customer of some families for whom another word counts
// than before. Each is told apart, since others know the names of those who were merged. A
// word is told as given when it was, but at the earliest at the given time, which must be
// later than all that was told before, as the last word counts for others.
func (s *Server) consented(tx *sqldb.Tx, brand string, before agreed, earliest int64, families ...[]string) error {
	now := agreed{}
	for _, family := range families {
		if err := now.hear(tx, brand, family); err != nil {
			return err
		}
	}
	for _, customer := range slices.Sorted(maps.Keys(now)) {
		was, is := before[customer], now[customer]
		for _, purpose := range slices.Sorted(maps.Keys(is)) {
			w, old := is[purpose], was[purpose]
			if old.Purpose != "" && old.Granted == w.Granted {
				continue
			}
			if old.ChangeTime > w.ChangeTime || old.ChangeTime == w.ChangeTime && w.Granted {
				w.ChangeTime = old.ChangeTime + 1 // the later word was another's: it ends right after
			}
			w.ChangeTime = max(w.ChangeTime, earliest)
			s.tellConsent(tx, brand, customer, w)
		}
		for _, purpose := range slices.Sorted(maps.Keys(was)) {
			if w := was[purpose]; w.Granted && is[purpose].Purpose == "" {
				w.Granted, w.ChangeTime = false, max(w.ChangeTime+1, earliest)
				s.tellConsent(tx, brand, customer, w)
			}
		}
	}
	return nil
}

// tellConsent tells others what counts now for a purpose.
func (s *Server) tellConsent(tx *sqldb.Tx, brand, customer string, w store.Consent) {
	n, at := customerName(brand, customer), timestamppb.New(sqldb.Time(w.ChangeTime))
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", brand), Key: n, EventTime: at,
		Payload: &eventv1.Event_ConsentChanged{ConsentChanged: &eventv1.ConsentChanged{
			Customer: n, Purpose: w.Purpose, Granted: w.Granted, ChangeTime: at,
		}},
	})
}
