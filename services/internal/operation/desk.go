package operation

import (
	"context"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

// How long Wait waits, and how often it looks.
const (
	waitUsual = 5 * time.Second
	waitLook  = 50 * time.Millisecond
)

// A Desk is where the operations of a service are taken in, worked on and asked for.
// Its fields are set once; its methods may be called concurrently.
type Desk struct {
	DB         *sqldb.DB
	Collection string        // in their names
	Alarm      *worker.Alarm // rings for new ones; the same for every Desk of a process

	// Step goes one step on with an operation: it returns it with Progress, Done and
	// Total as they then are, or with Result or Code and an EndTime. A step may come
	// again after it was done. Where it sets another Lease, by our clock, the operation
	// is left alone until then. An error without a reason ends the operation.
	Step func(context.Context, Operation) (Operation, error)

	// Split returns how an operation is done in parts, or nil for one that goes in steps. Nil
	// is for steps alone.
	Split func(Operation) (*Split, error)
	Queue *bus.Queue // where parts are offered; nil: nowhere

	Metadata func(Operation) proto.Message
	Response func(Operation) (proto.Message, error) // an empty one of the right type

	clock clock
}

// Start takes in an operation and returns it as the contract has it.
func (d *Desk) Start(tx *sqldb.Tx, o Operation) (*longrunningpb.Operation, error) {
	add(tx, o)
	tx.AfterCommit(func() { d.Alarm.Set(o.CreateTime) })
	return d.Message(o)
}

// Name returns the name of an operation.
func (d *Desk) Name(o Operation) string { return name.Join("brands", o.Brand, d.Collection, o.ID) }

// Message returns an operation as the contract has it.
func (d *Desk) Message(o Operation) (*longrunningpb.Operation, error) {
	meta, err := anypb.New(d.Metadata(o))
	if err != nil {
		return nil, err
	}
	m := &longrunningpb.Operation{Name: d.Name(o), Metadata: meta, Done: !o.EndTime.IsZero()}
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
		found, err := d.Response(o)
		if err != nil {
			return nil, err
		}
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

// Get answers GetOperation.
func (d *Desk) Get(ctx context.Context, n string) (*longrunningpb.Operation, error) {
	o, err := d.read(ctx, n)
	if err != nil {
		return nil, err
	}
	return d.Message(o)
}

func (d *Desk) read(ctx context.Context, n string) (Operation, error) {
	o, err := Get(ctx, d.DB, name.Brand(n), name.ID(n))
	return o, resource.Explain(n, err)
}

// A ListRequest is the request of ListOperations.
type ListRequest interface {
	page.Request
	GetParent() string
}

// List answers ListOperations with a page and the token of the next.
func (d *Desk) List(ctx context.Context, req ListRequest) (all []*longrunningpb.Operation, token string, err error) {
	size := page.Size(req)
	var before string
	if err := page.Decode(req, &before); err != nil {
		return nil, "", err
	}
	rows, err := list(ctx, d.DB, name.Brand(req.GetParent()), before, size+1)
	if err != nil {
		return nil, "", err
	}
	if len(rows) > size {
		rows = rows[:size]
		if token, err = page.Encode(req, rows[size-1].ID); err != nil {
			return nil, "", err
		}
	}
	for _, o := range rows {
		m, err := d.Message(o)
		if err != nil {
			return nil, "", err
		}
		all = append(all, m)
	}
	return all, token, nil
}

// Wait answers WaitOperation.
func (d *Desk) Wait(ctx context.Context, n string, timeout *durationpb.Duration) (*longrunningpb.Operation, error) {
	longest := waitUsual
	if timeout != nil {
		longest = timeout.AsDuration()
	}
	until := time.NewTimer(longest)
	defer until.Stop()
	look := time.NewTicker(waitLook)
	defer look.Stop()
	for over := false; ; {
		o, err := d.read(ctx, n)
		if err != nil {
			return nil, err
		}
		if over || !o.EndTime.IsZero() {
			return d.Message(o)
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

// A CancelRequest is the request of CancelOperation.
type CancelRequest interface {
	once.Request
	GetName() string
}

// Cancel answers CancelOperation. The operation has ended when it returns; whoever
// works on it finds out with the next step.
func (d *Desk) Cancel(ctx context.Context, req CancelRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, d.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		ended, err := end(tx, name.Brand(n), name.ID(n), int32(codes.Canceled), resource.Now())
		if ended {
			tx.AfterCommit(func() { d.count(ctx, codes.Canceled) })
		}
		return &emptypb.Empty{}, resource.Explain(n, err)
	})
}
