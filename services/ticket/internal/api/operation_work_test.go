package api

import (
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestNobodyWritesToFindNoWork looks for operations while the only writer is busy.
func TestNobodyWritesToFindNoWork(t *testing.T) {
	s := newWorld(t, sqldbtest.Open(t, migrated.SQLite(t)), 1).Server
	busy, release := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- s.DB.Write(t.Context(), func(*sqldb.Tx) error {
			close(busy)
			<-release
			return nil
		})
	}()
	<-busy
	worked := make(chan error, 1)
	go func() {
		_, err := s.work(t.Context())
		worked <- err
	}()
	select {
	case err := <-worked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the writer")
	}
	close(release)
	if err := <-written; err != nil {
		t.Error(err)
	}
}
