package api

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"math"
	"strings"
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// RecordTouchpoint implements TouchpointService.
func (s *Server) RecordTouchpoint(ctx context.Context, req *journeyv1.RecordTouchpointRequest) (*journeyv1.Touchpoint, error) {
	brand := name.Brand(req.GetParent())
	t, err := s.touchpoint(ctx, req, req.GetRequestId(), s.now())
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.Touchpoint, error) {
		recorded, err := s.store.Record(tx, brand, []store.Touchpoint{t})
		if err != nil {
			return nil, err
		}
		if err := taken(brand, t, recorded[0]); err != nil {
			return nil, err
		}
		if err := s.announce(ctx, tx, brand, recorded); err != nil {
			return nil, err
		}
		return touchpointToProto(brand, recorded[0].Touchpoint)
	})
}

// taken refuses a touchpoint whose id another customer's has already. A repeat of
// one event is none: it is answered with what was stored, whoever's it is.
func taken(brand string, t store.Touchpoint, r store.Recorded) error {
	same := t.EventID != "" && t.EventID == r.Touchpoint.EventID && t.Source == r.Touchpoint.Source
	if r.New || same || r.Touchpoint.Customer == t.Customer {
		return nil
	}
	return fault.Exists(touchpointName(brand, t.Customer, t.ID))
}

// touchpoint returns what a request asks to record. A touchpoint that names no
// event is the event called fallback; without that either, it is like no other.
func (s *Server) touchpoint(ctx context.Context, req *journeyv1.RecordTouchpointRequest, fallback string, now time.Time) (store.Touchpoint, error) {
	p := req.GetTouchpoint()
	if p.GetEventTime().AsTime().After(now.Add(fault.Lead)) {
		return store.Touchpoint{}, fault.Ahead("touchpoint.event_time")
	}
	brand := name.Brand(req.GetParent())
	d, err := s.catalog.find(ctx, brand, name.ID(p.GetDefinition()))
	if err != nil {
		return store.Touchpoint{}, err
	}
	t, err := touchpointFromProto(brand, name.ID(req.GetParent()), p, d)
	if err != nil {
		return t, err
	}
	t.RecordTime = sqldb.Micros(now)
	t.ID = req.GetTouchpointId()
	if t.EventID == "" && t.ID == "" {
		t.EventID = fallback
	}
	identify(&t)
	return t, nil
}

// identify gives t its id: the one that the caller chose, else one that follows
// from the event, so that the same event makes the same touchpoint; else a new one.
func identify(t *store.Touchpoint) {
	derived := ""
	if t.EventID != "" {
		sum := sha256.Sum256([]byte(t.Source + "\x00" + t.EventID))
		derived = strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
	}
	switch {
	case t.ID == "" && derived == "":
		t.ID = name.NewID()
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

// ListTouchpoints implements TouchpointService. A customer nobody knows has none.
func (s *Server) ListTouchpoints(ctx context.Context, req *journeyv1.ListTouchpointsRequest) (*journeyv1.ListTouchpointsResponse, error) {
	after := store.Cursor{EventTime: math.MaxInt64}
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	brand, size := name.Brand(req.GetParent()), page.Size(req)
	touchpoints, err := s.store.List(ctx, brand, name.ID(req.GetParent()), after, size+1)
	if err != nil {
		return nil, err
	}
	answer := &journeyv1.ListTouchpointsResponse{}
	if len(touchpoints) > size {
		touchpoints = touchpoints[:size]
		last := touchpoints[size-1]
		if answer.NextPageToken, err = page.Encode(req, store.Cursor{EventTime: last.EventTime, ID: last.ID}); err != nil {
			return nil, err
		}
	}
	for _, t := range touchpoints {
		p, err := touchpointToProto(brand, t)
		if err != nil {
			return nil, err
		}
		answer.Touchpoints = append(answer.Touchpoints, p)
	}
	return answer, nil
}
