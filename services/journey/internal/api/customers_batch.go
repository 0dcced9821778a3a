package api

import (
	"context"
	"errors"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// BatchGetCustomers implements CustomerService.
func (s *Server) BatchGetCustomers(ctx context.Context, req *journeyv1.BatchGetCustomersRequest) (*journeyv1.BatchGetCustomersResponse, error) {
	brand := name.Brand(req.GetParent())
	for _, n := range req.GetNames() {
		if name.Brand(n) != brand {
			return nil, fault.NotFound(n)
		}
	}
	answer := &journeyv1.BatchGetCustomersResponse{}
	found := map[string]*journeyv1.Customer{} // by name
	err := s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error {
		r := snapshot.Reader(ctx)
		for _, n := range req.GetNames() {
			c, err := s.find(ctx, r, brand, name.ID(n))
			if errors.Is(err, table.ErrNotFound) {
				answer.NotFound = append(answer.NotFound, n)
				continue
			}
			if err != nil {
				return err
			}
			p := found[customerName(brand, c.ID)]
			if p == nil {
				if p, err = s.whole(r, c); err != nil {
					return err
				}
				found[p.GetName()] = p
			}
			answer.Customers, answer.RequestedNames = append(answer.Customers, p), append(answer.RequestedNames, n)
		}
		return nil
	})
	for _, p := range found {
		if _, err = s.reveal(ctx, p, err); err != nil {
			return nil, err
		}
	}
	return answer, err
}
