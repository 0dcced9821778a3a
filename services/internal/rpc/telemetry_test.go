package rpc

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestAServerShowsHowFullItIs(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	inside, leave := make(chan struct{}), make(chan struct{})
	srv := newTickets(Config{Metrics: metrics, MaxInFlight: 4}, getting(func(context.Context) error {
		inside <- struct{}{}
		<-leave
		return nil
	}))
	calls := make(chan error, 8)
	call := func() {
		_, err := ticketv1.NewTicketServiceClient(srv.Local()).GetTicket(t.Context(), get())
		calls <- err
	}
	for range 4 {
		go call()
		<-inside
	}
	// The brand of all callers has its places, so this one is refused.
	go call()
	refused(t, <-calls, codes.Unavailable, "OVERLOADED")
	got := observed(t, reader)
	if got["concentric.rpc.in_flight call"] != 4 || got["concentric.rpc.places call"] != 4 || got["concentric.rpc.refused call"] != 1 || got["concentric.rpc.in_flight watch"] != 0 {
		t.Errorf("figures = %v, want four calls in four places and one refused", got)
	}
	for range 4 {
		leave <- struct{}{}
		if err := <-calls; err != nil {
			t.Error(err)
		}
	}
	if got := observed(t, reader); got["concentric.rpc.in_flight call"] != 0 {
		t.Errorf("figures = %v after the last call", got)
	}
}

// observed returns the observable figures by name and kind.
func observed(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			for _, label := range []attribute.Key{"concentric.kind", "concentric.class"} {
				if v, ok := p.Attributes.Value(label); ok {
					got[name+" "+v.AsString()] = p.Value
				}
			}
		}
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Sum[int64]:
				add(m.Name, data.DataPoints)
			}
		}
	}
	return got
}
