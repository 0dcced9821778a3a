package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// CreateCustomer implements CustomerService.
func (s *Server) CreateCustomer(ctx context.Context, req *journeyv1.CreateCustomerRequest) (*journeyv1.Customer, error) {
	brand, id := name.Brand(req.GetParent()), req.GetCustomerId()
	if id == "" {
		id = name.NewID()
	}
	claims, err := s.claims(brand, req.GetIdentities())
	if err != nil {
		return nil, err
	}
	answer, err := once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		s.store.Turn(tx)
		c, err := s.newcomer(ctx, tx, brand, id)
		if err != nil {
			return nil, err
		}
		if err := s.describe(&c, req.GetCustomer()); err != nil {
			return nil, err
		}
		if _, err := s.claim(tx, &c, claims); err != nil {
			return nil, err
		}
		c.Anonymous = false
		return s.saved(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// newcomer returns the customer of an id if nobody has said anything of it.
func (s *Server) newcomer(ctx context.Context, tx *sqldb.Tx, brand, id string) (store.Customer, error) {
	if err := s.tombstones.Refuse(brand, id); err != nil {
		return store.Customer{}, err
	}
	c, err := s.find(ctx, tx, brand, id)
	switch {
	case errors.Is(err, table.ErrNotFound):
		return store.Customer{Record: table.Record{Brand: brand, ID: id}, Anonymous: true}, nil
	case err != nil:
		return c, err
	case c.ID != id || !c.Anonymous || !c.DeleteTime.IsZero():
		return c, fault.Exists(customerName(brand, id))
	}
	return c, nil
}

// find returns the customer of an id, or the one it is part of. One that nobody has looked
// at yet has the version 0; of one that nobody knows it returns [table.ErrNotFound].
func (s *Server) find(ctx context.Context, r store.Reader, brand, id string) (store.Customer, error) {
	family, err := store.Family(r, brand, id)
	if err != nil {
		return store.Customer{}, err
	}
	c, err := store.CustomerRow(r, brand, family[0])
	if !errors.Is(err, table.ErrNotFound) {
		return c, err
	}
	paths, e := s.paths(ctx, r, brand, map[string][]string{family[0]: family})
	if e != nil {
		return c, e
	}
	if paths[family[0]].Touchpoints == 0 {
		return c, err
	}
	return store.Customer{Record: table.Record{Brand: brand, ID: family[0]}, Anonymous: true, Trail: paths[family[0]].Trail}, nil
}

// exists refuses the name of a customer that nobody knows.
func (s *Server) exists(ctx context.Context, n string) error {
	return s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error {
		_, err := s.find(ctx, snapshot.Reader(ctx), name.Brand(n), name.ID(n))
		return resource.Explain(n, err)
	})
}

// lock returns the customer called n, or the one it is part of, in the version that etag
// names. Until the transaction ends nobody else changes it.
func (s *Server) lock(ctx context.Context, tx *sqldb.Tx, n, etag string) (store.Customer, error) {
	s.store.Turn(tx)
	c, err := s.find(ctx, tx, name.Brand(n), name.ID(n))
	if err != nil {
		return c, resource.Explain(n, err)
	}
	if want := resource.Version(etag); want != 0 && want != c.Version {
		return c, fault.Stale(n)
	}
	return c, nil
}

// deleted refuses to change a customer that is, and one that stands for another.
func deleted(c store.Customer) error {
	if privacy.Pseudonym(c.ID) {
		n := customerName(c.Brand, c.ID)
		return fault.Precondition(privacy.ErasedReason, n, "%s stands for somebody who was erased", n)
	}
	if c.DeleteTime.IsZero() {
		return nil
	}
	n := customerName(c.Brand, c.ID)
	return fault.Precondition("DELETED", n, "%s is deleted; undelete it first", n)
}

// save writes a customer that the transaction has locked. One that nobody has looked at
// yet begins without a trail: the follower writes that, and tells others.
func (s *Server) save(tx *sqldb.Tx, c store.Customer) (store.Customer, error) {
	var err error
	c.UpdateTime = s.moment()
	if c.Version == 0 {
		c.Version, c.CreateTime, c.Trail = 1, c.UpdateTime, store.Trail{}
		c, err = store.CustomerTable.Add(tx, c)
	} else {
		c, err = store.CustomerTable.Update(tx, c)
	}
	return c, resource.Explain(customerName(c.Brand, c.ID), err)
}

// saved is save and returns the customer as others see it, sealed.
func (s *Server) saved(tx *sqldb.Tx, c store.Customer) (*journeyv1.Customer, error) {
	trail := c.Trail
	c, err := s.save(tx, c)
	if err != nil {
		return nil, err
	}
	c.Trail = trail
	return s.whole(tx, c)
}

// moment is the time now as the store keeps it.
func (s *Server) moment() time.Time { return sqldb.Time(sqldb.Micros(s.now())) }

// describe gives c what in says of it.
func (s *Server) describe(c *store.Customer, in *journeyv1.Customer) error {
	p := person.Private{DisplayName: norm.NFC.String(in.GetDisplayName())}
	for key, value := range in.GetCustom() {
		if p.Custom == nil {
			p.Custom = make(map[string]string, len(in.GetCustom()))
		}
		p.Custom[key] = norm.NFC.String(value)
	}
	var err error
	c.Sealed, err = s.keys.Seal(customerName(c.Brand, c.ID), p)
	c.Segments, c.Persona = slices.Sorted(slices.Values(in.GetSegments())), in.GetPersona()
	return err
}

// GetCustomer implements CustomerService.
func (s *Server) GetCustomer(ctx context.Context, req *journeyv1.GetCustomerRequest) (*journeyv1.Customer, error) {
	var answer *journeyv1.Customer
	err := s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error {
		r := snapshot.Reader(ctx)
		c, err := s.find(ctx, r, name.Brand(req.GetName()), name.ID(req.GetName()))
		if err != nil {
			return resource.Explain(req.GetName(), err)
		}
		answer, err = s.whole(r, c)
		return err
	})
	return s.reveal(ctx, answer, err)
}

// UpdateCustomer implements CustomerService.
func (s *Server) UpdateCustomer(ctx context.Context, req *journeyv1.UpdateCustomerRequest) (*journeyv1.Customer, error) {
	patch := req.GetCustomer()
	n := patch.GetName()
	brand := name.Brand(n)
	answer, err := once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		c, err := s.lock(ctx, tx, n, patch.GetEtag())
		if fault.Reason(err) == "NOT_FOUND" && req.GetAllowMissing() {
			c, err = store.Customer{Record: table.Record{Brand: brand, ID: name.ID(n)}}, s.tombstones.Refuse(brand, name.ID(n))
		}
		if err == nil {
			err = deleted(c)
		}
		if err != nil {
			return nil, err
		}
		merged := toCustomer(c)
		if err := s.open(merged); err != nil {
			return nil, err
		}
		if err := mask.Apply(merged, patch, req.GetUpdateMask()); err != nil {
			return nil, err
		}
		if err := s.validator.Message(merged); err != nil {
			return nil, resource.Within("customer", err)
		}
		if err := s.describe(&c, merged); err != nil {
			return nil, err
		}
		c.Anonymous = false
		return s.saved(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// DeleteCustomer implements CustomerService. Deleting twice is refused.
func (s *Server) DeleteCustomer(ctx context.Context, req *journeyv1.DeleteCustomerRequest) (*journeyv1.Customer, error) {
	n := req.GetName()
	answer, err := once.Do(ctx, s.db, name.Brand(n), req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		c, err := s.lock(ctx, tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		if c.ID != name.ID(n) {
			return nil, fault.Precondition("MERGED", n, "%s is part of %s; split it first", n, customerName(c.Brand, c.ID))
		}
		if err := deleted(c); err != nil {
			return nil, err
		}
		c.DeleteTime = s.moment()
		return s.shown(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// UndeleteCustomer implements CustomerService.
func (s *Server) UndeleteCustomer(ctx context.Context, req *journeyv1.UndeleteCustomerRequest) (*journeyv1.Customer, error) {
	n := req.GetName()
	answer, err := once.Do(ctx, s.db, name.Brand(n), req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		c, err := s.lock(ctx, tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		if c.DeleteTime.IsZero() {
			return nil, fault.Precondition("NOT_DELETED", n, "%s is not deleted", n)
		}
		c.DeleteTime = time.Time{}
		return s.shown(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// shown is saved for a customer whose stored score comes or goes with it. Who brings that
// up to date right now does not know of it yet: the mark brings somebody who does.
func (s *Server) shown(tx *sqldb.Tx, c store.Customer) (*journeyv1.Customer, error) {
	answer, err := s.saved(tx, c)
	if err != nil {
		return nil, err
	}
	s.store.Mark(tx, c.Brand, c.ID)
	return answer, s.rescore(tx, c.Brand, []string{c.ID}, s.now())
}
