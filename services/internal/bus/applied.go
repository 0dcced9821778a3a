package bus

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Awaited returns the ids of the events that revisions name, each as [once.Do] tells it:
// those of the kinds that a service listens to, and that its inbox has not forgotten. A
// revision that is none is a fault on field.
func Awaited(revisions, kinds []string, field string) ([]string, error) {
	var ids []string
	for _, revision := range revisions {
		for word := range strings.SplitSeq(revision, ",") {
			kind, id, _ := strings.Cut(word, ".")
			made, err := ulid.ParseStrict(id)
			if err != nil || kind == "" {
				return nil, fault.Invalid(fault.Field{
					Path: field, Reason: "REVISION", Description: "must be what the header concentric-revision of an answer said",
				})
			}
			if slices.Contains(kinds, kind) && time.Since(made.Timestamp()) < 2*keep {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Applied reports whether all of the events have had their effect on db. One that was put
// aside has not.
func Applied(ctx context.Context, db *sqldb.DB, ids []string) (bool, error) {
	for some := range slices.Chunk(ids, 500) {
		var q sqldb.Query
		q.Add(`SELECT COUNT(*) FROM inbox WHERE TRUE`)
		sqldb.In(&q, `id`, some)
		q.Add(` AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.id = inbox.id)`)
		var n int
		if err := db.Read().QueryRowContext(ctx, q.String(), q.Args...).Scan(&n); err != nil {
			return false, sqldb.Fault(err)
		}
		if n < len(some) {
			return false, nil
		}
	}
	return true, nil
}

// Await is Applied, but waits for it for as long as timeout.
func Await(ctx context.Context, db *sqldb.DB, ids []string, timeout time.Duration) (bool, error) {
	end := time.NewTimer(timeout)
	defer end.Stop()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		done, err := Applied(ctx, db, ids)
		if done || err != nil {
			return done, err
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
			continue
		case <-end.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		next.Stop()
		return false, err
	}
}
