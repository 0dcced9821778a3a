package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// A quadrantCursor is a place between two customers, under thresholds that stay.
type quadrantCursor struct {
	After               string
	Service, Experience float64
}

// ListQuadrantCustomers implements InsightService.
func (s *Server) ListQuadrantCustomers(ctx context.Context, req *journeyv1.ListQuadrantCustomersRequest) (*journeyv1.ListQuadrantCustomersResponse, error) {
	brand := name.Brand(req.GetParent())
	var cursor quadrantCursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	answer := &journeyv1.ListQuadrantCustomersResponse{Basis: &typev1.Basis{
		Population: req.GetPopulation(), ReadTime: timestamppb.New(s.now()), Sources: []string{source},
	}}
	all, excluded, err := s.placed(ctx, brand, req, answer.Basis)
	if err != nil {
		return nil, err
	}
	answer.Basis.Included = int64(len(all))
	answer.Basis.Excluded = measure.Exclusions(map[string]int64{insight.NoServiceOutcome: excluded})
	var thresholds insight.Thresholds
	if len(all) > 0 {
		thresholds = insight.Medians(all)
	}
	if cursor.After != "" {
		thresholds = insight.Thresholds{Service: cursor.Service, Experience: cursor.Experience}
	}
	if len(all) > 0 || req.ServiceThreshold != nil {
		thresholds.Service = or(req.ServiceThreshold, thresholds.Service)
		answer.ServiceThreshold = &thresholds.Service
	}
	if len(all) > 0 || req.ExperienceThreshold != nil {
		thresholds.Experience = or(req.ExperienceThreshold, thresholds.Experience)
		answer.ExperienceThreshold = &thresholds.Experience
	}
	answer.Quadrants = thresholds.Shares(all)
	return answer, fillQuadrants(req, answer, all, quadrantCursor{cursor.After, thresholds.Service, thresholds.Experience})
}

// or returns what value points to, else other.
func or(value *float64, other float64) float64 {
	if value != nil {
		return *value
	}
	return other
}

// placed reads the customers of a request, by id, and how many have no outcome of service, and
// says in basis what was read.
func (s *Server) placed(ctx context.Context, brand string, req *journeyv1.ListQuadrantCustomersRequest, basis *typev1.Basis) ([]insight.Placed, int64, error) {
	model, err := s.models.active(ctx, brand)
	if err != nil {
		return nil, 0, err
	}
	basis.ScoringModelRevision = modelName(brand, model.Revision)
	who, quadrants := people{req.GetSegments(), req.GetPersonas()}, insight.NewQuadrants()
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		basis.Window, basis.AsOfTime = window, window.GetEndTime()
		filter := store.Filter{
			From: sqldb.Micros(window.GetStartTime().AsTime()), To: sqldb.Micros(window.GetEndTime().AsTime()),
			Channels: req.GetPopulation().GetChannels(), Stages: req.GetPopulation().GetStages(), People: who.any(),
		}
		return snap.See(ctx, brand, filter, func(t *store.Seen) error {
			if value, known := t.Outcome(model); known && who.has(t) {
				quadrants.Add(t.Customer, value, t.Service)
			}
			if quadrants.Customers() > maxAnalyzed {
				return fault.Invalid(fault.Field{
					Path: "window", Reason: "TOO_MANY_CUSTOMERS",
					Description: fmt.Sprintf("holds more than %d customers; choose a shorter one", maxAnalyzed),
				})
			}
			return nil
		})
	})
	all, excluded := quadrants.Placed()
	return all, excluded, err
}

// fillQuadrants puts the page of all that begins after cursor into answer.
func fillQuadrants(req *journeyv1.ListQuadrantCustomersRequest, answer *journeyv1.ListQuadrantCustomersResponse, all []insight.Placed, cursor quadrantCursor) error {
	brand, size := name.Brand(req.GetParent()), page.Size(req)
	thresholds := insight.Thresholds{Service: cursor.Service, Experience: cursor.Experience}
	first, _ := slices.BinarySearchFunc(all, cursor.After+"\x00", func(p insight.Placed, after string) int {
		if p.Customer < after {
			return -1
		}
		return 1
	})
	var last string
	for _, p := range all[first:] {
		quadrant := thresholds.Of(p)
		if len(req.GetQuadrants()) > 0 && !slices.Contains(req.GetQuadrants(), quadrant) {
			continue
		}
		if len(answer.GetCustomers()) == size {
			var err error
			cursor.After = last
			answer.NextPageToken, err = page.Encode(req, cursor)
			return err
		}
		last = p.Customer
		answer.Customers = append(answer.Customers, &journeyv1.QuadrantCustomer{
			Customer: customerName(brand, p.Customer), Quadrant: quadrant,
			ServiceValue: p.Service, ServiceTouchpoints: p.Served, ExperienceValue: p.Experience, Touchpoints: p.Touchpoints,
		})
	}
	return nil
}
