package api

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// A shard is a part of a recompute: the customers from first to before end, which is
// empty for no end.
type shard struct {
	brand, operation string
	number           int64
	first, end       string
}

// maxShards is how many parts of recomputes wait for a replica at most. Beyond that they
// are left to others.
const maxShards = 1024

// shardRequested takes in a part of a recompute that another replica, or this one, asks
// for. Should it be lost, whoever holds the operation does it.
func (s *Server) shardRequested(tx *sqldb.Tx, brand string, p *eventv1.ScoreShardRequested) error {
	if brand == "" || name.Brand(p.GetOperation()) != brand {
		return contradiction("the operation is not of the event's brand")
	}
	part := shard{brand, name.ID(p.GetOperation()), int64(p.GetShard()), p.GetFirstCustomer(), p.GetEndCustomer()}
	tx.AfterCommit(func() {
		select {
		case s.shards <- part:
		default:
		}
	})
	return nil
}

// RunShards does the parts of recomputes that were asked for until ctx ends, as many at a
// time as there are cores.
func (s *Server) RunShards(ctx context.Context) {
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case part := <-s.shards:
					if err := s.rescoreShard(ctx, part); err != nil && ctx.Err() == nil {
						slog.WarnContext(ctx, "a part of a recompute is left to others", slog.String("error", err.Error()))
					}
				}
			}
		})
	}
	wg.Wait()
}

// each does parts side by side.
func (s *Server) each(ctx context.Context, parts []shard) error {
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { errs[i] = s.rescoreShard(ctx, part) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// rescoreShard does a part of a recompute, unless that is done, in hand, or nobody waits for it.
func (s *Server) rescoreShard(ctx context.Context, part shard) error {
	if _, taken := s.inHand.LoadOrStore(part, struct{}{}); taken {
		return nil
	}
	defer s.inHand.Delete(part)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		taken, err := store.ShardTaken(tx, part.brand, part.operation, part.number)
		if err != nil || taken {
			return err
		}
		j, err := s.judge(tx, part.brand, store.Range(part.first, part.end), s.now())
		if err != nil {
			return err
		}
		changed, _, err := s.settle(tx, part.brand, j)
		if err != nil {
			return err
		}
		store.DropSums(tx, part.brand, part.first, part.end)
		store.AddShard(tx, part.brand, part.operation, store.Shard{Number: part.number, Customers: int64(len(j.scores)), Changed: changed})
		return nil
	})
}
