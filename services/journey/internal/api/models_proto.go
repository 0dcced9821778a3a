package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// leastPrior is the smallest prior: none is impossible.
const leastPrior = 0.001

// newModel makes a row of a message. Priors that are left out are 0; what else is, is
// as in the model that is built in.
func newModel(m *journeyv1.ScoringModel, r table.Record) (store.Model, error) {
	d := score.Default()
	t := store.Terms{
		Arithmetic: m.GetAggregation() == journeyv1.ScoringModel_AGGREGATION_ARITHMETIC,
		HalfLife:   d.HalfLife, Kappa: d.Kappa, PeakEnd: m.GetPeakEnd(), StageWeights: d.StageWeights,
		PriorVariance: d.PriorVariance, Unmet: d.Unmet, Met: d.Met, Exceeded: d.Exceeded, Reliability: d.Reliability,
	}
	if m.GetHalfLife() != nil {
		t.HalfLife = m.GetHalfLife().AsDuration().Truncate(time.Microsecond)
	}
	if m.Kappa != nil {
		t.Kappa = m.GetKappa()
	}
	if m.PriorVariance != nil {
		t.PriorVariance = m.GetPriorVariance()
	}
	if v := m.GetExpectationValues(); v != nil {
		t.Unmet, t.Met, t.Exceeded = v.GetUnmet(), v.GetMet(), v.GetExceeded()
	}
	row := store.Model{Record: r, DisplayName: m.GetDisplayName(), Layout: store.NoLayout}
	var err error
	if t.Priors, err = byStage("scoring_model.priors", m.GetPriors(), leastPrior, 1); err != nil {
		return row, err
	}
	if len(m.GetStageWeights()) > 0 {
		if t.StageWeights, err = stageWeights("scoring_model.stage_weights", m.GetStageWeights()); err != nil {
			return row, err
		}
	}
	for _, s := range m.GetEstimatedPriors() {
		t.Estimated[s-1] = true
	}
	seen := map[typev1.Channel]bool{}
	for i, c := range m.GetChannelReliabilities() {
		if seen[c.GetChannel()] || int(c.GetChannel()) >= score.Channels {
			return row, fault.Invalid(fault.Field{
				Path: fmt.Sprintf("scoring_model.channel_reliabilities[%d].channel", i), Reason: "CHANNEL", Description: "is there already, or cannot be told apart",
			})
		}
		seen[c.GetChannel()] = true
		t.Reliability[c.GetChannel()] = c.GetReliability()
	}
	row.Terms = t
	return row, nil
}

// stageWeights returns weights of which at least one is above 0.
func stageWeights(path string, in []*journeyv1.StageNumber) ([score.Stages]float64, error) {
	weights, err := byStage(path, in, 0, 1000)
	if err == nil && weights == [score.Stages]float64{} {
		err = fault.Invalid(fault.Field{Path: path, Reason: "STAGE_WEIGHTS", Description: "must have one above 0"})
	}
	return weights, err
}

// byStage returns numbers in the order of stages, 0 for those left out.
func byStage(path string, in []*journeyv1.StageNumber, low, high float64) (all [score.Stages]float64, err error) {
	seen := [score.Stages]bool{}
	for i, n := range in {
		at := n.GetStage() - 1
		if seen[at] || n.GetValue() < low || n.GetValue() > high {
			return all, fault.Invalid(fault.Field{
				Path: fmt.Sprintf("%s[%d]", path, i), Reason: "STAGE_NUMBER",
				Description: fmt.Sprintf("must be of a stage of its own, and from %g to %g", low, high),
			})
		}
		seen[at], all[at] = true, n.GetValue()
	}
	return all, nil
}

func stageNumbers(values [score.Stages]float64) []*journeyv1.StageNumber {
	all := make([]*journeyv1.StageNumber, len(values))
	for i, v := range values {
		all[i] = &journeyv1.StageNumber{Stage: stageOf(i), Value: v}
	}
	return all
}

// stageOf returns a stage as the contract numbers it.
func stageOf(i int) typev1.Stage { return typev1.Stage(i + 1) } //nolint:gosec // 1 to 5

func modelToProto(m store.Model) *journeyv1.ScoringModel {
	t := m.Terms
	p := &journeyv1.ScoringModel{
		Name: modelName(m.Brand, m.ID), DisplayName: m.DisplayName, Aggregation: journeyv1.ScoringModel_AGGREGATION_GEOMETRIC,
		HalfLife: durationpb.New(t.HalfLife), Kappa: &t.Kappa, PeakEnd: &t.PeakEnd,
		StageWeights: stageNumbers(t.StageWeights), PriorVariance: &t.PriorVariance,
		ExpectationValues: &journeyv1.ScoringModel_ExpectationValues{Unmet: t.Unmet, Met: t.Met, Exceeded: t.Exceeded},
		State:             journeyv1.ScoringModel_State(m.State), Revision: m.Revision, Etag: resource.Etag(m.Version),
		ActivateTime: moment(m.ActivateTime), RetireTime: moment(m.RetireTime),
		CreateTime: timestamppb.New(m.CreateTime), UpdateTime: timestamppb.New(m.UpdateTime),
	}
	if t.Arithmetic {
		p.Aggregation = journeyv1.ScoringModel_AGGREGATION_ARITHMETIC
	}
	for i, prior := range t.Priors {
		if prior > 0 {
			p.Priors = append(p.Priors, &journeyv1.StageNumber{Stage: stageOf(i), Value: prior})
		}
		if t.Estimated[i] {
			p.EstimatedPriors = append(p.EstimatedPriors, stageOf(i))
		}
	}
	for channel, r := range t.Reliability {
		if r != 1 {
			p.ChannelReliabilities = append(p.ChannelReliabilities, &journeyv1.ScoringModel_ChannelReliability{
				Channel: typev1.Channel(channel), Reliability: r, //nolint:gosec // below score.Channels
			})
		}
	}
	if m.Backtest != "" {
		p.Backtest = &journeyv1.Backtest{}
		if err := protojson.Unmarshal([]byte(m.Backtest), p.GetBacktest()); err != nil {
			p.Backtest = nil // of a contract that is no more; the next back-test replaces it
		}
	}
	return p
}

// revisionToProto is modelToProto of one revision, which its name says.
func revisionToProto(m store.Model) *journeyv1.ScoringModel {
	p := modelToProto(m)
	p.Name = modelName(m.Brand, m.Kernel().Revision)
	return p
}

// moment returns a time of the contract; nil for the zero time.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// builtin returns the model of brands that have chosen none.
func builtinModel(brand string, active bool) *journeyv1.ScoringModel {
	d := score.Default()
	m := store.Model{Record: table.Record{Brand: brand, ID: d.Revision, Version: 1}, DisplayName: "Default", Revision: 1, State: store.ActiveModel}
	if !active {
		m.State = int32(journeyv1.ScoringModel_STATE_RETIRED)
	}
	m.Terms = store.Terms{
		HalfLife: d.HalfLife, Kappa: d.Kappa, StageWeights: d.StageWeights, Priors: d.Prior, PriorVariance: d.PriorVariance,
		Unmet: d.Unmet, Met: d.Met, Exceeded: d.Exceeded, Reliability: d.Reliability,
	}
	p := modelToProto(m)
	p.CreateTime, p.UpdateTime = nil, nil
	return p
}
