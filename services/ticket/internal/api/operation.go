package api

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/operation"
)

// operations are the operations of a server: simulations.
func (s *Server) operations() *operation.Desk {
	return &operation.Desk{
		DB: s.DB, Collection: "operations", Alarm: &s.sla.operations, Queue: s.Queue,
		Split: func(operation.Operation) (*operation.Split, error) { return s.simulations(), nil },
		Metadata: func(o operation.Operation) proto.Message {
			return &ticketv1.SimulateSlaPolicyMetadata{
				CreateTime: timestamppb.New(o.CreateTime), EndTime: timeProto(o.EndTime), DoneCount: o.Done, TotalCount: o.Total,
			}
		},
		Response: func(operation.Operation) (proto.Message, error) { return &ticketv1.SimulateSlaPolicyResponse{}, nil },
	}
}

// RunOperations works on operations until ctx ends. Replicas may run it at the same
// time.
func (s *Server) RunOperations(ctx context.Context) { s.operations().Run(ctx) }

// RunParts does parts of operations that replicas offer until ctx ends.
func (s *Server) RunParts(ctx context.Context, b *bus.Bus) error {
	return b.Work(ctx, s.Queue, s.operations().DoPart)
}

// GetOperation implements OperationService.
func (s *Server) GetOperation(ctx context.Context, req *ticketv1.GetOperationRequest) (*longrunningpb.Operation, error) {
	return s.operations().Get(ctx, req.GetName())
}

// ListOperations implements OperationService.
func (s *Server) ListOperations(ctx context.Context, req *ticketv1.ListOperationsRequest) (*ticketv1.ListOperationsResponse, error) {
	page, next, err := s.operations().List(ctx, req)
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListOperationsResponse{Operations: page, NextPageToken: next}, nil
}

// WaitOperation implements OperationService.
func (s *Server) WaitOperation(ctx context.Context, req *ticketv1.WaitOperationRequest) (*longrunningpb.Operation, error) {
	return s.operations().Wait(ctx, req.GetName(), req.GetTimeout())
}

// CancelOperation implements OperationService.
func (s *Server) CancelOperation(ctx context.Context, req *ticketv1.CancelOperationRequest) (*emptypb.Empty, error) {
	return s.operations().Cancel(ctx, req)
}
