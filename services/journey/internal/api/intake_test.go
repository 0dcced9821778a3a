package api

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAPanicOverAMessageEndsItsStreamAlone(t *testing.T) {
	server := newTestServer(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	server.catalog = nil
	srv := rpc.NewServer(rpc.Config{})
	journeyv1.RegisterTouchpointServiceServer(srv, server)
	stream, err := journeyv1.NewTouchpointServiceClient(srv.Local()).IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(thousand(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("the stream ended with %v, want INTERNAL", err)
	}
}

func TestAPanicOverAnAnswerIsAnError(t *testing.T) {
	in := &intake{
		server: &Server{unread: time.Minute},
		stream: &grpc.GenericServerStream[journeyv1.IngestTouchpointsRequest, journeyv1.IngestTouchpointsResponse]{}, // of nobody
	}
	if err := in.answer(&journeyv1.IngestTouchpointsResponse{}); err == nil || !strings.HasPrefix(err.Error(), "panic") {
		t.Errorf("answer = %v, want the panic", err)
	}
}
