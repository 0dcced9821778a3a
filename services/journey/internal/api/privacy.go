package api

import (
	"context"
	"errors"
	"fmt"
	"slices"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// exportPage is how many touchpoints are read at a time.
const exportPage = 500

// Privacy implements PrivacyService.
type Privacy struct {
	journeyv1.UnsafePrivacyServiceServer
	*privacy.Server
}

// Privacy returns the PrivacyService of a server.
func (s *Server) Privacy() *Privacy {
	return &Privacy{Server: &privacy.Server{
		DB: s.db, Tombstones: s.tombstones, Tables: store.PrivacyTables(), Named: store.PrivacyNames(),
		Rules: store.PrivacyRules(func(tx *sqldb.Tx, brand string, key []string) {
			s.dropAlias(tx, brand, store.Key{ID: key[0], Source: key[2], EventID: key[3]})
		}),
		Traces: []privacy.Trace{privacy.Answers(), privacy.Events(), privacy.Letters(), privacy.Audited(), privacy.Operations()},
		Family: s.families, Before: s.bury, Records: s.records,
	}}
}

// families returns customers and all that they are one with.
func (s *Server) families(ctx context.Context, brand string, ids []string) ([]string, error) {
	var all []string
	for _, id := range ids {
		family, err := s.store.Members(ctx, brand, id)
		if err != nil {
			return nil, err
		}
		for _, member := range family {
			if !slices.Contains(all, member) {
				all = append(all, member)
			}
		}
	}
	return all, nil
}

// bury remembers whose identities are about to go, and forgets the events of touchpoints.
func (s *Server) bury(tx *sqldb.Tx, brand, id string) error {
	identities, err := store.Identities(tx, brand, []string{id})
	if err != nil {
		return err
	}
	for _, i := range identities {
		s.tombstones.BuryIdentity(tx, brand, i.Hash)
	}
	keys, err := store.Keys(tx, brand, id)
	for _, k := range keys {
		s.dropAlias(tx, brand, k)
	}
	return err
}

// dropAlias forgets the event of a touchpoint whose id a caller chose.
func (s *Server) dropAlias(tx *sqldb.Tx, brand string, k store.Key) {
	if alias := s.store.EventKey(k.Source, k.EventID); alias != "" && alias != k.ID {
		store.DropAlias(tx, brand, alias, k.ID)
	}
}

// records tells all that is kept of a customer.
func (s *Server) records(ctx context.Context, brand, id string, send privacy.Send) error {
	if err := s.profile(ctx, brand, id, send); err != nil {
		return err
	}
	words, err := s.store.ConsentsOf(ctx, brand, id)
	if err != nil {
		return err
	}
	for _, w := range words {
		said := &journeyv1.Consent{Purpose: w.Purpose, Granted: w.Granted, ChangeTime: stamp(w.ChangeTime), Source: w.Source}
		if err := send("consents", said); err != nil {
			return err
		}
	}
	for after, more := "", true; more; {
		page, err := s.store.TouchpointsOf(ctx, brand, id, after, exportPage)
		if err != nil {
			return err
		}
		for _, t := range page {
			p, err := touchpointToProto(brand, t)
			if err == nil {
				err = send("touchpoints", p)
			}
			if err != nil {
				return err
			}
			after = t.ID
		}
		more = len(page) == exportPage
	}
	return s.opened(ctx, brand, id, send)
}

// profile tells what is known of a customer as such, and the score.
func (s *Server) profile(ctx context.Context, brand, id string, send privacy.Send) error {
	var known *journeyv1.Customer
	err := s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error {
		r := snapshot.Reader(ctx)
		c, err := store.CustomerRow(r, brand, id)
		if errors.Is(err, table.ErrNotFound) {
			return nil
		}
		if err == nil {
			known, err = s.whole(r, c)
		}
		return err
	})
	if err != nil || known == nil {
		return err
	}
	if err := s.open(known); err != nil {
		return err
	}
	if err := send("customers", known); err != nil {
		return err
	}
	score, err := s.GetScore(ctx, &journeyv1.GetScoreRequest{Name: customerName(brand, id) + "/score"})
	switch {
	case fault.Reason(err) != "": // there is none
		return nil
	case err != nil:
		return err
	}
	return send("scores", score)
}

// opened tells the signals about one customer alone.
func (s *Server) opened(ctx context.Context, brand, id string, send privacy.Send) error {
	for token := ""; ; {
		page, err := s.ListSignals(ctx, &journeyv1.ListSignalsRequest{
			Parent: name.Join("brands", brand), Filter: fmt.Sprintf("customer = %q", customerName(brand, id)), PageSize: 200, PageToken: token,
		})
		if err != nil {
			return err
		}
		for _, one := range page.GetSignals() {
			if err := send("signals", one); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// erased reports whether a customer was erased, or is who stands for one.
func (s *Server) erased(brand, id string) bool { return s.tombstones.Refuse(brand, id) != nil }

// returned returns the customer called n, who was erased, as somebody nobody knows, if words
// are a new consent: from then on they are a customer like others. It returns
// [table.ErrNotFound] if they are not.
func (s *Server) returned(tx *sqldb.Tx, n string, words []store.Consent) (store.Customer, error) {
	brand, id := name.Brand(n), name.ID(n)
	for _, w := range words {
		if w.Granted && s.tombstones.Lift(tx, brand, id, sqldb.Time(w.ChangeTime)) {
			return store.Customer{Record: table.Record{Brand: brand, ID: id}, Anonymous: true}, nil
		}
	}
	return store.Customer{}, table.ErrNotFound
}

// mayLink refuses an identity whose holder was erased, unless the customer has consented to
// something since.
func (s *Server) mayLink(tx *sqldb.Tx, c *store.Customer, claim claim) error {
	at, buried := s.tombstones.IdentityBuried(c.Brand, claim.hash)
	if !buried {
		return nil
	}
	family, err := store.Family(tx, c.Brand, c.ID)
	if err != nil {
		return err
	}
	words, err := store.Consents(tx, c.Brand, family)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(words, func(w store.Consent) bool { return w.Granted && sqldb.Time(w.ChangeTime).After(at) }) {
		return nil
	}
	n := customerName(c.Brand, c.ID)
	return fault.Precondition(privacy.ErasedReason, n, "%s is an identity of somebody who was erased; %s must consent first",
		claim.path, n)
}
