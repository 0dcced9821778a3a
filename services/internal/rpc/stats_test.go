package rpc

import (
	"context"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestACallIsOneTraceAcrossTheProcessAndTheNetwork(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	reader := sdkmetric.NewManualReader()
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	cfg := Config{Traces: traces, Metrics: metrics}

	var conn grpc.ClientConnInterface
	var seen trace.SpanContext
	srv := newTickets(cfg, tickets{
		create: func(ctx context.Context, _ *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
			return ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get())
		},
		get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			seen = trace.SpanContextFromContext(ctx)
			return &ticketv1.Ticket{}, nil
		},
	})
	conn = srv.Local()
	client := dial(t, listen(t, srv), ClientConfig{Traces: traces})
	if _, err := ticketv1.NewTicketServiceClient(client).CreateTicket(t.Context(), create()); err != nil {
		t.Fatal(err)
	}
	if _, err := healthv1.NewHealthClient(client).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	_ = client.Invoke(t.Context(), "/stranger/Invented", get(), &ticketv1.Ticket{}) // refused
	waitUntil(t, func() bool { return len(spans.Ended()) >= 5 })

	served := map[string]int{}
	for _, s := range spans.Ended() {
		if s.SpanKind() == trace.SpanKindServer {
			served[s.Name()]++
		}
		if !strings.Contains(s.Name(), "Invented") && s.SpanContext().TraceID() != seen.TraceID() {
			t.Errorf("%s is of another trace than the handler", s.Name())
		}
	}
	if len(served) != 2 || served["concentric.ticket.v1.TicketService/CreateTicket"] != 1 || served["concentric.ticket.v1.TicketService/GetTicket"] != 1 {
		t.Errorf("spans of the server = %v, want the two calls of the ticket service", served)
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.ScopeMetrics) == 0 {
		t.Error("no metrics")
	}
}

func TestTelemetryThatIsOffCostsNothing(t *testing.T) {
	srv := newTickets(Config{}, getting(func(ctx context.Context) error {
		if trace.SpanFromContext(ctx).SpanContext().IsValid() {
			t.Error("there is a span")
		}
		return nil
	}))
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
	})
}
