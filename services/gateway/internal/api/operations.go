package api

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/operation"
)

// What operations do. Whom it is about is kept elsewhere, so that it can be forgotten.
const (
	erases  = "erase"
	exports = "export"
)

// What an erasure is doing, as its progress has it; nothing yet if empty.
const (
	erasing   = "erasing"
	verifying = "verifying"
	onHold    = "held"
	done      = "done"
)

var states = map[string]gatewayv1.EraseCustomerMetadata_State{
	"":        gatewayv1.EraseCustomerMetadata_STATE_REQUESTED,
	erasing:   gatewayv1.EraseCustomerMetadata_STATE_ERASING,
	verifying: gatewayv1.EraseCustomerMetadata_STATE_VERIFYING,
	onHold:    gatewayv1.EraseCustomerMetadata_STATE_HELD,
	done:      gatewayv1.EraseCustomerMetadata_STATE_DONE,
}

// operations are the operations of the gateway: erasures and exports.
func (p *Privacy) operations() *operation.Desk {
	return &operation.Desk{
		DB: p.DB, Collection: "privacyOperations", Alarm: &p.due, Metadata: privacyMetadata, Step: p.stepErase, Queue: p.Queue,
		Split: func(o operation.Operation) (*operation.Split, error) {
			if string(o.Request) == exports {
				return p.exports(), nil
			}
			return nil, nil //nolint:nilnil // as the field has it
		},
		Response: func(o operation.Operation) (proto.Message, error) {
			if string(o.Request) == exports {
				return &gatewayv1.ExportCustomerDataResponse{}, nil
			}
			return &gatewayv1.ErasureReceipt{}, nil
		},
	}
}

func privacyMetadata(o operation.Operation) proto.Message {
	var ended *timestamppb.Timestamp
	if !o.EndTime.IsZero() {
		ended = timestamppb.New(o.EndTime)
	}
	if string(o.Request) == exports {
		return &gatewayv1.ExportCustomerDataMetadata{
			CreateTime: timestamppb.New(o.CreateTime), EndTime: ended, DoneCount: o.Done, TotalCount: o.Total,
		}
	}
	state := states[string(o.Progress)]
	if o.Code != 0 && state != gatewayv1.EraseCustomerMetadata_STATE_HELD {
		state = gatewayv1.EraseCustomerMetadata_STATE_FAILED
	}
	return &gatewayv1.EraseCustomerMetadata{
		State: state, CreateTime: timestamppb.New(o.CreateTime), EndTime: ended, DoneCount: o.Done, TotalCount: o.Total,
	}
}

// RunParts does parts of operations that replicas offer until ctx ends.
func (p *Privacy) RunParts(ctx context.Context, b *bus.Bus) error {
	return b.Work(ctx, p.Queue, p.operations().DoPart)
}

// GetOperation implements OperationService.
func (p *Privacy) GetOperation(ctx context.Context, req *gatewayv1.GetOperationRequest) (*longrunningpb.Operation, error) {
	return p.operations().Get(ctx, req.GetName())
}

// ListOperations implements OperationService.
func (p *Privacy) ListOperations(ctx context.Context, req *gatewayv1.ListOperationsRequest) (*gatewayv1.ListOperationsResponse, error) {
	page, next, err := p.operations().List(ctx, req)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.ListOperationsResponse{Operations: page, NextPageToken: next}, nil
}

// WaitOperation implements OperationService.
func (p *Privacy) WaitOperation(ctx context.Context, req *gatewayv1.WaitOperationRequest) (*longrunningpb.Operation, error) {
	return p.operations().Wait(ctx, req.GetName(), req.GetTimeout())
}
