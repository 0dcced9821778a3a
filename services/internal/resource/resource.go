// Package resource answers the standard methods (AIP-131 to AIP-135) of resources
// that are created, listed, changed and deleted alike.
package resource

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Resource is one sort of thing that is created, listed, changed and deleted as
// all others are. P is its message, T its row. Its fields are set once; its methods
// may be called concurrently.
type Resource[P Message, T any] struct {
	DB         *sqldb.DB
	Validator  *rpc.Validator // of messages that were changed
	Table      *table.Table[T]
	Collection string        // in its name
	Field      string        // that holds it in a request
	Filters    filter.Fields // of its list
	Orders     filter.Fields // of its list
	Owner      string        // the column with the partner that may see it; "" for all partners

	Message func(T) P
	Row     func(P, table.Record) (T, error)

	// Check looks at what a row refers to, and may complete it, before it takes the
	// place of old, the zero row for a new one. It may be nil.
	Check func(tx *sqldb.Tx, old T, row *T) error

	InUse func(tx *sqldb.Tx, brand, id string) (bool, error) // by Users; nil for never
	Users string
}

// A Message is one with a resource name. One that can be changed has a field etag.
type Message interface {
	proto.Message
	GetName() string
}

// A CreateRequest is the request of a Create method. It has a field with the
// caller's id, called like that of the resource with _id behind.
type CreateRequest interface {
	once.Request
	GetParent() string
}

// A ListRequest is the request of a List method.
type ListRequest interface {
	page.Request
	GetParent() string
	GetFilter() string
}

// An UpdateRequest is the request of an Update method.
type UpdateRequest interface {
	once.Request
	GetUpdateMask() *fieldmaskpb.FieldMask
}

// A DeleteRequest is the request of a Delete method.
type DeleteRequest interface {
	once.Request
	GetName() string
	GetEtag() string
}

// Create stores in, under the caller's id or a new one.
func (r *Resource[P, T]) Create(ctx context.Context, req CreateRequest, in P) (P, error) {
	var none P
	now, brand := Now(), name.Brand(req.GetParent())
	id := text(req, r.Field+"_id")
	if id == "" {
		id = name.NewID()
	}
	want, err := r.Row(in, table.Record{Brand: brand, ID: id, CreateTime: now, UpdateTime: now, Version: 1})
	if err != nil {
		return none, err
	}
	return once.Do(ctx, r.DB, brand, req, func(tx *sqldb.Tx) (P, error) {
		var old T
		row := want
		if err := r.complete(tx, old, &row); err != nil {
			return none, err
		}
		added, err := r.Table.Add(tx, row)
		if err != nil {
			return none, Explain(name.Join("brands", brand, r.Collection, id), err)
		}
		return r.Message(added), nil
	})
}

// Get returns the one of that name, if the caller may see it.
func (r *Resource[P, T]) Get(ctx context.Context, n string) (P, error) {
	var none P
	rows, err := r.Table.List(ctx, r.DB, table.Listing{
		Brand: name.Brand(n), Where: append(r.visible(ctx), filter.Clause{Text: "id = ?", Args: []any{name.ID(n)}}), By: "id", Limit: 1,
	})
	switch {
	case err != nil:
		return none, err
	case len(rows) == 0:
		return none, fault.NotFound(n)
	}
	return r.Message(rows[0]), nil
}

// List returns a page of those that req asks for, and the token of the next.
func (r *Resource[P, T]) List(ctx context.Context, req ListRequest, orderBy string) ([]P, string, error) {
	postgres, brand := r.DB.Postgres(), name.Brand(req.GetParent())
	picked, err := r.Filters.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, "", err
	}
	order, err := r.Orders.ParseOrder(orderBy)
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
	rows, err := r.Table.List(ctx, r.DB, table.Listing{
		Brand: brand, Where: append(r.visible(ctx), picked.Where(postgres), after), By: order.By(postgres),
		Limit: page.Size(req) + 1, // one more tells whether there is another page
	})
	if err != nil {
		return nil, "", err
	}
	token, all := "", make([]P, len(rows))
	for i := range all {
		all[i] = r.Message(rows[i])
	}
	if n := page.Fit(req, all); n < len(rows) {
		all = all[:n]
		last := all[n-1].ProtoReflect()
		cursor, err = order.Cursor(r.Table.Record(rows[n-1]).ID, func(field string) any { return value(last, field) })
		if err == nil {
			token, err = page.Encode(req, cursor)
		}
	}
	return all, token, err
}

// Update changes the fields of patch that req names.
func (r *Resource[P, T]) Update(ctx context.Context, req UpdateRequest, patch P) (P, error) {
	n := patch.GetName()
	return once.Do(ctx, r.DB, name.Brand(n), req, func(tx *sqldb.Tx) (P, error) {
		var none P
		old, err := r.Lock(tx, n, text(patch, "etag"))
		if err != nil {
			return none, err
		}
		row, err := r.Merge(old, patch, req.GetUpdateMask())
		if err != nil {
			return none, err
		}
		if err := r.complete(tx, old, &row); err != nil {
			return none, err
		}
		if row, err = r.Table.Update(tx, row); err != nil {
			return none, Explain(n, err)
		}
		return r.Message(row), nil
	})
}

// Merge returns old with the fields of patch that paths name, checked against the
// contract.
func (r *Resource[P, T]) Merge(old T, patch P, paths *fieldmaskpb.FieldMask) (T, error) {
	merged, record := r.Message(old), r.Table.Record(old)
	if err := mask.Apply(merged, patch, paths); err != nil {
		return old, err
	}
	if err := r.Validator.Message(merged); err != nil {
		return old, Within(r.Field, err)
	}
	record.UpdateTime = Now()
	return r.Row(merged, record)
}

// Delete deletes the one that req names, unless it is in use.
func (r *Resource[P, T]) Delete(ctx context.Context, req DeleteRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, r.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		if _, err := r.Lock(tx, n, req.GetEtag()); err != nil {
			return nil, err
		}
		if r.InUse != nil {
			used, err := r.InUse(tx, name.Brand(n), name.ID(n))
			if err != nil {
				return nil, err
			}
			if used {
				return nil, fault.Precondition("IN_USE", n, "%s still has %s", n, r.Users)
			}
		}
		r.Table.Delete(tx, name.Brand(n), name.ID(n))
		return &emptypb.Empty{}, nil
	})
}

// Lock returns the row called n, in the version that etag names, and keeps it from
// changing until the transaction ends.
func (r *Resource[P, T]) Lock(tx *sqldb.Tx, n, etag string) (T, error) {
	row, err := r.Table.Lock(tx, name.Brand(n), name.ID(n))
	if err != nil {
		return row, Explain(n, err)
	}
	if want := Version(etag); want != 0 && r.Table.Record(row).Version != want {
		return row, fault.Stale(n)
	}
	return row, nil
}

// complete runs Check, if there is one.
func (r *Resource[P, T]) complete(tx *sqldb.Tx, old T, row *T) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(tx, old, row)
}

// visible returns what holds for the rows that the caller may see.
func (r *Resource[P, T]) visible(ctx context.Context) []filter.Clause {
	caller, _ := rpc.CallerFrom(ctx)
	if caller.Partner == "" || r.Owner == "" {
		return nil
	}
	return []filter.Clause{{Text: r.Owner + " = ?", Args: []any{caller.Partner}}}
}

// text returns what m holds in a field of text, which it must have.
func text(m proto.Message, field string) string {
	r := m.ProtoReflect()
	return r.Get(r.Descriptor().Fields().ByName(protoreflect.Name(field))).String()
}

// value returns what m holds in a field that its list can be ordered by.
func value(m protoreflect.Message, field string) any {
	v := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(field)))
	switch v := v.Interface().(type) {
	case protoreflect.Message:
		return v.Interface().(*timestamppb.Timestamp).AsTime()
	case string:
		if field == "name" {
			return name.ID(v)
		}
	}
	return v.Interface()
}

// Within puts the paths of a fault below a field of the request.
func Within(field string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) == 0 {
		return err
	}
	fields := make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = field + "." + f.Path
		fields[i] = f
	}
	return fault.Invalid(fields...)
}

// Explain turns what a table says about the resource called n into what the caller
// can use.
func Explain(n string, err error) error {
	switch {
	case errors.Is(err, table.ErrNotFound):
		return fault.NotFound(n)
	case errors.Is(err, table.ErrExists):
		return fault.Exists(n)
	}
	return err
}

// Now returns the time now, as a table keeps it.
func Now() time.Time { return sqldb.Time(sqldb.Micros(time.Now())) }

// Etag returns the etag of a version.
func Etag(version int64) string { return strconv.FormatInt(version, 10) }

// Version returns the version that an etag names: 0 for none, -1 for one that never
// was.
func Version(etag string) int64 {
	if etag == "" {
		return 0
	}
	v, err := strconv.ParseInt(etag, 10, 64)
	if err != nil || v <= 0 || strconv.FormatInt(v, 10) != etag {
		return -1
	}
	return v
}
