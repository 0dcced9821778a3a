package api

import (
	"context"
	"encoding/json"
	"runtime"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	shardSize  = 1000                   // customers
	shardPause = 500 * time.Millisecond // in which others may do a part, before whoever holds the operation does one
)

// A recompute is how far one is: the parts were handed out, and so many were done when
// it was last looked at. A part begins at its customer and ends at the next one's.
type recompute struct {
	Shards []string `json:"shards"`
	Seen   int      `json:"seen"`
	Told   bool     `json:"told"`
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

// stepRecompute goes one step on: it parts the customers and tells all replicas of the
// parts, and then looks until they are done. Where nobody has done one for a while, it
// does some itself, so that no part is ever lost.
func (s *Server) stepRecompute(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	var r recompute
	if len(o.Progress) > 0 {
		if err := json.Unmarshal(o.Progress, &r); err != nil {
			return o, err
		}
	}
	switch {
	case len(r.Shards) == 0:
		return s.part(ctx, o)
	case !r.Told:
		return s.tell(ctx, o, r)
	}
	done, err := s.store.Shards(ctx, o.Brand, o.ID)
	if err != nil {
		return o, err
	}
	if len(done) == len(r.Shards) {
		return s.finishRecompute(ctx, o, done)
	}
	if len(done) > r.Seen { // others are at it
		r.Seen, o.Done = len(done), min(int64(len(done)*shardSize), o.Total)
		o.Lease = resource.Now().Add(shardPause)
		return encodeProgress(o, r)
	}
	mine := s.undone(&r, o, done)
	if len(mine) == 0 { // all of them are in hand
		o.Lease = resource.Now().Add(shardPause)
		return encodeProgress(o, r)
	}
	if err := s.each(ctx, mine); err != nil {
		return o, err
	}
	r.Seen = len(done) + len(mine)
	o.Done = min(int64(r.Seen*shardSize), o.Total)
	return encodeProgress(o, r)
}

func encodeProgress(o operation.Operation, progress any) (operation.Operation, error) {
	text, err := json.Marshal(progress)
	o.Progress = text
	return o, err
}

// undone returns as many of the parts that are neither done nor in hand here as there are
// cores, the last ones: others begin with the first.
func (s *Server) undone(r *recompute, o operation.Operation, done []store.Shard) (mine []shard) {
	has := make([]bool, len(r.Shards))
	for _, d := range done {
		has[d.Number] = true
	}
	for i := len(r.Shards) - 1; i >= 0 && len(mine) < runtime.GOMAXPROCS(0); i-- {
		first, end := r.bounds(i)
		part := shard{o.Brand, o.ID, int64(i), first, end}
		if _, taken := s.inHand.Load(part); !taken && !has[i] {
			mine = append(mine, part)
		}
	}
	return mine
}

// bounds returns the first customer of a part and the one after its last; both are empty
// for none.
func (r *recompute) bounds(shard int) (first, end string) {
	if shard > 0 {
		first = r.Shards[shard]
	}
	if shard+1 < len(r.Shards) {
		end = r.Shards[shard+1]
	}
	return first, end
}

// part parts the customers, and that is kept before anybody is told, so that whoever tells
// it again tells the same. It waits until all replicas have noticed which model is active,
// as sums of one that is not are removed with the parts.
func (s *Server) part(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	if settled := o.CreateTime.Add(2 * modelAge); resource.Now().Before(settled) {
		o.Lease = settled
		return o, nil
	}
	r := recompute{Shards: []string{""}}
	o.Total = 0
	for after := ""; ; {
		some, err := s.store.Customers(ctx, o.Brand, after, shardSize)
		if err != nil {
			return o, err
		}
		if len(some) > 0 && o.Total > 0 {
			r.Shards = append(r.Shards, some[0])
		}
		o.Total += int64(len(some))
		if len(some) < shardSize {
			break
		}
		after = some[len(some)-1]
	}
	return encodeProgress(o, r)
}

// tell tells all replicas of the parts.
func (s *Server) tell(ctx context.Context, o operation.Operation, r recompute) (operation.Operation, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for i := range r.Shards {
			first, end := r.bounds(i)
			s.outbox.Emit(tx, &eventv1.Event{
				Brand: name.Join("brands", o.Brand), Key: name.Join("brands", o.Brand, "scoreShards", first), EventTime: timestamppb.New(s.now()),
				Payload: &eventv1.Event_ScoreShardRequested{ScoreShardRequested: &eventv1.ScoreShardRequested{
					Operation: s.operations().Name(o), Shard: int32(i), FirstCustomer: first, EndCustomer: end, //nolint:gosec // some thousands
				}},
			})
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	r.Told, o.Lease = true, resource.Now().Add(shardPause)
	return encodeProgress(o, r)
}

// finishRecompute says what was done.
func (s *Server) finishRecompute(ctx context.Context, o operation.Operation, done []store.Shard) (operation.Operation, error) {
	model, err := store.KernelOf(s.store.Active(ctx, o.Brand))
	if err != nil {
		return o, err
	}
	resp := &journeyv1.RecomputeScoresResponse{ScoringModelRevision: modelName(o.Brand, model.Revision)}
	for _, d := range done {
		resp.CustomerCount += d.Customers
		resp.ChangedCount += d.Changed
	}
	if o.Result, err = proto.Marshal(resp); err != nil {
		return o, err
	}
	if o.Result == nil {
		o.Result = []byte{}
	}
	o.Done, o.EndTime = o.Total, resource.Now()
	return o, s.db.Write(ctx, func(tx *sqldb.Tx) error { store.DropShards(tx, o.Brand, ""); return nil })
}
