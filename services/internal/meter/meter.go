// Package meter counts what happens seldom: what happens with each call is counted by who
// handles it, in memory, at less cost.
package meter

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/meter"

// A Counter is what is counted. Its labels have few values, which no caller chooses.
type Counter struct{ Name, Unit, Description string }

// Begin shows 0 for a service and further labels until one is counted: who looks for an
// increase sees none where the first figure is 1. It may be called concurrently, and again.
func (c Counter) Begin(ctx context.Context, service string, labels ...string) {
	c.add(ctx, 0, service, labels)
}

// Add counts one, for a service and with further labels, each a key and a value. It may be
// called concurrently. Without a meter it does nothing.
func (c Counter) Add(ctx context.Context, service string, labels ...string) {
	c.add(ctx, 1, service, labels)
}

func (c Counter) add(ctx context.Context, n int64, service string, labels []string) {
	counter, err := otel.Meter(scope).Int64Counter(c.Name, metric.WithUnit(c.Unit), metric.WithDescription(c.Description))
	if err != nil {
		otel.Handle(err)
		return
	}
	all := []attribute.KeyValue{attribute.String("concentric.service", service)}
	for i := 0; i+1 < len(labels); i += 2 {
		all = append(all, attribute.String(labels[i], labels[i+1]))
	}
	counter.Add(ctx, n, metric.WithAttributes(all...))
}
