package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// newTestServer returns a server on db.
func newTestServer(t testing.TB, db *sqldb.DB) *Server {
	t.Helper()
	for _, migrate := range []func(context.Context, *sqldb.DB) error{once.Migrate, bus.Migrate} {
		if err := migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return NewServer(db, bus.NewOutbox(db), s, nil, nil)
}

// serveTouchpoints serves the touchpoints of db; answers may wait so long for the
// client.
func serveTouchpoints(t *testing.T, db *sqldb.DB, unread time.Duration) journeyv1.TouchpointServiceClient {
	t.Helper()
	server := newTestServer(t, db)
	server.unread = unread
	srv := rpc.NewServer(rpc.Config{})
	journeyv1.RegisterTouchpointServiceServer(srv, server)
	return journeyv1.NewTouchpointServiceClient(srv.Local())
}

// thousand makes message number n of a stream.
func thousand(n int) *journeyv1.IngestTouchpointsRequest {
	req := &journeyv1.IngestTouchpointsRequest{Parent: "brands/acme"}
	for i := range 1000 {
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: fmt.Sprint("brands/acme/customers/c", i%50),
			Touchpoint: &journeyv1.Touchpoint{
				Definition: "brands/acme/touchpointDefinitions/website-visit", Source: "web", EventId: fmt.Sprint(n, "-", i),
				EventTime: timestamppb.New(time.Date(2026, 2, 9, 12, n, 0, 0, time.UTC)),
			},
		})
	}
	return req
}

// A client that sends and does not read is cut off, and finds all that it was told of,
// and little else, stored.
func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	c := serveTouchpoints(t, db, 300*time.Millisecond)
	stream, err := c.IngestTouchpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for sent < 200 && err == nil {
		if err = stream.Send(thousand(sent)); err == nil {
			sent++
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("after %d messages: %v, want the end of the stream", sent, err)
	}
	told := int64(0)
	for {
		answer, err := stream.Recv()
		if err != nil {
			if status.Code(err) != codes.ResourceExhausted {
				t.Errorf("the stream ended with %v, want RESOURCE_EXHAUSTED", err)
			}
			break
		}
		told = answer.GetAnsweredCount()
	}
	var stored int64
	if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM touchpoint`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages sent, %d touchpoints answered, %d stored", sent, told, stored)
	if stored < told || stored > told+inFlight*1000 {
		t.Errorf("%d touchpoints are stored, want the %d that were answered and at most %d messages more", stored, told, inFlight)
	}
}

// What a client that went away was told is stored, and its messages one after the
// other.
func TestWhatIsStoredIsWhatWasSentUpToSomeMessage(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	c := serveTouchpoints(t, db, unreadFor)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.IngestTouchpoints(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		if err := stream.Send(thousand(n)); err != nil {
			t.Fatal(err)
		}
	}
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	var whole, stored int64
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error { // after those that are under way
		return tx.QueryRow(`SELECT COUNT(*), (SELECT MAX(event_time) FROM touchpoint) FROM touchpoint`).Scan(&stored, &whole)
	})
	if err != nil {
		t.Fatal(err)
	}
	last := (whole - time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC).UnixMicro()) / time.Minute.Microseconds()
	if stored < first.GetAnsweredCount() || stored != 1000*(last+1) {
		t.Errorf("%d touchpoints are stored, the last of message %d, want all up to there and the %d answered", stored, last, first.GetAnsweredCount())
	}
}
