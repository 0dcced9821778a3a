package api

import (
	"context"
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// customerFields are the fields that customers are filtered and ordered by.
var customerFields = filter.Fields{
	{Name: "name", Kind: filter.Name, Column: "id", Collection: "customers", Order: "id"},
	{Name: "segments", Kind: filter.Map},
	{Name: "persona"},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "activity_status", Kind: filter.Enum, Enum: journeyv1.Customer_ActivityStatus(0).Descriptor()},
	{Name: "anonymous", Kind: filter.Bool},
	{Name: "first_event_time", Kind: filter.Time, Column: "NULLIF(first_event_time, 0)", Nullable: true, Order: "first_event_time"},
	{Name: "first_channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "last_event_time", Kind: filter.Time, Column: "NULLIF(last_event_time, 0)", Nullable: true, Order: "last_event_time"},
	{Name: "touchpoint_count", Kind: filter.Number, Column: "touchpoints", Order: "touchpoints"},
	{Name: "service_touchpoint_count", Kind: filter.Number, Column: "services"},
	{Name: "create_time", Kind: filter.Time, Order: "create_time"},
	{Name: "update_time", Kind: filter.Time, Order: "update_time"},
	{Name: "delete_time", Kind: filter.Time, Nullable: true},
}

// ListCustomers implements CustomerService.
func (s *Server) ListCustomers(ctx context.Context, req *journeyv1.ListCustomersRequest) (*journeyv1.ListCustomersResponse, error) {
	postgres, brand := s.db.Postgres(), name.Brand(req.GetParent())
	picked, err := customerFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	order, err := customerFields.ParseOrder(req.GetOrderBy())
	if err != nil {
		return nil, err
	}
	var cursor filter.Cursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	after, err := order.After(cursor, postgres)
	if err != nil {
		return nil, err
	}
	where := []filter.Clause{picked.Where(postgres), after}
	if !req.GetShowDeleted() {
		where = append(where, filter.Clause{Text: `delete_time IS NULL`})
	}
	if !req.GetShowMerged() {
		where = append(where, filter.Clause{Text: store.Unmerged})
	}
	rows, err := store.CustomerTable.List(ctx, s.db, table.Listing{
		Brand: brand, Where: where, By: order.By(postgres), Limit: page.Size(req) + 1, // one more tells whether there is another page
	})
	if err != nil {
		return nil, err
	}
	answer := &journeyv1.ListCustomersResponse{}
	for _, c := range rows {
		p, err := s.reveal(ctx, toCustomer(c), nil)
		if err != nil {
			return nil, err
		}
		answer.Customers = append(answer.Customers, p)
	}
	if n := page.Fit(req, answer.GetCustomers()); n < len(rows) {
		answer.Customers = answer.Customers[:n]
		answer.NextPageToken, err = nextCustomer(req, order, rows[n-1])
	}
	return answer, err
}

// nextCustomer returns the token of the page after c.
func nextCustomer(req *journeyv1.ListCustomersRequest, order filter.Order, c store.Customer) (string, error) {
	cursor, err := order.Cursor(c.ID, func(field string) any {
		switch field {
		case "first_event_time":
			return ordered(c.First.Time)
		case "last_event_time":
			return ordered(c.Last)
		case "touchpoint_count":
			return c.Touchpoints
		case "create_time":
			return c.CreateTime
		case "update_time":
			return c.UpdateTime
		}
		return c.ID
	})
	if err != nil {
		return "", err
	}
	return page.Encode(req, cursor)
}

// ordered returns t as it is ordered by: 1970 for none.
func ordered(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t
}
