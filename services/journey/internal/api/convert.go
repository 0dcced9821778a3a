package api

import (
	"encoding/json"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

func definitionName(brand, id string) string {
	return name.Join("brands", brand, "touchpointDefinitions", id)
}

func touchpointName(brand, customer, id string) string {
	return name.Join("brands", brand, "customers", customer, "touchpoints", id)
}

// local returns a name without its brand, as the store keeps references.
func local(brand, full string) string {
	return strings.TrimPrefix(full, "brands/"+brand+"/")
}

// global is the reverse; "" stays "".
func global(brand, local string) string {
	if local == "" {
		return ""
	}
	return name.Join("brands", brand, local)
}

func stamp(us int64) *timestamppb.Timestamp { return timestamppb.New(sqldb.Time(us)) }

func definitionToProto(brand string, d plan.Definition) *journeyv1.TouchpointDefinition {
	p := &journeyv1.TouchpointDefinition{
		Name: definitionName(brand, d.ID), DisplayName: d.DisplayName,
		Stage: d.Stage, Phase: d.Phase, Kind: d.Kind, Component: d.Component, Channel: d.Channel,
		FunctionOwner: d.Owner, ControlLevel: d.Control, IsService: d.Service, Weight: &d.Weight,
	}
	if !d.CreateTime.IsZero() {
		p.CreateTime = timestamppb.New(d.CreateTime)
	}
	return p
}

// definitionFromProto leaves the id and the time to the caller.
func definitionFromProto(p *journeyv1.TouchpointDefinition) plan.Definition {
	d := plan.Definition{
		DisplayName: p.GetDisplayName(), Stage: p.GetStage(), Phase: p.GetPhase(), Kind: p.GetKind(),
		Component: p.GetComponent(), Channel: p.GetChannel(), Owner: p.GetFunctionOwner(),
		Control: p.GetControlLevel(), Service: p.GetIsService(), Weight: 1,
	}
	if p.Weight != nil {
		d.Weight = p.GetWeight()
	}
	return d
}

// touchpointFromProto leaves the identity and the record time to the caller. What p does
// not say, its definition does.
func touchpointFromProto(brand, customer string, p *journeyv1.Touchpoint, d plan.Definition) (store.Touchpoint, error) {
	t := store.Touchpoint{
		Customer: customer, Definition: d.ID, EventTime: sqldb.Micros(p.GetEventTime().AsTime()),
		Source: p.GetSource(), EventID: norm.NFC.String(p.GetEventId()),
		Channel: p.GetChannel(), Stage: p.GetStage(), Phase: p.GetPhase(), Expectation: p.GetExpectation(),
		Ticket: local(brand, p.GetTicket()), Interaction: local(brand, p.GetInteraction()),
	}
	if m := p.GetMeasurement(); m != nil {
		t.Rating = store.Rating{
			Value: int64(m.GetRating()), Min: int64(m.GetMin()), Max: int64(m.GetMax()), LowerIsBetter: m.GetLowerIsBetter(),
		}
	}
	define(&t, d)
	if len(p.GetAttributes()) == 0 {
		return t, nil
	}
	attributes := make(map[string]string, len(p.GetAttributes()))
	for key, value := range p.GetAttributes() {
		attributes[key] = norm.NFC.String(value)
	}
	text, err := json.Marshal(attributes) // keys in order
	t.Attributes = string(text)
	return t, err
}

// define fills in what the definition of t says.
func define(t *store.Touchpoint, d plan.Definition) {
	t.Definition, t.Service, t.Weight = d.ID, d.Service, d.Weight
	if t.Channel == 0 {
		t.Channel = d.Channel
	}
	if t.Stage == 0 {
		t.Stage = d.Stage
	}
	if t.Phase == 0 {
		t.Phase = d.Phase
	}
}

func touchpointToProto(brand string, t store.Touchpoint) (*journeyv1.Touchpoint, error) {
	p := &journeyv1.Touchpoint{
		Name:       touchpointName(brand, t.Customer, t.ID),
		Definition: definitionName(brand, t.Definition),
		EventTime:  stamp(t.EventTime), RecordTime: stamp(t.RecordTime), Source: t.Source, EventId: t.EventID,
		Channel: t.Channel, Stage: t.Stage, Phase: t.Phase, Expectation: t.Expectation,
		Ticket: global(brand, t.Ticket), Interaction: global(brand, t.Interaction), IsService: t.Service,
	}
	if t.Response != "" {
		p.Response = name.Join("brands", brand, "responses", t.Response)
	}
	if t.Rating.Given() {
		p.Measurement = &journeyv1.Measurement{
			Rating: int32(t.Rating.Value), Min: int32(t.Rating.Min), Max: int32(t.Rating.Max), //nolint:gosec // 0 to 1,000
			LowerIsBetter: t.Rating.LowerIsBetter,
		}
	}
	if t.Attributes != "" {
		if err := json.Unmarshal([]byte(t.Attributes), &p.Attributes); err != nil {
			return nil, err
		}
	}
	return p, nil
}
