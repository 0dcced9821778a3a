package api

import (
	"cmp"
	"context"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// maxTargets is how many targets a brand may have.
const maxTargets = 100

// Targets implements TargetService. Its exported fields are set once, before serving.
type Targets struct {
	gatewayv1.UnimplementedTargetServiceServer

	DB        *sqldb.DB
	Store     *store.Store
	Validator *rpc.Validator

	read recent[[]*gatewayv1.Target] // by brand, for views
}

// targets are the targets of a gateway.
func (s *Targets) targets() *resource.Resource[*gatewayv1.Target, store.Target] {
	return &resource.Resource[*gatewayv1.Target, store.Target]{
		DB: s.DB, Validator: s.Validator, Table: store.Targets, Collection: "targets", Field: "target",
		Filters: filter.Fields{
			{Name: "metric", Kind: filter.Enum, Enum: typev1.Metric(0).Descriptor()},
			{Name: "subject", Kind: filter.Enum, Enum: typev1.Subject(0).Descriptor()},
			{Name: "direction", Kind: filter.Enum, Enum: gatewayv1.Target_Direction(0).Descriptor()},
			{Name: "description"},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "metric", Kind: filter.Enum, Enum: typev1.Metric(0).Descriptor(), Order: "metric"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
		},
		Message: toTarget,
		Row: func(m *gatewayv1.Target, r table.Record) (store.Target, error) {
			return store.Target{
				Record: r, Metric: int32(m.GetMetric()), Subject: int32(m.GetSubject()), Direction: int32(m.GetDirection()),
				Goal: m.GetGoalValue(), Alarm: m.AlarmValue, Description: m.GetDescription(),
			}, nil
		},
		Check: s.check,
	}
}

func toTarget(r store.Target) *gatewayv1.Target {
	return &gatewayv1.Target{
		Name: name.Join("brands", r.Brand, "targets", r.ID), Metric: typev1.Metric(r.Metric), Subject: typev1.Subject(r.Subject),
		Direction: gatewayv1.Target_Direction(r.Direction), GoalValue: &r.Goal, AlarmValue: r.Alarm, Description: r.Description,
		CreateTime: timestamppb.New(r.CreateTime), UpdateTime: timestamppb.New(r.UpdateTime), Etag: resource.Etag(r.Version),
	}
}

// check keeps brands from having too many, and makes views read them anew.
func (s *Targets) check(tx *sqldb.Tx, old store.Target, row *store.Target) error {
	tx.AfterCommit(func() { s.read.forget(row.Brand) })
	if old.ID != "" {
		return nil
	}
	n, err := s.Store.CountTargets(tx, row.Brand)
	if err == nil && n >= maxTargets {
		err = &fault.Error{Code: codes.ResourceExhausted, Reason: "TOO_MANY", Message: "the brand has " + strconv.Itoa(maxTargets) + " targets already"}
	}
	return err
}

// of returns the targets of a brand, in the order of their names, as of a few seconds ago.
func (s *Targets) of(ctx context.Context, brand string) ([]*gatewayv1.Target, error) {
	return s.read.get(ctx, brand, func(ctx context.Context) ([]*gatewayv1.Target, bool, error) {
		rows, err := s.Store.Targets(ctx, brand, maxTargets)
		all := make([]*gatewayv1.Target, len(rows))
		for i, r := range rows {
			all[i] = toTarget(r)
		}
		return all, len(all) > 0, err
	})
}

// CreateTarget implements TargetService.
func (s *Targets) CreateTarget(ctx context.Context, req *gatewayv1.CreateTargetRequest) (*gatewayv1.Target, error) {
	return s.targets().Create(ctx, req, req.GetTarget())
}

// GetTarget implements TargetService.
func (s *Targets) GetTarget(ctx context.Context, req *gatewayv1.GetTargetRequest) (*gatewayv1.Target, error) {
	return s.targets().Get(ctx, req.GetName())
}

// ListTargets implements TargetService.
func (s *Targets) ListTargets(ctx context.Context, req *gatewayv1.ListTargetsRequest) (*gatewayv1.ListTargetsResponse, error) {
	all, next, err := s.targets().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &gatewayv1.ListTargetsResponse{Targets: all, NextPageToken: next}, nil
}

// UpdateTarget implements TargetService.
func (s *Targets) UpdateTarget(ctx context.Context, req *gatewayv1.UpdateTargetRequest) (*gatewayv1.Target, error) {
	return s.targets().Update(ctx, req, req.GetTarget())
}

// DeleteTarget implements TargetService.
func (s *Targets) DeleteTarget(ctx context.Context, req *gatewayv1.DeleteTargetRequest) (*emptypb.Empty, error) {
	done, err := s.targets().Delete(ctx, req)
	if err == nil {
		s.read.forget(name.Brand(req.GetName()))
	}
	return done, err
}
