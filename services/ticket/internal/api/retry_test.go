package api

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestWhatFailsBesideTheCallsIsTriedSeldom takes the database away for an hour.
func TestWhatFailsBesideTheCallsIsTriedSeldom(t *testing.T) {
	w := newWorld(t, sqldbtest.Open(t, migrated.SQLite(t)), 1)
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(was)
	for what, run := range map[string]func(context.Context){
		"timers": w.RunTimers, "operations": w.RunOperations, "roll-ups": w.RunRollups,
	} {
		said.Reset()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			run(ctx)
		})
		if lines := bytes.Count(said.Bytes(), []byte("\n")); lines < 60 || lines > 130 {
			t.Errorf("%s: %d lines in the log of an hour, want one every 30 seconds", what, lines)
		}
	}
}
