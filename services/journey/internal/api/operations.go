package api

import (
	"context"
	"fmt"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// operations are the operations of a server: recomputes and back-tests. The request of
// one is a message of its method.
func (s *Server) operations() *operation.Desk {
	return &operation.Desk{
		DB: s.db, Collection: "scoringOperations", Alarm: &s.due, Step: s.step, Split: s.split, Queue: s.queue,
		Metadata: metadataOf,
		Response: func(o operation.Operation) (proto.Message, error) {
			req, err := requestOf(o)
			if _, ok := req.(*journeyv1.BacktestScoringModelRequest); ok {
				return &journeyv1.Backtest{}, err
			}
			return &journeyv1.RecomputeScoresResponse{}, err
		},
	}
}

// requestOf returns what an operation was asked for.
func requestOf(o operation.Operation) (proto.Message, error) {
	var wrapped anypb.Any
	if err := proto.Unmarshal(o.Request, &wrapped); err != nil {
		return nil, fmt.Errorf("read operation: %w", err)
	}
	return wrapped.UnmarshalNew()
}

func metadataOf(o operation.Operation) proto.Message {
	req, _ := requestOf(o) //nolint:errcheck // whoever works on it says so
	if _, ok := req.(*journeyv1.BacktestScoringModelRequest); ok {
		return &journeyv1.BacktestScoringModelMetadata{
			CreateTime: timestamppb.New(o.CreateTime), EndTime: moment(o.EndTime), DoneCount: o.Done, TotalCount: o.Total,
		}
	}
	return &journeyv1.RecomputeScoresMetadata{
		CreateTime: timestamppb.New(o.CreateTime), EndTime: moment(o.EndTime), DoneCount: o.Done, TotalCount: o.Total,
	}
}

// start takes in an operation that req asks for.
func (s *Server) start(tx *sqldb.Tx, brand string, req proto.Message, total int64) (*longrunningpb.Operation, error) {
	wrapped, err := anypb.New(req)
	if err != nil {
		return nil, err
	}
	request, err := proto.Marshal(wrapped)
	if err != nil {
		return nil, err
	}
	return s.operations().Start(tx, operation.Operation{
		Brand: brand, ID: name.NewID(), Request: request, Total: total, CreateTime: resource.Now(),
	})
}

// step goes one step on with a back-test.
func (s *Server) step(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	req, err := requestOf(o)
	if err != nil {
		return o, err
	}
	return s.stepBacktest(ctx, o, req.(*journeyv1.BacktestScoringModelRequest)) //nolint:errcheck // see split
}

// split returns how a recompute is done in parts.
func (s *Server) split(o operation.Operation) (*operation.Split, error) {
	req, err := requestOf(o)
	if _, test := req.(*journeyv1.BacktestScoringModelRequest); test || err != nil {
		return nil, err
	}
	return s.recomputes(), nil
}

// RunOperations works on operations until ctx ends. Replicas may run it at the same
// time.
func (s *Server) RunOperations(ctx context.Context) { s.operations().Run(ctx) }

// RunParts does parts of operations that replicas offer until ctx ends.
func (s *Server) RunParts(ctx context.Context, b *bus.Bus) error {
	return b.Work(ctx, s.queue, s.operations().DoPart)
}

// GetOperation implements OperationService.
func (s *Server) GetOperation(ctx context.Context, req *journeyv1.GetOperationRequest) (*longrunningpb.Operation, error) {
	return s.operations().Get(ctx, req.GetName())
}

// ListOperations implements OperationService.
func (s *Server) ListOperations(ctx context.Context, req *journeyv1.ListOperationsRequest) (*journeyv1.ListOperationsResponse, error) {
	page, next, err := s.operations().List(ctx, req)
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListOperationsResponse{Operations: page, NextPageToken: next}, nil
}

// WaitOperation implements OperationService.
func (s *Server) WaitOperation(ctx context.Context, req *journeyv1.WaitOperationRequest) (*longrunningpb.Operation, error) {
	return s.operations().Wait(ctx, req.GetName(), req.GetTimeout())
}

// CancelOperation implements OperationService.
func (s *Server) CancelOperation(ctx context.Context, req *journeyv1.CancelOperationRequest) (*emptypb.Empty, error) {
	return s.operations().Cancel(ctx, req)
}
