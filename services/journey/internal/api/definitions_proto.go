package api

import (
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

func definitionToProto(row store.Definition) *journeyv1.TouchpointDefinition {
	d := row.Plan
	return &journeyv1.TouchpointDefinition{
		Name: definitionName(row.Brand, row.ID), DisplayName: d.DisplayName,
		Stage: d.Stage, Phase: d.Phase, Kind: d.Kind, Component: d.Component, Channel: d.Channel,
		FunctionOwner: d.Owner, ControlLevel: d.Control, IsService: d.Service, Weight: &d.Weight,
		Criterion: d.Criterion, Expectation: expectedToProto(d.Expected), BuiltIn: begins(row.Record),
		CreateTime: since(row.Record, sqldb.Micros(row.CreateTime)), UpdateTime: since(row.Record, sqldb.Micros(row.UpdateTime)),
		Etag: resource.Etag(row.Version),
	}
}

func definitionFromProto(p *journeyv1.TouchpointDefinition, r table.Record) (store.Definition, error) {
	d := plan.Definition{
		DisplayName: p.GetDisplayName(), Stage: p.GetStage(), Phase: p.GetPhase(), Kind: p.GetKind(),
		Component: p.GetComponent(), Channel: p.GetChannel(), Owner: p.GetFunctionOwner(),
		Control: p.GetControlLevel(), Service: p.GetIsService(), Weight: 1,
		Criterion: p.GetCriterion(), Expected: expectedFromProto(p.GetExpectation()),
	}
	if p.Weight != nil {
		d.Weight = p.GetWeight()
	}
	return store.Definition{Record: r, Plan: d}, nil
}

func expectedToProto(e *plan.Expected) *journeyv1.ExpectedLevel {
	if e == nil {
		return nil
	}
	return &journeyv1.ExpectedLevel{Measure: e.Measure, Target: &e.Target, Exceed: e.Exceed, LowerIsBetter: e.LowerIsBetter}
}

func expectedFromProto(p *journeyv1.ExpectedLevel) *plan.Expected {
	if p == nil {
		return nil
	}
	e := &plan.Expected{Measure: p.GetMeasure(), Target: p.GetTarget() + 0, LowerIsBetter: p.GetLowerIsBetter()} // no -0
	if p.Exceed != nil {
		exceed := p.GetExceed() + 0
		e.Exceed = &exceed
	}
	return e
}
