package api

import (
	"cmp"
	"context"
	"errors"

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
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A resource is one sort of thing that is created, listed, changed and deleted as
// all others are. P is its message, T its row.
type resource[P named, T any] struct {
	table      *store.Table[T]
	collection string        // in its name
	field      string        // that holds it in a request
	filters    filter.Fields // of its list
	orders     filter.Fields // of its list
	owner      string        // the column with the partner that may see it; "" for all partners

	message func(T) P
	row     func(P, store.Record) (T, error)

	// check looks at what a row refers to, and may complete it, before it takes the
	// place of old, the zero row for a new one. It may be nil.
	check func(tx *sqldb.Tx, old T, row *T) error

	inUse func(tx *sqldb.Tx, brand, id string) (bool, error) // by users; nil for never
	users string
}

// named is a message with a resource name.
type named interface {
	proto.Message
	GetName() string
}

// versioned is one that can be changed.
type versioned interface {
	named
	GetEtag() string
}

type createRequest interface {
	once.Request
	GetParent() string
}

type listRequest interface {
	page.Request
	GetParent() string
	GetFilter() string
}

type updateRequest interface {
	once.Request
	GetUpdateMask() *fieldmaskpb.FieldMask
}

type deleteRequest interface {
	once.Request
	GetName() string
	GetEtag() string
}

// create stores in, under the caller's id or a new one.
func create[P named, T any](ctx context.Context, s *Server, r *resource[P, T], req createRequest, in P) (P, error) {
	var none P
	id, _ := value(req.ProtoReflect(), r.field+"_id").(string)
	now, brand := moment(), name.Brand(req.GetParent())
	want, err := r.row(in, store.Record{Brand: brand, ID: idOr(id), CreateTime: now, UpdateTime: now, Version: 1})
	if err != nil {
		return none, err
	}
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (P, error) {
		var old T
		row := want
		if err := r.complete(tx, old, &row); err != nil {
			return none, err
		}
		added, err := r.table.Add(tx, row)
		if err != nil {
			return none, explain(ref(brand, r.collection, r.table.Record(row).ID), err)
		}
		return r.message(added), nil
	})
}

// complete runs check, if there is one.
func (r *resource[P, T]) complete(tx *sqldb.Tx, old T, row *T) error {
	if r.check == nil {
		return nil
	}
	return r.check(tx, old, row)
}

// get returns the one of that name, if the caller may see it.
func get[P named, T any](ctx context.Context, s *Server, r *resource[P, T], n string) (P, error) {
	var none P
	rows, err := r.table.List(ctx, s.Store, store.Listing{
		Brand: name.Brand(n), Where: append(r.visible(ctx), filter.Clause{Text: "id = ?", Args: []any{name.ID(n)}}), By: "id", Limit: 1,
	})
	switch {
	case err != nil:
		return none, err
	case len(rows) == 0:
		return none, fault.NotFound(n)
	}
	return r.message(rows[0]), nil
}

// list returns a page of those that req asks for, and the token of the next.
func list[P named, T any](ctx context.Context, s *Server, r *resource[P, T], req listRequest, orderBy string) ([]P, string, error) {
	postgres, brand := s.DB.Postgres(), name.Brand(req.GetParent())
	picked, err := r.filters.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, "", err
	}
	order, err := r.orders.ParseOrder(orderBy)
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
	rows, err := r.table.List(ctx, s.Store, store.Listing{
		Brand: brand, Where: append(r.visible(ctx), picked.Where(postgres), after), By: order.By(postgres),
		Limit: page.Size(req) + 1, // one more tells whether there is another page
	})
	if err != nil {
		return nil, "", err
	}
	token, all := "", make([]P, len(rows))
	for i := range all {
		all[i] = r.message(rows[i])
	}
	if n := page.Fit(req, all); n < len(rows) {
		all = all[:n]
		last := all[n-1].ProtoReflect()
		cursor, err = order.Cursor(r.table.Record(rows[n-1]).ID, func(field string) any { return value(last, field) })
		if err == nil {
			token, err = page.Encode(req, cursor)
		}
	}
	return all, token, err
}

// update changes the fields of patch that req names.
func update[P versioned, T any](ctx context.Context, s *Server, r *resource[P, T], req updateRequest, patch P) (P, error) {
	n := patch.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (P, error) {
		var none P
		old, err := r.lock(tx, n, patch.GetEtag())
		if err != nil {
			return none, err
		}
		merged := r.message(old)
		if err := mask.Apply(merged, patch, req.GetUpdateMask()); err != nil {
			return none, err
		}
		if err := s.Validator.Message(merged); err != nil {
			return none, within(r.field, err)
		}
		record := r.table.Record(old)
		record.UpdateTime = moment()
		row, err := r.row(merged, record)
		if err != nil {
			return none, err
		}
		if err := r.complete(tx, old, &row); err != nil {
			return none, err
		}
		if row, err = r.table.Update(tx, row); err != nil {
			return none, explain(n, err)
		}
		return r.message(row), nil
	})
}

// remove deletes the one that req names, unless it is in use.
func remove[P named, T any](ctx context.Context, s *Server, r *resource[P, T], req deleteRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		if _, err := r.lock(tx, n, req.GetEtag()); err != nil {
			return nil, err
		}
		if r.inUse != nil {
			used, err := r.inUse(tx, name.Brand(n), name.ID(n))
			if err != nil {
				return nil, err
			}
			if used {
				return nil, fault.Precondition("IN_USE", n, "%s still has %s", n, r.users)
			}
		}
		r.table.Delete(tx, name.Brand(n), name.ID(n))
		return &emptypb.Empty{}, nil
	})
}

// lock returns the row called n, in the version that etag names, and keeps it from
// changing until the transaction ends.
func (r *resource[P, T]) lock(tx *sqldb.Tx, n, etag string) (T, error) {
	row, err := r.table.Lock(tx, name.Brand(n), name.ID(n))
	if err != nil {
		return row, explain(n, err)
	}
	if want := version(etag); want != 0 && r.table.Record(row).Version != want {
		return row, fault.Stale(n)
	}
	return row, nil
}

// visible returns what holds for the rows that the caller may see.
func (r *resource[P, T]) visible(ctx context.Context) []filter.Clause {
	partner := partnerOf(ctx)
	if partner == "" || r.owner == "" {
		return nil
	}
	return []filter.Clause{{Text: r.owner + " = ?", Args: []any{partner}}}
}

// value returns what a message holds in a field, a time or a scalar.
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

// within puts the paths of a fault below a field of the request.
func within(field string, err error) error {
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

// byName orders a list by name if orderBy is empty.
func byName(orderBy string) string { return cmp.Or(orderBy, "name") }
