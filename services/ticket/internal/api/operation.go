package api

import (
	"context"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// How long WaitOperation waits, and how often it looks.
const (
	waitUsual = 5 * time.Second
	waitLook  = 50 * time.Millisecond
)

// operationProto returns an operation as the contract has it.
func operationProto(o store.Operation) (*longrunningpb.Operation, error) {
	meta, err := anypb.New(&ticketv1.SimulateSlaPolicyMetadata{
		CreateTime: timestamppb.New(o.CreateTime), EndTime: timeProto(o.EndTime), DoneCount: o.Done, TotalCount: o.Total,
	})
	if err != nil {
		return nil, err
	}
	m := &longrunningpb.Operation{Name: operationName(o), Metadata: meta, Done: !o.EndTime.IsZero()}
	switch {
	case !m.GetDone():
	case o.Code != 0:
		code := codes.Code(o.Code) //nolint:gosec // one of ours
		message := "the operation failed"
		if code == codes.Canceled {
			message = "the operation was cancelled"
		}
		m.Result = &longrunningpb.Operation_Error{Error: &status.Status{Code: o.Code, Message: message}}
	default:
		found := &ticketv1.SimulateSlaPolicyResponse{}
		if err := proto.Unmarshal(o.Result, found); err != nil {
			return nil, err
		}
		response, err := anypb.New(found)
		if err != nil {
			return nil, err
		}
		m.Result = &longrunningpb.Operation_Response{Response: response}
	}
	return m, nil
}

func operationName(o store.Operation) string { return ref(o.Brand, "operations", o.ID) }

// GetOperation implements OperationService.
func (s *Server) GetOperation(ctx context.Context, req *ticketv1.GetOperationRequest) (*longrunningpb.Operation, error) {
	o, err := s.operation(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return operationProto(o)
}

// operation returns the named operation.
func (s *Server) operation(ctx context.Context, n string) (store.Operation, error) {
	o, err := s.Store.Operation(ctx, name.Brand(n), name.ID(n))
	return o, explain(n, err)
}

// ListOperations implements OperationService.
func (s *Server) ListOperations(ctx context.Context, req *ticketv1.ListOperationsRequest) (*ticketv1.ListOperationsResponse, error) {
	size := page.Size(req)
	var before string
	if err := page.Decode(req, &before); err != nil {
		return nil, err
	}
	rows, err := s.Store.Operations(ctx, name.Brand(req.GetParent()), before, size+1)
	if err != nil {
		return nil, err
	}
	resp := &ticketv1.ListOperationsResponse{}
	if len(rows) > size {
		rows = rows[:size]
		if resp.NextPageToken, err = page.Encode(req, rows[size-1].ID); err != nil {
			return nil, err
		}
	}
	for _, o := range rows {
		m, err := operationProto(o)
		if err != nil {
			return nil, err
		}
		resp.Operations = append(resp.Operations, m)
	}
	return resp, nil
}

// WaitOperation implements OperationService.
func (s *Server) WaitOperation(ctx context.Context, req *ticketv1.WaitOperationRequest) (*longrunningpb.Operation, error) {
	longest := waitUsual
	if req.GetTimeout() != nil {
		longest = req.GetTimeout().AsDuration()
	}
	until := time.NewTimer(longest)
	defer until.Stop()
	look := time.NewTicker(waitLook)
	defer look.Stop()
	for over := false; ; {
		o, err := s.operation(ctx, req.GetName())
		if err != nil {
			return nil, err
		}
		if over || !o.EndTime.IsZero() {
			return operationProto(o)
		}
		select {
		case <-look.C:
		case <-until.C:
			over = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// CancelOperation implements OperationService. The operation has ended when it
// returns; whoever works on it finds out with the next step.
func (s *Server) CancelOperation(ctx context.Context, req *ticketv1.CancelOperationRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		err := store.EndOperation(tx, name.Brand(n), name.ID(n), int32(codes.Canceled), resource.Now())
		return &emptypb.Empty{}, explain(n, err)
	})
}
