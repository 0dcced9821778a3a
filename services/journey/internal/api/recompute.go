package api

import (
	"context"
	"encoding/json"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// shardSize is how many customers a part of a recompute has.
const shardSize = 1000

// A shard is a part of a recompute: the customers from first to before end, which is
// empty for no end.
type shard struct {
	First string `json:"first"`
	End   string `json:"end"`
}

// A rescored is what came of a shard.
type rescored struct {
	Customers int64 `json:"customers"` // that have a score
	Changed   int64 `json:"changed"`   // that have another one than before
}

// RecomputeScores implements ScoringService.
func (s *Server) RecomputeScores(ctx context.Context, req *journeyv1.RecomputeScoresRequest) (*longrunningpb.Operation, error) {
	brand := name.Brand(req.GetParent())
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*longrunningpb.Operation, error) {
		return s.startRecompute(tx, brand)
	})
}

func (s *Server) startRecompute(tx *sqldb.Tx, brand string) (*longrunningpb.Operation, error) {
	return s.start(tx, brand, &journeyv1.RecomputeScoresRequest{Parent: name.Join("brands", brand)}, 0)
}

// recomputes says how recomputes are done: the customers of each part by one replica.
func (s *Server) recomputes() *operation.Split {
	return &operation.Split{
		Plan: s.planShards,
		Do: func(_ context.Context, o operation.Operation, p operation.Part) (operation.Effect, error) {
			var part shard
			err := json.Unmarshal(p.Input, &part)
			return func(tx *sqldb.Tx) ([]byte, error) {
				did, err := s.rescoreShard(tx, o.Brand, part)
				if err != nil {
					return nil, err
				}
				return json.Marshal(did)
			}, err
		},
		Finish: s.finishRecompute,
	}
}

// planShards parts the customers. It waits until all replicas have noticed which model is
// active, as sums of one that is not are removed with the parts.
func (s *Server) planShards(ctx context.Context, o operation.Operation) (parts []operation.Part, err error) {
	if settled := o.CreateTime.Add(2 * modelAge); resource.Now().Before(settled) {
		return nil, &operation.Delay{Until: settled}
	}
	var part shard
	add := func(size int) error {
		input, err := json.Marshal(part)
		parts = append(parts, operation.Part{Number: int64(len(parts)), Size: int64(size), Input: input})
		return err
	}
	for some, after := []string(nil), ""; ; {
		next, err := s.store.Customers(ctx, o.Brand, after, shardSize)
		if err != nil {
			return nil, err
		}
		if len(next) == 0 {
			return parts, add(len(some))
		}
		if len(some) > 0 {
			part.End = next[0]
			if err := add(len(some)); err != nil {
				return nil, err
			}
			part = shard{First: next[0]}
		}
		some, after = next, next[len(next)-1]
	}
}

// rescoreShard makes the scores of a part anew, and removes sums that nobody needs.
func (s *Server) rescoreShard(tx *sqldb.Tx, brand string, part shard) (rescored, error) {
	j, err := s.judge(tx, brand, store.Range(part.First, part.End), s.now())
	if err != nil {
		return rescored{}, err
	}
	changed, _, err := s.settle(tx, brand, j)
	if err != nil {
		return rescored{}, err
	}
	store.DropSums(tx, brand, part.First, part.End)
	return rescored{Customers: int64(len(j.scores)), Changed: changed}, nil
}

// finishRecompute says what was done.
func (s *Server) finishRecompute(ctx context.Context, o operation.Operation, parts []operation.Part) (proto.Message, error) {
	model, err := store.KernelOf(s.store.Active(ctx, o.Brand))
	if err != nil {
		return nil, err
	}
	resp := &journeyv1.RecomputeScoresResponse{ScoringModelRevision: modelName(o.Brand, model.Revision)}
	for _, p := range parts {
		var did rescored
		if err := json.Unmarshal(p.Output, &did); err != nil {
			return nil, err
		}
		resp.CustomerCount += did.Customers
		resp.ChangedCount += did.Changed
	}
	return resp, nil
}
