package rpc

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/concentric-cx/concentric/services/internal/quota"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/rpc"

// charged counts the calls that quotas refused, by class.
type charged [quota.Classes]atomic.Int64

// measure shows how full the server is and what it refused for that.
func (s *Server) measure(metrics metric.MeterProvider) error {
	meter := metrics.Meter(scope)
	flight, err := meter.Int64ObservableGauge("concentric.rpc.in_flight", metric.WithUnit("{call}"), metric.WithDescription("Calls and watches being handled."))
	if err != nil {
		return err
	}
	most, err := meter.Int64ObservableGauge("concentric.rpc.places", metric.WithUnit("{call}"), metric.WithDescription("Calls and watches that may be handled at a time, without the reserve."))
	if err != nil {
		return err
	}
	refused, err := meter.Int64ObservableCounter("concentric.rpc.refused", metric.WithUnit("{call}"), metric.WithDescription("Calls and watches refused because there were too many."))
	if err != nil {
		return err
	}
	over, err := meter.Int64ObservableCounter("concentric.rpc.over_quota", metric.WithUnit("{call}"), metric.WithDescription("Calls refused because their brand had used up its quota."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		for kind, p := range map[string]*places{"call": &s.limit, "watch": &s.streams} {
			with := metric.WithAttributes(attribute.String("concentric.kind", kind))
			out.ObserveInt64(flight, p.now.Load(), with)
			out.ObserveInt64(most, p.common, with)
			out.ObserveInt64(refused, p.refused.Load()+p.door.refused.Load(), with)
		}
		for class := range quota.Classes {
			out.ObserveInt64(over, s.charged[class].Load(), metric.WithAttributes(attribute.String("concentric.class", class.String())))
		}
		return nil
	}, flight, most, refused, over)
	return err
}
