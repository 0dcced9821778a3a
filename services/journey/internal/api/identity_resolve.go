package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// ResolveCustomer implements CustomerService.
func (s *Server) ResolveCustomer(ctx context.Context, req *journeyv1.ResolveCustomerRequest) (*journeyv1.ResolveCustomerResponse, error) {
	brand := name.Brand(req.GetParent())
	claims, err := s.claims(brand, req.GetIdentities())
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.ResolveCustomerResponse, error) {
		r, err := s.resolver(ctx, tx, brand, hashes(claims))
		if err != nil {
			return nil, err
		}
		return r.resolve(req, claims)
	})
}

// BatchResolveCustomers implements CustomerService.
func (s *Server) BatchResolveCustomers(
	ctx context.Context, req *journeyv1.BatchResolveCustomersRequest,
) (*journeyv1.BatchResolveCustomersResponse, error) {
	brand := name.Brand(req.GetParent())
	claims, wrong := make([][]claim, len(req.GetRequests())), make([]error, len(req.GetRequests()))
	var all []string
	for i, one := range req.GetRequests() {
		if wrong[i] = s.batchable(brand, one); wrong[i] == nil {
			claims[i], wrong[i] = s.claims(brand, one.GetIdentities())
		}
		all = append(all, hashes(claims[i])...)
	}
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.BatchResolveCustomersResponse, error) {
		r, err := s.resolver(ctx, tx, brand, all)
		if err != nil {
			return nil, err
		}
		answer := &journeyv1.BatchResolveCustomersResponse{}
		for i, one := range req.GetRequests() {
			resolved, err := (*journeyv1.ResolveCustomerResponse)(nil), wrong[i]
			if err == nil {
				resolved, err = r.resolve(one, claims[i])
			}
			if err != nil && !itemsFault(err) {
				return nil, err
			}
			result := &journeyv1.ResolveCustomerResult{Resolved: resolved}
			if err != nil {
				result.Error = status.Convert(err).Proto()
			}
			answer.Results = append(answer.Results, result)
		}
		return answer, nil
	})
}

// batchable checks an item of a batch as if it had come alone.
func (s *Server) batchable(brand string, one *journeyv1.ResolveCustomerRequest) error {
	if err := s.validator.Message(one); err != nil {
		return err
	}
	switch {
	case name.Brand(one.GetParent()) != brand:
		return fault.NotFound(one.GetParent())
	case one.GetRequestId() != "":
		return belongsToBatch("request_id")
	case one.GetValidateOnly():
		return belongsToBatch("validate_only")
	}
	return nil
}

// itemsFault reports whether err is about an item of a batch and not about the batch.
func itemsFault(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition:
		return true
	}
	return false
}

// A resolver finds out who has some identities, in one write.
type resolver struct {
	*Server
	ctx   context.Context
	tx    *sqldb.Tx
	brand string
	held  map[string]store.Holder // by hash, kept up to date
}

// resolver returns one that knows who has the identities of some hashes.
func (s *Server) resolver(ctx context.Context, tx *sqldb.Tx, brand string, hashes []string) (*resolver, error) {
	s.store.Turn(tx)
	held, err := store.Holders(tx, brand, hashes)
	return &resolver{s, ctx, tx, brand, held}, err
}

// resolve answers one request. A refusal leaves nothing behind.
func (r *resolver) resolve(req *journeyv1.ResolveCustomerRequest, claims []claim) (*journeyv1.ResolveCustomerResponse, error) {
	answer := &journeyv1.ResolveCustomerResponse{}
	owned := make([]claim, 0, len(claims))
	for _, c := range claims {
		if c.Shared() {
			answer.Shared = append(answer.Shared, int32(c.index)) //nolint:gosec // at most 20
		} else {
			owned = append(owned, c)
		}
	}
	root, err := r.root(owned)
	if err != nil {
		return nil, err
	}
	switch {
	case root != "":
		answer.Customer = customerName(r.brand, root)
		if req.GetLinkMissing() {
			answer.Linked, err = r.link(root, owned)
		}
	case req.GetCreateMissing():
		id := req.GetCustomerId()
		if id == "" {
			id = name.NewID()
		}
		answer.Customer, answer.Created = customerName(r.brand, id), true
		answer.Linked, err = r.create(id, req.GetCustomerId() == "", owned)
	default:
		err = &fault.Error{Code: codes.NotFound, Reason: "IDENTITY_UNKNOWN", Message: "no customer has any of the identities"}
	}
	return answer, err
}

// root returns the customer that has any of the identities; "" if nobody does.
func (r *resolver) root(claims []claim) (string, error) {
	var roots []string
	for _, c := range claims {
		h, known := r.held[c.hash]
		if !known || slices.Contains(roots, customerName(r.brand, h.Root)) {
			continue
		}
		n := customerName(r.brand, h.Root)
		if h.Deleted {
			return "", fault.Precondition("DELETED", n, "%s is deleted; undelete it first", n)
		}
		roots = append(roots, n)
	}
	switch len(roots) {
	case 0:
		return "", nil
	case 1:
		return name.ID(roots[0]), nil
	}
	slices.Sort(roots)
	return "", &fault.Error{
		Code: codes.FailedPrecondition, Reason: "IDENTITY_CONFLICT",
		Message:  fmt.Sprintf("the identities are of %d customers; merge them if they are one", len(roots)),
		Metadata: map[string]string{"customers": strings.Join(roots, ",")},
	}
}

// link links those identities to a customer that are verified.
func (r *resolver) link(root string, claims []claim) ([]int32, error) {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return !c.verified })
	if !slices.ContainsFunc(claims, func(c claim) bool { return !r.held[c.hash].Verified }) {
		return nil, nil
	}
	c, err := r.find(r.ctx, r.tx, r.brand, root)
	if err != nil {
		return nil, err
	}
	linked, _, err := r.linkAll(r.tx, &c, claims, r.held)
	if err != nil {
		return nil, err
	}
	_, err = r.save(r.tx, c)
	return linked, err
}

// create creates a customer with identities that nobody has.
func (r *resolver) create(id string, fresh bool, claims []claim) ([]int32, error) {
	c := store.Customer{Record: table.Record{Brand: r.brand, ID: id}, Anonymous: true}
	if !fresh {
		var err error
		if c, err = r.newcomer(r.ctx, r.tx, r.brand, id); err != nil {
			return nil, err
		}
	}
	linked, _, err := r.linkAll(r.tx, &c, claims, r.held)
	if err != nil {
		return nil, err
	}
	_, err = r.save(r.tx, c)
	return linked, err
}
