package once

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// headers are those of an answer.
type headers struct{ md metadata.MD }

func (s *headers) Method() string                 { return "/x/y" }
func (s *headers) SetHeader(md metadata.MD) error { s.md = metadata.Join(s.md, md); return nil }
func (s *headers) SendHeader(metadata.MD) error   { return nil }
func (s *headers) SetTrailer(metadata.MD) error   { return nil }

// TestARepeatTellsNoRevision also where a lane has met no repeat for long and does not look
// for one.
func TestARepeatTellsNoRevision(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if err := Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		for range 600 {
			req := create("a")
			req.RequestId = uuid.NewString()
			if _, err := Do(t.Context(), db, "acme", req, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) { return &gatewayv1.Brand{}, nil }); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 2 {
			s := &headers{}
			ctx := grpc.NewContextWithServerTransportStream(context.Background(), s)
			_, err := Do(ctx, db, "acme", create("a"), func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
				tx.Note("kind.id")
				return &gatewayv1.Brand{Name: "brands/acme"}, nil
			})
			if err != nil || n == 0 && len(s.md.Get(RevisionHeader)) == 0 {
				t.Errorf("call %d: %v, headers %v", n, err, s.md)
			}
			if n == 1 && len(s.md) > 0 {
				t.Errorf("the repeat told %d headers: %s", len(s.md), s.md.Get(RevisionHeader))
			}
		}
	})
}
