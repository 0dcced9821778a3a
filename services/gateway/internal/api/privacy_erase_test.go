package api

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// begun returns a gateway's privacy and an erasure that it has taken in.
func begun(t *testing.T, db *sqldb.DB, e store.Erasure) (*Privacy, operation.Operation) {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	e.Brand, e.ID, e.Subjects = "acme", "e1", []store.Subject{{Customer: "ann", Pseudonym: "erased-00000000000000000000"}}
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return store.AddErasure(tx, e) }); err != nil {
		t.Fatal(err)
	}
	return &Privacy{DB: db, Store: s}, operation.Operation{Brand: e.Brand, ID: e.ID, Request: []byte(erases), Total: 2, Lease: resource.Now().Add(time.Minute)}
}

func TestAHeldErasureIsHeldHoweverOftenItIsEnded(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		p, o := begun(t, db, store.Erasure{Receipt: []byte{}})
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			now := resource.Now()
			_, err := store.LegalHolds.Add(tx, store.LegalHold{
				Record: table.Record{Brand: "acme", ID: "h", CreateTime: now, UpdateTime: now, Version: 1}, Customer: "ann", Reason: "File 7",
			})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time because the process ended before it wrote that
			got, err := p.stepErase(t.Context(), o)
			if err != nil || string(got.Progress) != onHold || got.Code != int32(codes.FailedPrecondition) || got.EndTime.IsZero() {
				t.Errorf("the operation is %+v, %v, want one that is held", got, err)
			}
		}
	})
}

func TestAnErasureThatFailsIsTriedAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		p, o := begun(t, open(t), store.Erasure{Started: true, Round: maxRounds, Place: 1, Receipt: []byte{0xff}})
		got, err := p.stepErase(t.Context(), o)
		if err != nil || !got.EndTime.IsZero() || got.Code != 0 || got.Lease.Equal(o.Lease) {
			t.Errorf("the operation is %+v, %v, want one that goes on later", got, err)
		}
	})
}
