package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	exportFor  = 24 * time.Hour // that what was found can be read
	exportPart = 128 << 10      // bytes of lines that are sealed together

	exportShareOf = 20 // customers of whom one replica asks one service
)

// exportScopes let a service tell what few may read.
var exportScopes = []string{"exports:run", "customers:read_pii", "responses:read_text", "feedback:read_text"}

// ExportCustomerData implements PrivacyService.
func (p *Privacy) ExportCustomerData(ctx context.Context, req *gatewayv1.ExportCustomerDataRequest) (*longrunningpb.Operation, error) {
	n, now := req.GetName(), resource.Now()
	brand := name.Brand(n)
	found, wrong := p.plan(ctx, n, false)
	if wrong != nil && (req.GetRequestId() == "" || status.Code(wrong) != codes.NotFound) {
		return nil, wrong
	}
	e := store.Export{
		Brand: brand, ID: name.NewID(), Customer: name.ID(n), Customers: found.customers, Counts: []byte{}, ExpireTime: now.Add(exportFor),
	}
	return once.Do(ctx, p.DB, brand, req, func(tx *sqldb.Tx) (*longrunningpb.Operation, error) {
		if wrong != nil {
			return nil, wrong
		}
		if req.GetValidateOnly() {
			meta, err := anypb.New(&gatewayv1.ExportCustomerDataMetadata{})
			return &longrunningpb.Operation{Metadata: meta}, err
		}
		store.AddExport(tx, e)
		return p.operations().Start(tx, operation.Operation{
			Brand: brand, ID: e.ID, Request: []byte(exports), Total: int64(len(p.Services) + 1), CreateTime: now,
		})
	})
}

// An exportShare is what one service tells of some of the customers that are one with the one
// whose data is wanted.
type exportShare struct {
	Service int `json:"service"`
	First   int `json:"first"` // of the customers
	End     int `json:"end"`
}

// exports says how exports are done: what one service tells by one replica.
func (p *Privacy) exports() *operation.Split {
	return &operation.Split{Plan: p.planExport, Do: p.tellShare, Finish: p.finishExport}
}

// exported returns an export, or an error that ends it if the customer was erased meanwhile.
func (p *Privacy) exported(ctx context.Context, o operation.Operation) (store.Export, error) {
	e, err := p.Store.Export(ctx, o.Brand, o.ID)
	if errors.Is(err, table.ErrNotFound) {
		p.delays.over(o.ID)
		err = &operation.End{Code: codes.NotFound}
	}
	return e, err
}

// planExport parts an export by services and customers.
func (p *Privacy) planExport(ctx context.Context, o operation.Operation) (parts []operation.Part, err error) {
	e, err := p.exported(ctx, o)
	if err != nil {
		return nil, err
	}
	for service := range len(p.Services) + 1 {
		for first := 0; first < len(e.Customers); first += exportShareOf {
			input, err := json.Marshal(exportShare{service, first, min(first+exportShareOf, len(e.Customers))})
			if err != nil {
				return nil, err
			}
			parts = append(parts, operation.Part{Number: int64(len(parts)), Size: 1, Input: input})
		}
	}
	return parts, nil
}

// tellShare takes a share of an export. A service that cannot be asked is asked again later,
// from the beginning.
func (p *Privacy) tellShare(ctx context.Context, o operation.Operation, part operation.Part) (operation.Effect, error) {
	e, err := p.exported(ctx, o)
	if err != nil {
		return nil, err
	}
	var share exportShare
	if err := json.Unmarshal(part.Input, &share); err != nil {
		return nil, err
	}
	c := &collection{
		privacy: p, export: e, operation: o, part: part, share: share, service: p.service(share.Service), counts: map[string]*gatewayv1.ExportCount{},
	}
	key := name.Join(o.ID, c.service)
	if err := c.collect(ctx); err != nil {
		return nil, &operation.Delay{Until: resource.Now().Add(p.delays.longer(key)), Cause: fmt.Errorf("ask %s: %w", c.service, err)}
	}
	p.delays.over(key)
	counts, err := proto.Marshal(&c.found)
	return func(tx *sqldb.Tx) ([]byte, error) {
		c.put(tx)
		return counts, nil
	}, err
}

// finishExport lets an export be read.
func (p *Privacy) finishExport(ctx context.Context, o operation.Operation, parts []operation.Part) (proto.Message, error) {
	e, err := p.exported(ctx, o)
	if err != nil {
		return nil, err
	}
	all := &gatewayv1.ExportCustomerDataResponse{ExpireTime: timestamppb.New(e.ExpireTime)}
	for _, part := range parts {
		found := &gatewayv1.ExportCustomerDataResponse{}
		if err := proto.Unmarshal(part.Output, found); err != nil {
			return nil, err
		}
		for _, n := range found.GetCounts() {
			i := slices.IndexFunc(all.GetCounts(), func(c *gatewayv1.ExportCount) bool {
				return c.GetService() == n.GetService() && c.GetKind() == n.GetKind()
			})
			if i < 0 {
				all.Counts = append(all.Counts, n)
			} else {
				all.Counts[i].RecordCount += n.GetRecordCount()
			}
		}
	}
	if e.Counts, err = proto.Marshal(all); err != nil {
		return nil, err
	}
	e.Place = int64(len(p.Services) + 1)
	there := false
	err = p.DB.Write(ctx, func(tx *sqldb.Tx) (err error) { there, err = store.EndExport(tx, e); return err })
	p.delays.over(o.ID)
	if err == nil && !there {
		err = &operation.End{Code: codes.NotFound}
	}
	return all, err
}

// A collection takes what one service tells of a customer.
type collection struct {
	privacy   *Privacy
	export    store.Export
	operation operation.Operation
	part      operation.Part
	share     exportShare
	service   string
	lines     strings.Builder
	number    int64
	counts    map[string]*gatewayv1.ExportCount
	found     gatewayv1.ExportCustomerDataResponse
}

// errLost says that a part is somebody else's by now.
var errLost = errors.New("somebody else does this part")

// keep changes what is kept while the part is the caller's.
func (c *collection) keep(ctx context.Context, change func(tx *sqldb.Tx)) error {
	return c.privacy.DB.Write(ctx, func(tx *sqldb.Tx) error {
		mine, err := operation.Holds(tx, c.operation, c.part)
		if err == nil && !mine {
			err = errLost
		}
		if err == nil {
			change(tx)
		}
		return err
	})
}

// collect takes all of it, the last lines of which are still to be put.
func (c *collection) collect(ctx context.Context) error {
	p, e := c.privacy, c.export
	if err := c.keep(ctx, func(tx *sqldb.Tx) { store.ClearParts(tx, e, c.part.Number) }); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(acting(ctx, e.Brand, exportScopes...), callFor)
	defer cancel()
	req := &typev1.ExportCustomerRequest{Parent: name.Join("brands", e.Brand), Customers: e.Customers[c.share.First:c.share.End]}
	if c.share.Service == len(p.Services) {
		for _, n := range req.GetCustomers() {
			if err := c.holds(call, n); err != nil {
				return err
			}
		}
		return nil
	}
	stream, err := p.Services[c.share.Service].Client.ExportCustomer(call, req)
	if err != nil {
		return err
	}
	for {
		one, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = c.take(ctx, one.GetKind(), one.GetJson())
		}
		if err != nil {
			return err
		}
	}
}

// holds takes the legal holds on a customer.
func (c *collection) holds(ctx context.Context, customer string) error {
	return c.privacy.Own.Records(ctx, name.Brand(customer), name.ID(customer), func(kind string, record proto.Message) error {
		text, err := jsonOf(record)
		if err != nil {
			return err
		}
		return c.take(ctx, kind, text)
	})
}

// take adds one record.
func (c *collection) take(ctx context.Context, kind, record string) error {
	line, err := json.Marshal(struct {
		Service string          `json:"service"`
		Kind    string          `json:"kind"`
		Record  json.RawMessage `json:"record"`
	}{c.service, kind, json.RawMessage(record)})
	if err != nil {
		return err
	}
	c.lines.Write(line)
	c.lines.WriteByte('\n')
	if c.counts[kind] == nil {
		c.counts[kind] = &gatewayv1.ExportCount{Service: c.service, Kind: kind}
		c.found.Counts = append(c.found.Counts, c.counts[kind])
	}
	c.counts[kind].RecordCount++
	if c.lines.Len() < exportPart {
		return nil
	}
	if err := c.keep(ctx, c.put); err != nil {
		return err
	}
	c.lines.Reset()
	c.number++
	return nil
}

// put keeps the lines at hand.
func (c *collection) put(tx *sqldb.Tx) {
	if c.lines.Len() > 0 {
		store.AddPart(tx, c.export, c.part.Number, c.number, c.privacy.Box.Seal(exportName(c.export), []byte(c.lines.String())))
	}
}

func exportName(e store.Export) string {
	return name.Join("brands", e.Brand, "privacyOperations", e.ID)
}

// ReadExport implements PrivacyService.
func (p *Privacy) ReadExport(req *gatewayv1.ReadExportRequest, stream grpc.ServerStreamingServer[gatewayv1.ReadExportResponse]) error {
	ctx, n := stream.Context(), req.GetName()
	e, err := p.Store.Export(ctx, name.Brand(n), name.ID(n))
	switch {
	case err != nil:
		return resource.Explain(n, err)
	case !time.Now().Before(e.ExpireTime):
		return fault.NotFound(n)
	case int(e.Place) <= len(p.Services):
		return fault.Precondition("EXPORT_UNDER_WAY", n, "%s is not done yet", n)
	}
	for place, number := int64(-1), int64(0); ; {
		var sealed string
		if place, number, sealed, err = p.Store.Part(ctx, e, place, number); errors.Is(err, table.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		lines, err := p.Box.Open(exportName(e), sealed)
		if err != nil {
			return err
		}
		if err := stream.Send(&gatewayv1.ReadExportResponse{Lines: string(lines)}); err != nil {
			return err
		}
	}
}
