package store

import (
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestOneWorksOnAnOperation lets two claim an operation, one after the other.
func TestOneWorksOnAnOperation(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		claim := func(now time.Time) (o Operation, ok bool) {
			waits, err := s.OperationWaits(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			write(t, s, func(tx *sqldb.Tx) (err error) {
				o, ok, err = s.ClaimOperation(tx, now, now.Add(time.Minute))
				return err
			})
			if waits != ok {
				t.Errorf("an operation waits: %t, and there is one to claim: %t", waits, ok)
			}
			return o, ok
		}
		advance := func(held, o Operation) (mine bool) {
			write(t, s, func(tx *sqldb.Tx) (err error) {
				mine, err = Advance(tx, held, o)
				return err
			})
			return mine
		}
		write(t, s, func(tx *sqldb.Tx) error {
			AddOperation(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
			return nil
		})
		first, ok := claim(noon)
		if !ok {
			t.Fatal("there is nothing to claim")
		}
		if _, ok := claim(noon.Add(30 * time.Second)); ok {
			t.Error("there are two claims while the lease lasts")
		}
		second, ok := claim(noon.Add(2 * time.Minute))
		if !ok {
			t.Fatal("there is nothing to claim after the lease")
		}
		if advance(first, first) {
			t.Error("who has lost the operation goes on with it")
		}
		next := second
		next.Done, next.Progress = 7, []byte("p")
		if !advance(second, next) {
			t.Error("who has the operation cannot go on with it")
		}
		write(t, s, func(tx *sqldb.Tx) error { return EndOperation(tx, "acme", "o", 1, noon.Add(3*time.Minute)) })
		if advance(second, next) {
			t.Error("a cancelled operation goes on")
		}
		if o, err := s.Operation(t.Context(), "acme", "o"); err != nil || o.Code != 1 || o.Done != 7 || o.EndTime.IsZero() {
			t.Errorf("the operation is %+v, %v", o, err)
		}
		write(t, s, func(tx *sqldb.Tx) error {
			ForgetOperations(tx, noon.Add(KeepOperations))
			return nil
		})
		if _, err := s.Operation(t.Context(), "acme", "o"); err != nil {
			t.Errorf("it is forgotten too early: %v", err)
		}
		write(t, s, func(tx *sqldb.Tx) error {
			ForgetOperations(tx, noon.Add(KeepOperations+time.Hour))
			return nil
		})
		if _, err := s.Operation(t.Context(), "acme", "o"); err != ErrNotFound {
			t.Errorf("it is kept: %v", err)
		}
	})
}
