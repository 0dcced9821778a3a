package api

import (
	"context"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// holds are the legal holds.
func (p *Privacy) holds() *resource.Resource[*gatewayv1.LegalHold, store.LegalHold] {
	return &resource.Resource[*gatewayv1.LegalHold, store.LegalHold]{
		DB: p.DB, Validator: p.Validator, Table: store.LegalHolds, Collection: "legalHolds", Field: "legal_hold",
		Filters: filter.Fields{
			{Name: "customer", Kind: filter.Name, Collection: "customers"},
			{Name: "create_time", Kind: filter.Time},
		},
		Orders:  filter.Fields{{Name: "create_time", Kind: filter.Time, Order: "create_time"}},
		Message: toLegalHold,
		Row: func(m *gatewayv1.LegalHold, r table.Record) (store.LegalHold, error) {
			return store.LegalHold{Record: r, Customer: name.ID(m.GetCustomer()), Reason: m.GetReason()}, nil
		},
		Check: func(tx *sqldb.Tx, _ store.LegalHold, row *store.LegalHold) error {
			switch late, err := store.Erasing(tx, row.Brand, row.Customer); {
			case err != nil:
				return err
			case late:
				return underWay(name.Join("brands", row.Brand, "customers", row.Customer))
			}
			return p.Own.Tombstones.Refuse(row.Brand, row.Customer)
		},
	}
}

func toLegalHold(h store.LegalHold) *gatewayv1.LegalHold {
	m := &gatewayv1.LegalHold{
		Name: name.Join("brands", h.Brand, "legalHolds", h.ID), Customer: name.Join("brands", h.Brand, "customers", h.Customer), Reason: h.Reason,
		CreateTime: timestamppb.New(h.CreateTime), UpdateTime: timestamppb.New(h.UpdateTime), Etag: resource.Etag(h.Version),
	}
	if !h.Released.IsZero() {
		m.ReleaseTime = timestamppb.New(h.Released)
	}
	return m
}

// PlaceLegalHold implements PrivacyService.
func (p *Privacy) PlaceLegalHold(ctx context.Context, req *gatewayv1.PlaceLegalHoldRequest) (*gatewayv1.LegalHold, error) {
	return p.holds().Create(ctx, req, req.GetLegalHold())
}

// GetLegalHold implements PrivacyService.
func (p *Privacy) GetLegalHold(ctx context.Context, req *gatewayv1.GetLegalHoldRequest) (*gatewayv1.LegalHold, error) {
	return p.holds().Get(ctx, req.GetName())
}

// ListLegalHolds implements PrivacyService.
func (p *Privacy) ListLegalHolds(ctx context.Context, req *gatewayv1.ListLegalHoldsRequest) (*gatewayv1.ListLegalHoldsResponse, error) {
	order := req.GetOrderBy()
	if order == "" {
		order = "create_time desc"
	}
	all, next, err := p.holds().List(ctx, req, order)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.ListLegalHoldsResponse{LegalHolds: all, NextPageToken: next}, nil
}

// ReleaseLegalHold implements PrivacyService. Releasing twice is not an error.
func (p *Privacy) ReleaseLegalHold(ctx context.Context, req *gatewayv1.ReleaseLegalHoldRequest) (*gatewayv1.LegalHold, error) {
	n := req.GetName()
	return once.Do(ctx, p.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.LegalHold, error) {
		h, err := p.holds().Lock(tx, n, req.GetEtag())
		if err != nil || !h.Released.IsZero() {
			return toLegalHold(h), err
		}
		h.Released = resource.Now()
		h.UpdateTime = h.Released
		h, err = store.LegalHolds.Update(tx, h)
		return toLegalHold(h), resource.Explain(n, err)
	})
}

// HoldsOf calls send with each legal hold on a customer, for exports.
func (p *Privacy) HoldsOf(ctx context.Context, brand, id string, send privacy.Send) error {
	rows, err := store.LegalHolds.List(ctx, p.DB, table.Listing{
		Brand: brand, Where: []filter.Clause{{Text: "customer = ?", Args: []any{id}}}, By: "id", Limit: 1000,
	})
	for i := 0; err == nil && i < len(rows); i++ {
		err = send("legal_holds", toLegalHold(rows[i]))
	}
	return err
}

func jsonOf(m proto.Message) (string, error) {
	text, err := protojson.Marshal(m)
	return string(text), err
}

// ListErasureReceipts implements PrivacyService.
func (p *Privacy) ListErasureReceipts(ctx context.Context, req *gatewayv1.ListErasureReceiptsRequest) (*gatewayv1.ListErasureReceiptsResponse, error) {
	size, before := page.Size(req), ""
	if err := page.Decode(req, &before); err != nil {
		return nil, err
	}
	rows, err := p.Store.Receipts(ctx, name.Brand(req.GetParent()), before, size+1)
	if err != nil {
		return nil, err
	}
	answer := &gatewayv1.ListErasureReceiptsResponse{}
	for i, raw := range rows {
		if i == size {
			last := answer.GetErasureReceipts()[size-1].GetName()
			answer.NextPageToken, err = page.Encode(req, name.ID(last))
			return answer, err
		}
		receipt := &gatewayv1.ErasureReceipt{}
		if err := proto.Unmarshal(raw, receipt); err != nil {
			return nil, fault.Unavailable("RECEIPT", "a receipt cannot be read", err)
		}
		answer.ErasureReceipts = append(answer.ErasureReceipts, receipt)
	}
	return answer, nil
}
