package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// The kinds of echo.
const (
	bare    = "bare"    // grpc-go and nothing else
	checked = "checked" // behind the interceptors of the suite
	traced  = "traced"  // the same with metrics and one trace in a hundred
)

// workers is how many goroutines the suite keeps for calls.
const workers = 32

// echo serves answers that cost nothing until standard input ends.
func echo(kind string) error {
	if strings.HasPrefix(kind, "view-") {
		return viewEcho(kind)
	}
	var srv interface {
		grpc.ServiceRegistrar
		Serve(net.Listener) error
		Stop()
	}
	switch kind {
	case bare:
		srv = grpc.NewServer()
	case checked:
		srv = rpc.NewServer(rpc.Config{Workers: workers})
	case traced:
		srv = rpc.NewServer(rpc.Config{
			Workers: workers,
			Traces:  sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.01))),
			Metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
		})
	default:
		return fmt.Errorf("there is no echo called %q", kind)
	}
	ticketv1.RegisterTicketServiceServer(srv, tickets{})
	journeyv1.RegisterScoringServiceServer(srv, scores{})
	surveyv1.RegisterResponseServiceServer(srv, answers{})
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is what counts
		srv.Stop()
	}()
	fmt.Fprintf(os.Stderr, "echo serves %s calls on http://%s\n", kind, lis.Addr())
	return srv.Serve(lis)
}

// tickets answers with the ticket it was sent.
type tickets struct {
	ticketv1.UnimplementedTicketServiceServer
}

func (tickets) CreateTicket(_ context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	return req.GetTicket(), nil
}

// scores answers a score without looking for one.
type scores struct {
	journeyv1.UnimplementedScoringServiceServer
}

func (scores) GetScore(_ context.Context, req *journeyv1.GetScoreRequest) (*journeyv1.Score, error) {
	return &journeyv1.Score{Name: req.GetName(), Basis: &typev1.Basis{AsOfTime: req.GetAsOfTime()}}, nil
}

// answers answers with the response it was sent.
type answers struct {
	surveyv1.UnimplementedResponseServiceServer
}

func (answers) SubmitResponse(_ context.Context, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, error) {
	return req.GetResponse(), nil
}
