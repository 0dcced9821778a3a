package api

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// What a rule that leaves something open means.
const (
	signalWindow   = 24 * time.Hour
	signalBaseline = 28 * 24 * time.Hour
	signalSigmas   = 3
	signalCount    = 30
	signalPatience = 24 * time.Hour
	signalSilent   = 5
	signalExpiry   = 30 * 24 * time.Hour
)

// newSignalRule returns the row of a rule, with nothing left open.
func newSignalRule(p *journeyv1.SignalRule, r table.Record) (store.SignalRule, error) {
	rule := &signal.Rule{Window: orElse(p.GetWindow(), signalWindow)}
	row := store.SignalRule{
		Record: r, DisplayName: p.GetDisplayName(), Inactive: p.GetInactive(), Owner: int32(p.GetFunctionOwner()),
		Rule: rule, ExpireAfter: orElse(p.GetExpireAfter(), signalExpiry),
	}
	switch c := p.GetCondition().(type) {
	case *journeyv1.SignalRule_BrokenTouchpoint_:
		rule.Kind, rule.Definitions = signal.Broken, lastSegments(c.BrokenTouchpoint.GetTouchpointDefinitions())
		rule.Threshold, rule.MinCount = c.BrokenTouchpoint.GetThreshold(), int64(cmp.Or(c.BrokenTouchpoint.GetMinCount(), signalCount))
	case *journeyv1.SignalRule_UnmetShare_:
		rule.Kind, rule.Definitions = signal.Unmet, lastSegments(c.UnmetShare.GetTouchpointDefinitions())
		rule.Baseline, rule.Sigmas = orElse(c.UnmetShare.GetBaseline(), signalBaseline), cmp.Or(c.UnmetShare.GetSigmas(), signalSigmas)
		rule.MinCount = int64(cmp.Or(c.UnmetShare.GetMinCount(), signalCount))
	case *journeyv1.SignalRule_ScoreDrop_:
		rule.Kind, rule.Points, rule.Segments = signal.Drop, c.ScoreDrop.GetPoints(), c.ScoreDrop.GetSegments()
	case *journeyv1.SignalRule_Silence_:
		rule.Kind, rule.Definitions = signal.Silence, lastSegments(c.Silence.GetTouchpointDefinitions())
		rule.Patience, rule.MinCount = signalPatience, int64(cmp.Or(c.Silence.GetMinCustomers(), signalSilent))
		if c.Silence.GetPatience() != nil {
			rule.Patience = c.Silence.GetPatience().AsDuration().Truncate(time.Microsecond)
		}
	}
	switch {
	case rule.Window%time.Hour != 0:
		return row, wholeHours("signal_rule.window")
	case rule.Baseline%time.Hour != 0:
		return row, wholeHours("signal_rule.unmet_share.baseline")
	}
	return row, nil
}

// orElse returns d, or what is meant where it is absent.
func orElse(d *durationpb.Duration, meant time.Duration) time.Duration {
	if d == nil {
		return meant
	}
	return d.AsDuration().Truncate(time.Microsecond)
}

func wholeHours(path string) error {
	return fault.Invalid(fault.Field{Path: path, Reason: "WHOLE_HOURS", Description: "must be whole hours"})
}

func toSignalRule(row store.SignalRule) *journeyv1.SignalRule {
	p := &journeyv1.SignalRule{
		Name: signalRuleName(row.Brand, row.ID), DisplayName: row.DisplayName, Inactive: row.Inactive,
		FunctionOwner: typev1.Function(row.Owner), Window: durationpb.New(row.Rule.Window), ExpireAfter: durationpb.New(row.ExpireAfter),
		CreateTime: timestamppb.New(row.CreateTime), UpdateTime: timestamppb.New(row.UpdateTime), Etag: resource.Etag(row.Version),
	}
	r := row.Rule
	definitions := definitionNames(row.Brand, r.Definitions)
	count := int32(r.MinCount) //nolint:gosec // at most 1,000,000
	switch r.Kind {
	case signal.Broken:
		p.Condition = &journeyv1.SignalRule_BrokenTouchpoint_{BrokenTouchpoint: &journeyv1.SignalRule_BrokenTouchpoint{
			TouchpointDefinitions: definitions, Threshold: r.Threshold, MinCount: count,
		}}
	case signal.Unmet:
		p.Condition = &journeyv1.SignalRule_UnmetShare_{UnmetShare: &journeyv1.SignalRule_UnmetShare{
			TouchpointDefinitions: definitions, Baseline: durationpb.New(r.Baseline), Sigmas: r.Sigmas, MinCount: count,
		}}
	case signal.Drop:
		p.Condition = &journeyv1.SignalRule_ScoreDrop_{ScoreDrop: &journeyv1.SignalRule_ScoreDrop{Points: r.Points, Segments: r.Segments}}
	case signal.Silence:
		p.Condition = &journeyv1.SignalRule_Silence_{Silence: &journeyv1.SignalRule_Silence{
			TouchpointDefinitions: definitions, Patience: durationpb.New(r.Patience), MinCustomers: count,
		}}
	}
	return p
}

func signalRuleName(brand, id string) string { return name.Join("brands", brand, "signalRules", id) }

// lastSegments returns the ids of names.
func lastSegments(names []string) (ids []string) {
	for _, n := range names {
		ids = append(ids, name.ID(n))
	}
	return ids
}

// definitionNames is the reverse, for touchpoint definitions.
func definitionNames(brand string, ids []string) (names []string) {
	for _, id := range ids {
		names = append(names, definitionName(brand, id))
	}
	return names
}
