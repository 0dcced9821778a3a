package api

import (
	"context"
	"errors"

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

// maxMerged is how many customers are part of one at most.
const maxMerged = 200

// MergeCustomers implements CustomerService.
func (s *Server) MergeCustomers(ctx context.Context, req *journeyv1.MergeCustomersRequest) (*journeyv1.Customer, error) {
	return s.changeCustomer(ctx, req, func(tx *sqldb.Tx, c *store.Customer) (bool, error) {
		changed, before := false, agreed{}
		if err := before.ask(tx, c.Brand, c.ID); err != nil {
			return false, err
		}
		for _, source := range req.GetSources() {
			merged, err := s.merge(ctx, tx, c, source, before)
			if err != nil {
				return false, err
			}
			changed = changed || merged
		}
		if !changed {
			return false, nil
		}
		family, err := store.Family(tx, c.Brand, c.ID)
		if err != nil {
			return false, err
		}
		if len(family) > maxMerged+1 {
			n := customerName(c.Brand, c.ID)
			return false, fault.Precondition("TOO_MANY_MERGED", n, "more than %d customers would be part of %s", maxMerged, n)
		}
		if c.Version == 0 {
			if *c, err = s.save(tx, *c); err != nil {
				return false, err
			}
		}
		if c.Trail, err = s.follow(ctx, tx, *c, family); err != nil {
			return false, err
		}
		return true, s.consented(tx, c.Brand, before, sqldb.Micros(s.now()), family)
	})
}

// merge makes the customer called source part of into, unless it is so already, and reports
// whether it was not. It adds to before what counted for source.
func (s *Server) merge(ctx context.Context, tx *sqldb.Tx, into *store.Customer, source string, before agreed) (changed bool, err error) {
	c, err := s.find(ctx, tx, into.Brand, name.ID(source))
	if err != nil {
		return false, resource.Explain(source, err)
	}
	switch {
	case name.ID(source) == into.ID:
		return false, fault.Precondition("MERGED", source, "%s cannot become part of itself", source)
	case c.ID == into.ID:
		return false, nil
	case c.ID != name.ID(source):
		return false, fault.Precondition("MERGED", source, "%s is part of %s; split it first", source, customerName(c.Brand, c.ID))
	}
	if err := deleted(c); err != nil {
		return false, err
	}
	if c.Version == 0 {
		if _, err := s.save(tx, c); err != nil {
			return false, err
		}
	}
	if err := before.ask(tx, c.Brand, c.ID); err != nil {
		return false, err
	}
	now := s.moment()
	if err := s.store.Link(tx, into.Brand, c.ID, into.ID, sqldb.Micros(now)); err != nil {
		return false, err
	}
	n := customerName(into.Brand, into.ID)
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", into.Brand), Key: n, EventTime: timestamppb.New(now),
		Payload: &eventv1.Event_CustomerMerged{CustomerMerged: &eventv1.CustomerMerged{Customer: source, Into: n}},
	})
	return true, nil
}

// SplitCustomer implements CustomerService.
func (s *Server) SplitCustomer(ctx context.Context, req *journeyv1.SplitCustomerRequest) (*journeyv1.Customer, error) {
	n := req.GetName()
	brand, id := name.Brand(n), name.ID(n)
	answer, err := once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		was, err := s.lock(ctx, tx, n, "")
		if err != nil {
			return nil, err
		}
		before := agreed{}
		if err := before.ask(tx, brand, was.ID); err != nil {
			return nil, err
		}
		err = s.store.Unlink(tx, brand, id, sqldb.Micros(s.moment()))
		if errors.Is(err, store.ErrNotFound) {
			return nil, fault.Precondition("NOT_MERGED", n, "%s is part of no other customer", n)
		}
		if err != nil {
			return nil, err
		}
		from := customerName(brand, was.ID)
		s.outbox.Emit(tx, &eventv1.Event{
			Brand: name.Join("brands", brand), Key: from, EventTime: timestamppb.New(s.moment()),
			Payload: &eventv1.Event_CustomerSplit{CustomerSplit: &eventv1.CustomerSplit{Customer: n, From: from}},
		})
		c, family, err := s.parted(ctx, tx, brand, id)
		if err != nil {
			return nil, err
		}
		_, rest, err := s.parted(ctx, tx, brand, was.ID)
		if err == nil {
			err = s.consented(tx, brand, before, sqldb.Micros(s.now()), family, rest)
		}
		if err != nil {
			return nil, err
		}
		return s.whole(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// parted writes what follows from the touchpoints of a customer after a split. It returns
// the customer and whoever is one with it.
func (s *Server) parted(ctx context.Context, tx *sqldb.Tx, brand, id string) (c store.Customer, family []string, err error) {
	if family, err = store.Family(tx, brand, id); err != nil {
		return c, nil, err
	}
	if c, err = s.find(ctx, tx, brand, id); err != nil {
		return c, nil, err
	}
	if c.Trail, err = s.follow(ctx, tx, c, family); err != nil {
		return c, nil, err
	}
	c, err = s.save(tx, c)
	return c, family, err
}
