package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
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

// stepExport takes what one service tells, or ends the export. A service that cannot be
// asked is asked again later, from the beginning.
func (p *Privacy) stepExport(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	e, err := p.Store.Export(ctx, o.Brand, o.ID)
	if errors.Is(err, table.ErrNotFound) { // the customer was erased meanwhile
		o.Code, o.EndTime = int32(codes.NotFound), resource.Now()
		return o, nil
	} else if err != nil {
		return o, err
	}
	counts := &gatewayv1.ExportCustomerDataResponse{}
	if err := proto.Unmarshal(e.Counts, counts); err != nil {
		return o, err
	}
	if int(e.Place) > len(p.Services) {
		counts.ExpireTime = timestamppb.New(e.ExpireTime)
		o.Result, err = proto.Marshal(counts)
		o.Done, o.EndTime = o.Total, resource.Now()
		return o, err
	}
	c := &collection{privacy: p, export: e, service: p.service(int(e.Place)), counts: map[string]*gatewayv1.ExportCount{}, into: counts}
	if err := c.collect(ctx); err != nil {
		wait := p.delays.longer(o.ID)
		if ctx.Err() == nil {
			slog.WarnContext(ctx, "an export waits for a service", "service", c.service, "operation", o.ID, "for", wait, "err", err)
		}
		o.Lease = resource.Now().Add(wait)
		return o, nil
	}
	p.delays.over(o.ID)
	if e.Counts, err = proto.Marshal(counts); err != nil {
		return o, err
	}
	e.Place++
	o.Done++
	return o, p.DB.Write(ctx, func(tx *sqldb.Tx) error { _, err := store.MoveExport(tx, e); return err })
}

// A collection takes what one service tells of a customer.
type collection struct {
	privacy *Privacy
	export  store.Export
	service string
	lines   strings.Builder
	number  int64
	counts  map[string]*gatewayv1.ExportCount
	into    *gatewayv1.ExportCustomerDataResponse
}

// collect takes all of it.
func (c *collection) collect(ctx context.Context) error {
	p, e := c.privacy, c.export
	err := p.DB.Write(ctx, func(tx *sqldb.Tx) error { store.ClearParts(tx, e); return nil })
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(acting(ctx, e.Brand, exportScopes...), callFor)
	defer cancel()
	req := &typev1.ExportCustomerRequest{Parent: name.Join("brands", e.Brand), Customers: e.Customers}
	if int(e.Place) == len(p.Services) {
		for _, n := range e.Customers {
			if err := c.holds(call, n); err != nil {
				return err
			}
		}
		return c.flush(ctx)
	}
	stream, err := p.Services[e.Place].Client.ExportCustomer(call, req)
	if err != nil {
		return err
	}
	for {
		one, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return c.flush(ctx)
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
		c.into.Counts = append(c.into.Counts, c.counts[kind])
	}
	c.counts[kind].RecordCount++
	if c.lines.Len() < exportPart {
		return nil
	}
	return c.flush(ctx)
}

// flush keeps what was taken.
func (c *collection) flush(ctx context.Context) error {
	if c.lines.Len() == 0 {
		return nil
	}
	sealed := c.privacy.Box.Seal(exportName(c.export), []byte(c.lines.String()))
	c.lines.Reset()
	c.number++
	return c.privacy.DB.Write(ctx, func(tx *sqldb.Tx) error { store.AddPart(tx, c.export, c.number, sealed); return nil })
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
