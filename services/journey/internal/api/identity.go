package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// maxIdentities is how many a customer has at most.
const maxIdentities = 100

// A claim is an identity that a request says is somebody's.
type claim struct {
	person.Identity
	index    int    // in the request
	path     string // in the request
	hash     string
	told     string // the source as the request has it
	verified bool
}

// claims reads the identities of a request. One that is said twice is there once.
func (s *Server) claims(brand string, values []*journeyv1.IdentityValue) ([]claim, error) {
	var all []claim
	at := map[string]int{}
	for i, v := range values {
		c, err := s.claimOf(brand, fmt.Sprintf("identities[%d]", i), v)
		if err != nil {
			return nil, err
		}
		if same, said := at[c.hash]; said {
			all[same].verified = all[same].verified || c.verified
			continue
		}
		c.index, at[c.hash] = i, len(all)
		all = append(all, c)
	}
	return all, nil
}

// claimOf reads the identity in the field at path.
func (s *Server) claimOf(brand, path string, v *journeyv1.IdentityValue) (claim, error) {
	id, err := person.Normalize(v.GetType(), v.GetSource(), v.GetValue())
	if err != nil {
		return claim{}, fault.Invalid(fault.Field{Path: path + ".value", Reason: "identity.value", Description: err.Error()})
	}
	return claim{Identity: id, path: path, hash: s.keys.Hash(brand, id), told: v.GetSource(), verified: v.GetVerified()}, nil
}

func hashes(claims []claim) []string {
	all := make([]string, 0, len(claims))
	for _, c := range claims {
		all = append(all, c.hash)
	}
	return all
}

// claim links identities to c, unless one is another customer's or nobody's at all, and
// reports whether that changes anything. It leaves writing c to the caller.
func (s *Server) claim(tx *sqldb.Tx, c *store.Customer, claims []claim) (changed bool, err error) {
	held, err := store.Holders(tx, c.Brand, hashes(claims))
	if err != nil {
		return false, err
	}
	for _, claim := range claims {
		if claim.Shared() {
			return false, &fault.Error{
				Code: codes.FailedPrecondition, Reason: "IDENTITY_SHARED", Message: claim.path + " is a mailbox that several people share",
			}
		}
		if err := mine(c, claim, held); err != nil {
			return false, err
		}
	}
	_, changed, err = s.linkAll(tx, c, claims, held)
	return changed, err
}

// mine refuses an identity that another customer than c has.
func mine(c *store.Customer, claim claim, held map[string]store.Holder) error {
	h, known := held[claim.hash]
	if !known || h.Root == c.ID {
		return nil
	}
	n := customerName(c.Brand, h.Root)
	return &fault.Error{
		Code: codes.AlreadyExists, Reason: "IDENTITY_TAKEN",
		Message: claim.path + " is an identity of " + n, Metadata: map[string]string{"name": n},
	}
}

// linkAll links those identities to c that it does not have and verifies those that are so
// now. It returns the places in the request of those that are new, and whether anything
// has changed. None must be another's. A refusal leaves nothing behind.
func (s *Server) linkAll(
	tx *sqldb.Tx, c *store.Customer, claims []claim, held map[string]store.Holder,
) (fresh []int32, changed bool, err error) {
	var put []store.Holder
	now, named := sqldb.Micros(s.now()), false
	for _, claim := range claims {
		h, known := held[claim.hash]
		if known && (h.Verified || !claim.verified) {
			continue
		}
		if !known {
			if err := s.mayLink(tx, c, claim); err != nil {
				return nil, false, err
			}
			h = store.Holder{Root: c.ID, Identity: store.Identity{
				Hash: claim.hash, Customer: c.ID, Type: int32(claim.Type), Source: claim.told, LinkTime: now,
			}}
			fresh = append(fresh, int32(claim.index)) //nolint:gosec // at most 20
		}
		h.Verified = claim.verified
		put, named = append(put, h), named || !claim.Identity.Anonymous()
	}
	if err := s.room(tx, c, len(fresh)); err != nil {
		return nil, false, err
	}
	for _, h := range put {
		held[h.Hash] = h
		store.PutIdentity(tx, c.Brand, h.Identity)
	}
	c.Anonymous = c.Anonymous && !named
	return fresh, len(put) > 0, nil
}

// room refuses so many more identities of c if they are too many.
func (s *Server) room(tx *sqldb.Tx, c *store.Customer, more int) error {
	if more == 0 || c.Version == 0 {
		return nil
	}
	family, err := store.Family(tx, c.Brand, c.ID)
	if err != nil {
		return err
	}
	all, err := store.Identities(tx, c.Brand, family)
	if err == nil && len(all)+more > maxIdentities {
		n := customerName(c.Brand, c.ID)
		err = fault.Precondition("TOO_MANY_IDENTITIES", n, "%s would have more than %d identities", n, maxIdentities)
	}
	return err
}

// LinkIdentity implements CustomerService.
func (s *Server) LinkIdentity(ctx context.Context, req *journeyv1.LinkIdentityRequest) (*journeyv1.Customer, error) {
	one, err := s.claimOf(name.Brand(req.GetName()), "identity", req.GetIdentity())
	if err != nil {
		return nil, err
	}
	return s.changeCustomer(ctx, req, func(tx *sqldb.Tx, c *store.Customer) (bool, error) {
		return s.claim(tx, c, []claim{one})
	})
}

// A customerVersion is a request to change one version of a customer.
type customerVersion interface {
	once.Request
	GetName() string
	GetEtag() string
}

// changeCustomer changes the customer that req names, unless change says that it is so
// already, and answers with it.
func (s *Server) changeCustomer(
	ctx context.Context, req customerVersion, change func(*sqldb.Tx, *store.Customer) (bool, error),
) (*journeyv1.Customer, error) {
	answer, err := once.Do(ctx, s.db, name.Brand(req.GetName()), req, func(tx *sqldb.Tx) (*journeyv1.Customer, error) {
		c, err := s.lock(ctx, tx, req.GetName(), req.GetEtag())
		if err == nil {
			err = deleted(c)
		}
		if err != nil {
			return nil, err
		}
		changed, err := change(tx, &c)
		if err != nil {
			return nil, err
		}
		if !changed {
			return s.whole(tx, c)
		}
		return s.saved(tx, c)
	})
	return s.reveal(ctx, answer, err)
}

// UnlinkIdentity implements CustomerService.
func (s *Server) UnlinkIdentity(ctx context.Context, req *journeyv1.UnlinkIdentityRequest) (*journeyv1.Customer, error) {
	brand, hash := name.Brand(req.GetName()), req.GetValueHash()
	if hash == "" {
		claim, err := s.claimOf(brand, "identity", req.GetIdentity())
		if err != nil {
			return nil, err
		}
		hash = claim.hash
	}
	return s.changeCustomer(ctx, req, func(tx *sqldb.Tx, c *store.Customer) (bool, error) {
		held, err := store.Holders(tx, brand, []string{hash})
		if err != nil {
			return false, err
		}
		if h, known := held[hash]; !known || h.Root != c.ID {
			return false, &fault.Error{
				Code: codes.NotFound, Reason: "IDENTITY_UNKNOWN", Message: req.GetName() + " has no such identity",
				Metadata: map[string]string{"name": req.GetName()},
			}
		}
		store.DropIdentity(tx, brand, hash)
		return true, nil
	})
}
