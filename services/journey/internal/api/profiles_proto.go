package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

func profileName(brand, id string) string { return name.Join("brands", brand, "industryProfiles", id) }

func profileToProto(row store.IndustryProfile) *journeyv1.IndustryProfile {
	whole := row.Whole()
	p := &journeyv1.IndustryProfile{
		Name: profileName(row.Brand, row.ID), DisplayName: row.DisplayName,
		ServiceShare: whole.ServiceShare(), BuiltIn: begins(row.Record), Revision: row.Version,
		CreateTime: since(row.Record, sqldb.Micros(row.CreateTime)), UpdateTime: since(row.Record, sqldb.Micros(row.UpdateTime)),
		Etag: resource.Etag(row.Version),
	}
	for i := range row.Criteria {
		p.Criteria = append(p.Criteria, criterionToProto(&row.Criteria[i]))
	}
	if row.Steps != nil {
		p.StepsToDecision = &journeyv1.StepRange{Min: int32(row.Steps.Min), Max: int32(row.Steps.Max)} //nolint:gosec // up to 1,000
	}
	if row.ConversionWindow > 0 {
		p.ConversionWindow = durationpb.New(row.ConversionWindow)
	}
	return p
}

func criterionToProto(c *plan.Criterion) *journeyv1.Criterion {
	p := &journeyv1.Criterion{
		CriterionId: c.ID, DisplayName: c.DisplayName, GroupId: c.Group, IsService: c.Service,
		Stage: c.Stage, Phase: c.Phase, Kind: c.Kind, Component: c.Component, Channel: c.Channel,
		FunctionOwner: c.Owner, ControlLevel: c.Control, Expectation: expectedToProto(c.Expected), CompetitorBenchmark: c.Benchmark,
	}
	if c.Weight > 0 {
		p.Weight = &c.Weight
	}
	return p
}

// profileFromProto returns the row of a profile whose criteria form a tree.
func profileFromProto(p *journeyv1.IndustryProfile, r table.Record) (store.IndustryProfile, error) {
	row := store.IndustryProfile{
		Record: r, DisplayName: p.GetDisplayName(),
		ConversionWindow: p.GetConversionWindow().AsDuration().Truncate(time.Microsecond),
	}
	for _, c := range p.GetCriteria() {
		row.Criteria = append(row.Criteria, plan.Criterion{
			ID: c.GetCriterionId(), DisplayName: c.GetDisplayName(), Group: c.GetGroupId(), Service: c.GetIsService(),
			Weight: c.GetWeight(), Stage: c.GetStage(), Phase: c.GetPhase(), Kind: c.GetKind(),
			Component: c.GetComponent(), Channel: c.GetChannel(), Owner: c.GetFunctionOwner(), Control: c.GetControlLevel(),
			Expected: expectedFromProto(c.GetExpectation()), Benchmark: c.CompetitorBenchmark,
		})
	}
	if steps := p.GetStepsToDecision(); steps != nil {
		row.Steps = &plan.Steps{Min: int64(steps.GetMin()), Max: int64(steps.GetMax())}
	}
	whole := row.Whole()
	var wrong []fault.Field
	for _, problem := range whole.Check() {
		wrong = append(wrong, fault.Field{
			Path:   fmt.Sprintf("industry_profile.criteria[%d].%s", problem.Criterion, problem.Field),
			Reason: problem.Reason, Description: problem.Description,
		})
	}
	if len(wrong) > 0 {
		return row, fault.Invalid(wrong...)
	}
	return row, nil
}
