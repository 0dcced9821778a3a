package api

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/driver"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// defaultDraws is how often a bootstrap draws where nothing is said.
const defaultDraws = 1000

// caution goes with every analysis of drivers.
const caution = "Association, not cause: customers who differ in a predictor may differ in much else. " +
	"An interval says how far the figure varies from sample to sample, not what would happen if a predictor were changed."

// Why a customer does not enter an analysis of drivers.
const (
	noOutcomeValue = "NO_OUTCOME"
	noPredictor    = "NO_PREDICTOR"
)

// AnalyzeDrivers implements InsightService.
func (s *Server) AnalyzeDrivers(ctx context.Context, req *journeyv1.AnalyzeDriversRequest) (*journeyv1.AnalyzeDriversResponse, error) {
	brand := name.Brand(req.GetParent())
	variables, err := s.variables(ctx, brand, req)
	if err != nil {
		return nil, err
	}
	model, err := s.models.active(ctx, brand)
	if err != nil {
		return nil, err
	}
	answer := &journeyv1.AnalyzeDriversResponse{
		Caution: caution, Draws: req.GetDraws(), Seed: req.GetSeed(),
		Basis: &typev1.Basis{
			Population: req.GetPopulation(), ReadTime: timestamppb.New(s.now()),
			ScoringModelRevision: modelName(brand, model.Revision), Sources: []string{source},
		},
	}
	if answer.GetDraws() == 0 {
		answer.Draws = defaultDraws
	}
	t := newTable(variables, model, people{req.GetSegments(), req.GetPersonas()})
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		answer.Basis.Window, answer.Basis.AsOfTime = window, window.GetEndTime()
		filter := t.filter()
		filter.From, filter.To = sqldb.Micros(window.GetStartTime().AsTime()), sqldb.Micros(window.GetEndTime().AsTime())
		filter.Channels, filter.Stages = req.GetPopulation().GetChannels(), req.GetPopulation().GetStages()
		return snap.See(ctx, brand, filter, t.take)
	})
	if err != nil {
		return nil, err
	}
	in, left := t.input()
	a, err := driver.Analyze(ctx, in, driver.Options{
		Draws: int(answer.GetDraws()), Seed: req.GetSeed(),
		AllowFew: req.GetOverrideSampleSize(), AllowCollinear: req.GetOverrideCollinearity(),
	})
	if r, ok := errors.AsType[*driver.Refusal](err); ok {
		return nil, refuse(req, r)
	}
	if err != nil {
		return nil, err
	}
	answer.Basis.Included = int64(a.N)
	answer.Basis.Excluded = measure.Exclusions(map[string]int64{noOutcomeValue: left.noOutcome, noPredictor: left.noPredictor})
	tellDrivers(answer, a, variables[1:], left.missing)
	return answer, nil
}

// A variable is one of a request, understood.
type variable struct {
	said       *journeyv1.Variable // with its block filled in
	definition string              // its id; "" for an attribute
}

// variables returns the outcome and then the predictors.
func (s *Server) variables(ctx context.Context, brand string, req *journeyv1.AnalyzeDriversRequest) ([]variable, error) {
	var all []variable
	paths := map[string]string{} // by what a variable is made of
	for i, said := range append([]*journeyv1.Variable{req.GetOutcome()}, req.GetPredictors()...) {
		path := "outcome"
		if i > 0 {
			path = fmt.Sprintf("predictors[%d]", i-1)
		}
		key := fmt.Sprintf("%q %q %q", said.GetTouchpointDefinition(), said.GetAttribute(), said.GetEquals())
		if other, found := paths[key]; found {
			return nil, fault.Invalid(fault.Field{Path: path, Reason: "REPEATED", Description: "is the same as " + other})
		}
		paths[key] = path
		v := variable{said: proto.CloneOf(said)}
		service := false
		if full := said.GetTouchpointDefinition(); full != "" {
			if name.Brand(full) != brand {
				return nil, fault.NotFound(full)
			}
			d, err := s.catalog.find(ctx, brand, name.ID(full))
			if err != nil {
				return nil, err
			}
			v.definition, service = d.ID, d.Service
		}
		if v.said.GetBlock() == journeyv1.Variable_BLOCK_UNSPECIFIED {
			v.said.Block = journeyv1.Variable_BLOCK_REST
			if service {
				v.said.Block = journeyv1.Variable_BLOCK_SERVICE
			}
		}
		all = append(all, v)
	}
	return all, nil
}

// refuse says why there is no analysis, and because of what.
func refuse(req *journeyv1.AnalyzeDriversRequest, r *driver.Refusal) error {
	of, message := req.GetParent(), r.Message
	if r.Variable >= 0 {
		v := req.GetPredictors()[r.Variable]
		of = v.GetTouchpointDefinition()
		if of == "" {
			of = attributePrefix + v.GetAttribute()
		}
		message = of + ": " + message
	}
	return fault.Precondition(r.Reason, of, "%s", message)
}

// tellDrivers puts the analysis into the answer.
func tellDrivers(answer *journeyv1.AnalyzeDriversResponse, a *driver.Analysis, predictors []variable, missing []int64) {
	part := func(p driver.Part) *typev1.Estimate {
		e := &typev1.Estimate{
			Value: &p.Value, Lower: &p.Lower, Upper: &p.Upper, ConfidenceLevel: measure.Confidence,
			N: int64(a.N), EffectiveN: float64(a.N), Method: typev1.Method_METHOD_BOOTSTRAP,
			Quality: typev1.Quality_QUALITY_OK, Unit: typev1.Unit_UNIT_RATIO,
		}
		if a.N < stats.MinSound {
			e.Quality = typev1.Quality_QUALITY_SMALL_SAMPLE
		}
		return e
	}
	answer.RSquared, answer.Overridden = part(a.RSquared), a.Overridden
	for _, d := range a.Drivers {
		p := &journeyv1.Driver{
			Variable: predictors[d.Predictor].said, Mean: d.Mean, StandardDeviation: d.SD, Correlation: d.Correlation,
			Coefficient: d.Coefficient, VarianceInflation: d.Inflation, RelativeWeight: part(d.Weight), Share: d.Share,
			Missing: missing[d.Predictor],
		}
		if d.Shapley != nil {
			p.Shapley = part(*d.Shapley)
		}
		answer.Drivers = append(answer.Drivers, p)
	}
	if s := a.Split; s != nil {
		answer.Split = &journeyv1.BlockSplit{
			ServiceAlone: part(s.ServiceAlone), RestAlone: part(s.RestAlone), UniqueService: part(s.UniqueService),
			Shared: part(s.Shared), UniqueRest: part(s.UniqueRest), Service: part(s.Service), Rest: part(s.Rest),
		}
	}
}
