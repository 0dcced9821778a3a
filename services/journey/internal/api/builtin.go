package api

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// A message is one that can be changed.
type message interface {
	resource.Message
	GetEtag() string
}

// A begun is a resource of which every brand begins with some, to be changed by each
// for itself. Its methods may be called concurrently.
type begun[P message, T any] struct {
	resource.Resource[P, T]
	store     *store.Store
	revisions bool                         // whether they are kept
	value     func(T, string) any          // of a field that the list can be ordered by, but name and create_time
	used      func(*sqldb.Tx, T) error     // refuses to delete what is the brand's own and in use; nil for never
	changed   func(tx *sqldb.Tx, _ string) // is told of a brand's changes; may be nil
}

// create stores in, under the caller's id or a new one.
func (b *begun[P, T]) create(ctx context.Context, req resource.CreateRequest, in P) (P, error) {
	r, check := b.Resource, b.Check
	r.Check = func(tx *sqldb.Tx, old T, row *T) error {
		record := b.Table.Record(*row)
		taken, err := store.BuiltIn(tx, b.Table, record.ID)
		if err != nil {
			return err
		}
		if taken {
			return fault.Exists(name.Join("brands", record.Brand, b.Collection, record.ID))
		}
		b.tell(tx, record.Brand)
		if check == nil {
			return nil
		}
		return check(tx, old, row)
	}
	return r.Create(ctx, req, in)
}

// get returns the one of that name.
func (b *begun[P, T]) get(ctx context.Context, n string) (P, error) {
	row, err := b.row(ctx, n)
	if err != nil {
		var none P
		return none, err
	}
	return b.Message(row), nil
}

func (b *begun[P, T]) row(ctx context.Context, n string) (T, error) {
	row, err := store.One(b.store.Reader(ctx), b.Table, name.Brand(n), name.ID(n))
	return row, resource.Explain(n, err)
}

// list returns a page of those that req asks for, and the token of the next.
func (b *begun[P, T]) list(ctx context.Context, req resource.ListRequest, orderBy string) ([]P, string, error) {
	postgres, brand := b.DB.Postgres(), name.Brand(req.GetParent())
	picked, err := b.Filters.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, "", err
	}
	order, err := b.Orders.ParseOrder(orderBy)
	if err != nil {
		return nil, "", err
	}
	var cursor filter.Cursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, "", err
	}
	after, err := order.After(cursor, postgres)
	if err != nil {
		return nil, "", err
	}
	rows, err := store.Effective(b.store.Reader(ctx), b.Table, table.Listing{
		Brand: brand, Where: []filter.Clause{picked.Where(postgres), after}, By: order.By(postgres), Limit: page.Size(req) + 1,
	})
	if err != nil {
		return nil, "", err
	}
	token, all := "", make([]P, len(rows))
	for i := range all {
		all[i] = b.Message(rows[i])
	}
	if n := page.Fit(req, all); n < len(rows) {
		all = all[:n]
		last := rows[n-1]
		cursor, err = order.Cursor(b.Table.Record(last).ID, func(field string) any { return b.at(last, field) })
		if err == nil {
			token, err = page.Encode(req, cursor)
		}
	}
	return all, token, err
}

// at returns what row holds in a field that the list can be ordered by.
func (b *begun[P, T]) at(row T, field string) any {
	switch field {
	case "name":
		return b.Table.Record(row).ID
	case "create_time":
		return b.Table.Record(row).CreateTime
	}
	return b.value(row, field)
}

// update changes the fields of patch that req names.
func (b *begun[P, T]) update(ctx context.Context, req resource.UpdateRequest, patch P) (P, error) {
	n := patch.GetName()
	return once.Do(ctx, b.DB, name.Brand(n), req, func(tx *sqldb.Tx) (P, error) {
		var none P
		old, err := b.adopt(tx, n, patch.GetEtag())
		if err != nil {
			return none, err
		}
		row, err := b.Merge(old, patch, req.GetUpdateMask())
		if err != nil {
			return none, err
		}
		if b.Check != nil {
			if err := b.Check(tx, old, &row); err != nil {
				return none, err
			}
		}
		if row, err = b.save(tx, old, row); err != nil {
			return none, resource.Explain(n, err)
		}
		return b.Message(row), nil
	})
}

// adopt returns the row called n, in the version that etag names, as the brand's own,
// and keeps it from changing until the transaction ends.
func (b *begun[P, T]) adopt(tx *sqldb.Tx, n, etag string) (T, error) {
	adopted, err := store.Adopt(tx, b.Table, name.Brand(n), name.ID(n), resource.Now())
	if err != nil {
		var none T
		return none, err
	}
	row, err := b.Lock(tx, n, etag)
	if err != nil || !adopted {
		return row, err
	}
	return store.Resume(tx, b.Table, row)
}

// save writes row in the place of old.
func (b *begun[P, T]) save(tx *sqldb.Tx, old, row T) (T, error) {
	if b.revisions {
		if err := store.KeepRevision(tx, b.Table, old); err != nil {
			return row, err
		}
	}
	b.tell(tx, b.Table.Record(old).Brand)
	return b.Table.Update(tx, row)
}

func (b *begun[P, T]) tell(tx *sqldb.Tx, brand string) {
	if b.changed != nil {
		b.changed(tx, brand)
	}
}

// remove deletes what is the brand's own, unless it is in use.
func (b *begun[P, T]) remove(ctx context.Context, req resource.DeleteRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	brand, id := name.Brand(n), name.ID(n)
	return once.Do(ctx, b.DB, brand, req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		builtin, err := store.BuiltIn(tx, b.Table, id)
		if err != nil {
			return nil, err
		}
		_, err = b.Table.Get(tx, brand, id)
		if builtin && errors.Is(err, table.ErrNotFound) {
			return nil, fault.Precondition("BUILT_IN", n, "%s is one that every brand begins with", n)
		}
		row, err := b.Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		if !builtin && b.used != nil {
			if err := b.used(tx, row); err != nil {
				return nil, err
			}
		}
		if builtin {
			store.Reset(tx, b.Table, row)
		}
		b.Table.Delete(tx, brand, id)
		store.DropRevisions(tx, b.Table, brand, id)
		b.tell(tx, brand)
		return &emptypb.Empty{}, nil
	})
}

// A revisionsRequest asks for the revisions of something.
type revisionsRequest interface {
	page.Request
	GetName() string
}

// history returns a page of the revisions of what req names, newest first, and the
// token of the next.
func (b *begun[P, T]) history(ctx context.Context, req revisionsRequest) ([]P, string, error) {
	var before int64
	if err := page.Decode(req, &before); err != nil {
		return nil, "", err
	}
	row, err := b.row(ctx, req.GetName())
	if err != nil {
		return nil, "", err
	}
	var rows []T
	if before == 0 { // the first page begins with what it is now
		rows, before = append(rows, row), b.Table.Record(row).Version
	}
	older, err := store.Revisions(ctx, b.store, b.Table, row, before, page.Size(req)+1)
	if err != nil {
		return nil, "", err
	}
	var all []P
	for _, row := range append(rows, older...) {
		all = append(all, b.Message(row))
	}
	token, fit := "", page.Fit(req, all)
	if fit < len(all) {
		token, err = page.Encode(req, resource.Version(all[fit-1].GetEtag()))
	}
	return all[:fit], token, err
}

// begins reports whether a row is as every brand begins with it.
func begins(r table.Record) bool { return r.CreateTime.Equal(sqldb.Time(0)) }

// since returns a time of a row, absent where every brand begins with it.
func since(r table.Record, us int64) *timestamppb.Timestamp {
	if begins(r) {
		return nil
	}
	return stamp(us)
}
