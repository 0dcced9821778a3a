package api

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// UpdateConsent implements CustomerService.
func (s *Server) UpdateConsent(ctx context.Context, req *journeyv1.UpdateConsentRequest) (*journeyv1.Customer, error) {
	words, err := s.words(req.GetConsents())
	if err != nil {
		return nil, err
	}
	return s.changeCustomer(ctx, req, func(tx *sqldb.Tx, c *store.Customer) (bool, error) { return s.consent(tx, c, words) })
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
	before, err := store.Consents(tx, c.Brand, family)
	if err != nil {
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
	after, err := store.Consents(tx, c.Brand, family)
	if err != nil {
		return false, err
	}
	counted := map[string]bool{}
	for _, w := range before {
		counted[w.Purpose] = w.Granted
	}
	for _, w := range after {
		if granted, said := counted[w.Purpose]; !said || granted != w.Granted {
			s.consented(tx, c, w)
		}
	}
	return true, nil
}

// consented tells others what counts now for a purpose.
func (s *Server) consented(tx *sqldb.Tx, c *store.Customer, w store.Consent) {
	n := customerName(c.Brand, c.ID)
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", c.Brand), Key: n, EventTime: timestamppb.New(sqldb.Time(w.ChangeTime)),
		Payload: &eventv1.Event_ConsentChanged{ConsentChanged: &eventv1.ConsentChanged{
			Customer: n, Purpose: w.Purpose, Granted: w.Granted, ChangeTime: timestamppb.New(sqldb.Time(w.ChangeTime)),
		}},
	})
}
