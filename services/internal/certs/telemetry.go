package certs

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/certs"

// Measure shows for the rest of the process when the certificate ends, the first of its chain
// to do so. A process has one pair that it does this for.
func (p *Pair) Measure() error {
	meter := otel.Meter(scope)
	end, err := meter.Int64ObservableGauge("concentric.certificate.end", metric.WithUnit("s"),
		metric.WithDescription("When the certificate that the process shows ends, or one that it was issued by, in seconds since 1970."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		at, err := p.end()
		if err != nil {
			return err
		}
		out.ObserveInt64(end, at.Unix())
		return nil
	}, end)
	return err
}
