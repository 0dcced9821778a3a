package store

import (
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// TestOfAHoldAndAnErasureThatBeginTogetherOneWins places a hold through one replica, and asks
// for and begins an erasure through another after the first has looked whether there is one.
func TestOfAHoldAndAnErasureThatBeginTogetherOneWins(t *testing.T) {
	url := sqldbtest.Postgres(t) // SQLite has one writer
	holder, eraser := sqldbtest.Open(t, url), sqldbtest.Open(t, url)
	if _, err := Open(t.Context(), holder); err != nil {
		t.Fatal(err)
	}
	looked, place, placed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		placed <- holder.Write(t.Context(), func(tx *sqldb.Tx) error {
			late, err := Erasing(tx, "acme", "ann")
			if err != nil || late {
				return err
			}
			close(looked)
			<-place
			_, err = LegalHolds.Add(tx, LegalHold{
				Record: table.Record{Brand: "acme", ID: "h", CreateTime: noon, UpdateTime: noon, Version: 1}, Customer: "ann", Reason: "File 7",
			})
			return err
		})
	}()
	<-looked
	e := Erasure{Brand: "acme", ID: "e", Receipt: []byte{}, Subjects: []Subject{{Customer: "ann", Pseudonym: "erased-00000000000000000000"}}}
	if err := eraser.Write(t.Context(), func(tx *sqldb.Tx) error { return AddErasure(tx, e) }); err != nil {
		t.Fatal(err)
	}
	held, begun := false, make(chan error, 1)
	go func() {
		begun <- eraser.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
			held, err = StartErasure(tx, e)
			return err
		})
	}()
	var err error
	select {
	case err = <-begun:
		t.Error("an erasure begins while a hold is being placed")
		close(place)
	case <-time.After(300 * time.Millisecond): // it waits for the hold
		close(place)
		err = <-begun
	}
	if err != nil || !held {
		t.Errorf("the erasure is held = %t, %v, want true", held, err)
	}
	if err := <-placed; err != nil {
		t.Errorf("the hold: %v", err)
	}
}
