package api

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// signalFields are what signals can be picked by.
var signalFields = filter.Fields{
	{Name: "state", Kind: filter.Enum, Enum: journeyv1.Signal_State(0).Descriptor()},
	{Name: "kind", Kind: filter.Enum, Enum: journeyv1.Signal_Kind(0).Descriptor()},
	{Name: "function_owner", Kind: filter.Enum, Enum: typev1.Function(0).Descriptor()},
	{Name: "signal_rule", Kind: filter.Name, Collection: "signalRules"},
	{Name: "touchpoint_definition", Column: "definition", Kind: filter.Name, Collection: "touchpointDefinitions"},
	{Name: "customer", Kind: filter.Name, Collection: "customers"},
	{Name: "segment"},
	{Name: "open_time", Column: "create_time", Kind: filter.Time},
	{Name: "affected_count", Kind: filter.Number},
	{Name: "silent_count", Kind: filter.Number},
}

// signals are the signals of a server.
func (s *Server) signals() *resource.Resource[*journeyv1.Signal, store.Signal] {
	return &resource.Resource[*journeyv1.Signal, store.Signal]{
		DB: s.db, Validator: s.validator, Table: store.Signals, Collection: "signals", Field: "signal", Filters: signalFields,
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "open_time", Kind: filter.Time, Order: "create_time"},
			{Name: "affected_count", Kind: filter.Number, Order: "affected_count"},
			{Name: "silent_count", Kind: filter.Number, Order: "silent_count"},
		},
		Message: toSignal,
	}
}

// GetSignal implements SignalService.
func (s *Server) GetSignal(ctx context.Context, req *journeyv1.GetSignalRequest) (*journeyv1.Signal, error) {
	return s.signals().Get(ctx, req.GetName())
}

// ListSignals implements SignalService.
func (s *Server) ListSignals(ctx context.Context, req *journeyv1.ListSignalsRequest) (*journeyv1.ListSignalsResponse, error) {
	page, next, err := s.signals().List(ctx, req, cmp.Or(req.GetOrderBy(), "open_time desc"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListSignalsResponse{Signals: page, NextPageToken: next}, nil
}

// ListSignalCustomers implements SignalService.
func (s *Server) ListSignalCustomers(ctx context.Context, req *journeyv1.ListSignalCustomersRequest) (*journeyv1.ListSignalCustomersResponse, error) {
	brand := name.Brand(req.GetParent())
	var after string
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	v, err := s.store.Signal(ctx, brand, name.ID(req.GetParent()))
	if err != nil {
		return nil, resource.Explain(req.GetParent(), err)
	}
	size := page.Size(req)
	found, err := s.store.AffectedBy(ctx, &v, req.GetSilentOnly(), after, size+1)
	if err != nil {
		return nil, err
	}
	answer := &journeyv1.ListSignalCustomersResponse{}
	for i, a := range found {
		if i == size {
			answer.NextPageToken, err = page.Encode(req, found[i-1].Customer)
			break
		}
		answer.Customers = append(answer.Customers, &journeyv1.SignalCustomer{
			Customer: name.Join("brands", brand, "customers", a.Customer), EventTime: timestamppb.New(a.First), Silent: a.Silent,
		})
	}
	return answer, err
}

func signalName(brand, id string) string { return name.Join("brands", brand, "signals", id) }

func toSignal(v store.Signal) *journeyv1.Signal {
	f := v.Figures
	p := &journeyv1.Signal{
		Name: signalName(v.Brand, v.ID), SignalRule: signalRuleName(v.Brand, v.Rule), Kind: journeyv1.Signal_Kind(v.Kind),
		State: journeyv1.Signal_State(v.State), FunctionOwner: typev1.Function(v.Owner),
		Window:   measure.Window(v.Window.Start, v.Window.End),
		Observed: findingEstimate(v.Kind, v.Finding.Observed), Limit: v.Finding.Limit,
		AffectedCount: f.Affected, ContactedCount: f.Affected - f.Silent, SilentCount: f.Silent, ReachedCount: f.Reached,
		EvaluateTime: signalTime(f.At), OpenTime: signalTime(v.CreateTime), AcknowledgeTime: signalTime(v.Acknowledged), ActTime: signalTime(v.Acted),
		CloseTime: signalTime(v.Closed), ExpireTime: signalTime(v.Expires), CloseNote: v.CloseNote,
		UpdateTime: signalTime(v.UpdateTime), Etag: resource.Etag(v.Version),
	}
	if v.Finding.Baseline != nil {
		p.Baseline = findingEstimate(v.Kind, *v.Finding.Baseline)
	}
	switch {
	case v.Definition != "":
		p.Subject = &journeyv1.Signal_TouchpointDefinition{TouchpointDefinition: definitionName(v.Brand, v.Definition)}
	case v.Customer != "":
		p.Subject = &journeyv1.Signal_Customer{Customer: name.Join("brands", v.Brand, "customers", v.Customer)}
	default:
		p.Subject = &journeyv1.Signal_Segment{Segment: v.Segment}
	}
	if a := v.Action; a.Kind != 0 {
		p.Action = &journeyv1.SignalAction{Kind: journeyv1.SignalAction_Kind(a.Kind), Note: a.Note}
		if a.Definition != "" {
			p.Action.TouchpointDefinition = definitionName(v.Brand, a.Definition)
		}
	}
	return p
}

// findingEstimate returns an estimate in the unit of a kind of signal.
func findingEstimate(kind signal.Kind, e stats.Estimate) *typev1.Estimate {
	switch kind {
	case signal.Drop:
		return measure.Estimate(e, typev1.Unit_UNIT_POINTS)
	case signal.Silence:
		return measure.Count(e.N)
	}
	return measure.Estimate(e, typev1.Unit_UNIT_RATIO)
}

// signalTime returns a time that may be zero, which is absent.
func signalTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
