package api

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/currency"
	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// RecordTouchpoint implements TouchpointService.
func (s *Server) RecordTouchpoint(ctx context.Context, req *journeyv1.RecordTouchpointRequest) (*journeyv1.Touchpoint, error) {
	brand := name.Brand(req.GetParent())
	known, err := s.catalog.of(ctx, brand)
	if err != nil {
		return nil, err
	}
	t, kind, err := s.touchpoint(ctx, known, req, req.GetRequestId(), s.now())
	if err != nil {
		return nil, err
	}
	ref := new(reference).to(brand, kind, &t)
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Touchpoint, error) {
		one := []store.Touchpoint{t}
		s.date(one)
		recorded, err := s.store.Record(tx, brand, one)
		if err != nil {
			return nil, err
		}
		if err := taken(brand, &t, &recorded[0]); err != nil {
			return nil, err
		}
		s.announce(tx, brand, recorded, []*eventv1.TouchpointRef{ref})
		return touchpointToProto(brand, recorded[0].Touchpoint)
	})
}

// taken refuses a touchpoint whose id another one has already, or whose event was
// recorded with other content or for somebody else, of whom nothing is told. A repeat is
// none of it: it is answered with what was stored.
func taken(brand string, t *store.Touchpoint, r *store.Recorded) error {
	known := &r.Touchpoint
	same := t.EventID != "" && t.EventID == known.EventID && t.Source == known.Source
	switch {
	case r.New:
		return nil
	case !same && (r.Stranger || t.EventID != ""):
		return fault.Exists(touchpointName(brand, t.Customer, t.ID))
	case r.Stranger:
		return &fault.Error{Code: codes.AlreadyExists, Reason: "EVENT_ID_TAKEN", Message: "the event was recorded for another customer"}
	case known.Digest == 0 || known.Digest == t.Digest:
		return nil
	case !same:
		return fault.Exists(touchpointName(brand, known.Customer, known.ID))
	}
	stored := touchpointName(brand, known.Customer, known.ID)
	return &fault.Error{
		Code: codes.AlreadyExists, Reason: "EVENT_ID_TAKEN", Metadata: map[string]string{"name": stored},
		Message: "the event was recorded with other content, as " + stored,
	}
}

// touchpoint returns what a request asks to record by the definitions of its brand, and its kind by those. A touchpoint that names no
// event is the event called fallback; without that either, it is like no other.
func (s *Server) touchpoint(ctx context.Context, known definitions, req *journeyv1.RecordTouchpointRequest, fallback string, now time.Time) (t store.Touchpoint, kind typev1.TouchpointKind, err error) {
	p := req.GetTouchpoint()
	if p.GetEventTime().AsTime().After(now.Add(fault.Lead)) {
		return t, 0, fault.Ahead("touchpoint.event_time")
	}
	if id := p.GetEventId(); id != "" && (strings.TrimSpace(id) == "" || strings.ContainsFunc(id, unicode.IsControl)) {
		return t, 0, fault.Invalid(fault.Field{
			Path: "touchpoint.event_id", Reason: "touchpoint.event_id", Description: "must have something but spaces, and no control characters",
		})
	}
	brand, customer := known.brand, name.ID(req.GetParent())
	if err := s.tombstones.Refuse(brand, customer); err != nil {
		return t, 0, err
	}
	d, err := known.find(ctx, name.ID(p.GetDefinition()))
	if err != nil {
		return t, 0, err
	}
	if t, err = touchpointFromProto(brand, customer, p, d); err != nil {
		return t, 0, err
	}
	if code := t.Value.Currency; code != "" {
		if _, err := currency.ParseISO(code); err != nil {
			return t, 0, fault.Invalid(fault.Field{
				Path: "touchpoint.value.currency_code", Reason: "CURRENCY", Description: "must be a currency of ISO 4217",
			})
		}
	}
	t.ID = req.GetTouchpointId()
	if t.EventID == "" && t.ID == "" {
		t.EventID = fallback
	}
	s.identify(&t)
	return t, d.Kind, nil
}

// identify gives t its id: the one that the caller chose, else one that follows
// from the event, so that the same event makes the same touchpoint; else a new one.
func (s *Server) identify(t *store.Touchpoint) {
	derived := s.store.EventKey(t.Source, t.EventID)
	switch {
	case t.ID == "" && derived == "":
		t.ID, t.Digest = name.NewID(), 0 // nobody can repeat it
	case t.ID == "":
		t.ID = derived
	case t.ID != derived:
		t.Alias = derived
	}
}

// GetTouchpoint implements TouchpointService.
func (s *Server) GetTouchpoint(ctx context.Context, req *journeyv1.GetTouchpointRequest) (*journeyv1.Touchpoint, error) {
	brand := name.Brand(req.GetName())
	t, err := s.store.Touchpoint(ctx, brand, name.ID(name.Parent(req.GetName())), name.ID(req.GetName()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound(req.GetName())
	}
	if err != nil {
		return nil, err
	}
	return touchpointToProto(brand, t)
}

// touchpointFields are the fields that touchpoints are filtered and ordered by.
var touchpointFields = filter.Fields{
	{Name: "definition", Kind: filter.Name, Collection: "touchpointDefinitions"},
	{Name: "customer", Kind: filter.Name, Collection: "customers"},
	{Name: "source"},
	{Name: "event_id"},
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
	{Name: "expectation", Kind: filter.Enum, Enum: typev1.Expectation(0).Descriptor()},
	{Name: "emotion", Kind: filter.Enum, Enum: typev1.Emotion(0).Descriptor()},
	{Name: "ticket", Kind: filter.Name, Column: "substr(ticket, 9)", Collection: "tickets", Nullable: true},
	{Name: "is_service", Kind: filter.Bool},
	{Name: "event_time", Kind: filter.Time, Order: "event_time"},
	{Name: "record_time", Kind: filter.Time, Order: "record_time"},
	{Name: "attributes", Kind: filter.Map},
}

// ListTouchpoints implements TouchpointService.
func (s *Server) ListTouchpoints(ctx context.Context, req *journeyv1.ListTouchpointsRequest) (*journeyv1.ListTouchpointsResponse, error) {
	brand := name.Brand(req.GetParent())
	picked, err := touchpointFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	order, err := touchpointFields.ParseOrder(cmp.Or(strings.TrimSpace(req.GetOrderBy()), "event_time desc"))
	if err != nil {
		return nil, err
	}
	var cursor filter.Cursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	after, err := order.After(cursor, s.db.Postgres())
	if err != nil {
		return nil, err
	}
	customers, err := s.store.Members(ctx, brand, name.ID(req.GetParent()))
	if err != nil {
		return nil, err
	}
	touchpoints, err := s.store.List(ctx, store.Listing{
		Brand: brand, Customers: customers, Where: []filter.Clause{picked.Where(s.db.Postgres()), after},
		By: order.By(s.db.Postgres()), Limit: page.Size(req) + 1, // one more tells whether there is another page
	})
	if err != nil {
		return nil, err
	}
	if len(touchpoints) == 0 { // of a customer without any, or of no customer?
		if err := s.exists(ctx, req.GetParent()); err != nil {
			return nil, err
		}
	}
	answer := &journeyv1.ListTouchpointsResponse{}
	for _, t := range touchpoints {
		p, err := touchpointToProto(brand, t)
		if err != nil {
			return nil, err
		}
		answer.Touchpoints = append(answer.Touchpoints, p)
	}
	if n := page.Fit(req, answer.GetTouchpoints()); n < len(touchpoints) {
		answer.Touchpoints = answer.GetTouchpoints()[:n]
		answer.NextPageToken, err = nextTouchpoint(req, order, &touchpoints[n-1])
	}
	return answer, err
}

// nextTouchpoint returns the token of the page after last.
func nextTouchpoint(req *journeyv1.ListTouchpointsRequest, order filter.Order, last *store.Touchpoint) (string, error) {
	cursor, err := order.Cursor(last.ID, func(field string) any {
		if field == "record_time" {
			return last.RecordTime
		}
		return last.EventTime
	})
	if err != nil {
		return "", err
	}
	return page.Encode(req, cursor)
}
