package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	followEvery = 200 * time.Millisecond
	// followRest is how often as long as it works the follower rests while others write:
	// what it does is worth less than what it would keep them from, and of customers
	// who change all the time it is done less often then.
	followRest = 19
	agingEvery = time.Minute // status changes with time are a matter of months
	agingBatch = 1000
)

// A follower keeps customers up to date with their touchpoints.
type follower struct {
	server *Server
	after  store.Stale // whom it did last; all have their turn, however often the first change
	looked time.Time   // when it looked last
	aged   time.Time   // when it looked last for those whom time alone has changed
	batch  int         // how many it does at a time
}

// RunFollower keeps customers up to date with their touchpoints until ctx ends. Replicas
// may run it at the same time: mostly one of them works.
func (s *Server) RunFollower(ctx context.Context) {
	f := follower{server: s, batch: followBatch}
	for again := (worker.Retry{}); ctx.Err() == nil; {
		rest, err := f.pass(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "customers are behind their touchpoints", slog.String("error", err.Error()))
		}
		if again.Wait(ctx, err); rest == 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// pass brings some customers up to date and returns how long to rest. Where that fails, it
// goes on with fewer, so that somebody with whom it fails for good stays behind alone.
func (f *follower) pass(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	marks, all, err := f.server.catchUp(ctx, f.after, f.batch)
	if err != nil {
		if f.batch = max(len(marks)/10, 1); len(marks) == 1 {
			f.after = marks[0]
		}
		return followEvery, err
	}
	f.batch = min(2*f.batch, followBatch)
	first := f.after == store.Stale{}
	f.after = store.Stale{}
	if !all {
		f.after = marks[len(marks)-1]
	}
	busy := false
	for _, m := range marks {
		busy = busy || m.Time().After(f.looked)
	}
	f.looked = began
	switch {
	case busy:
		return max(followEvery, followRest*time.Since(began)), nil
	case !all || !first:
		return 0, nil
	}
	return followEvery, f.age(ctx)
}

// age marks the customers whose activity time alone has changed, once in a while and as
// long as there are many.
func (f *follower) age(ctx context.Context) error {
	now := f.server.now()
	if now.Sub(f.aged) < agingEvery {
		return nil
	}
	var n int64
	err := f.server.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = f.server.store.MarkDue(tx, sqldb.Micros(now), agingBatch)
		return err
	})
	if err == nil && n < agingBatch {
		f.aged = now
	}
	return err
}
