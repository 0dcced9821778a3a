package api

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
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
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/seal"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

// Privacy implements PrivacyService and OperationService. Its exported fields are set once,
// before serving.
type Privacy struct {
	gatewayv1.UnimplementedPrivacyServiceServer
	gatewayv1.UnimplementedOperationServiceServer

	DB        *sqldb.DB
	Store     *store.Store
	Validator *rpc.Validator
	Services  []Keeper           // the other services that keep something of customers, journey the last
	Own       *privacy.Server    // for what the gateway keeps
	Key       ed25519.PrivateKey // that signs receipts
	Box       *seal.Box          // of exports
	Queue     *bus.Queue         // of the parts of operations

	due  worker.Alarm // rings for new operations
	told worker.Alarm // rings when services are to be told of a policy

	delays delays // of operations
}

// A Keeper is a service that keeps something of customers.
type Keeper struct {
	Name   string
	Client privacyClient
}

// A privacyClient is what the clients of all PrivacyServices look like.
type privacyClient interface {
	PlanErasure(context.Context, *typev1.PlanErasureRequest, ...grpc.CallOption) (*typev1.PlanErasureResponse, error)
	EraseCustomer(context.Context, *typev1.EraseCustomerRequest, ...grpc.CallOption) (*typev1.EraseCustomerResponse, error)
	ExportCustomer(context.Context, *typev1.ExportCustomerRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[typev1.ExportCustomerResponse], error)
	SetRetention(context.Context, *typev1.SetRetentionRequest, ...grpc.CallOption) (*typev1.SetRetentionResponse, error)
}

// own is what the gateway is called where it is one of the services.
const own = "gateway"

// acting returns a context whose calls may do what the gateway does for a brand.
func acting(ctx context.Context, brand string, scopes ...string) context.Context {
	return rpc.ActAs(ctx, rpc.Caller{Brand: brand, Scopes: scopes, Subject: own})
}

// A plan is what an erasure would do now.
type plan struct {
	customers []string // the names of all that are one person
	services  []*gatewayv1.ServiceErasure
}

// plan asks every service. It returns NOT_FOUND if none knows anything of the customer.
func (p *Privacy) plan(ctx context.Context, customer string, anonymize bool) (plan, error) {
	brand := name.Brand(customer)
	ctx = acting(ctx, brand, "erasures:run")
	req := &typev1.PlanErasureRequest{Parent: name.Join("brands", brand), Customers: []string{customer}, Anonymize: anonymize}
	answers := make([]*typev1.PlanErasureResponse, len(p.Services)+1)
	last, err := p.Services[len(p.Services)-1].Client.PlanErasure(ctx, req) // which knows the family
	if err != nil {
		return plan{}, err
	}
	req.Customers, answers[len(p.Services)-1] = last.GetCustomers(), last
	if answers[len(p.Services)], err = p.Own.PlanErasure(ctx, req); err != nil {
		return plan{}, err
	}
	var (
		wg     sync.WaitGroup
		failed = make([]error, len(p.Services))
	)
	for i, s := range p.Services[:len(p.Services)-1] {
		wg.Go(func() { answers[i], failed[i] = s.Client.PlanErasure(ctx, req) })
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return plan{}, first(failed)
	}
	found := plan{customers: req.GetCustomers()}
	known := false
	for i, a := range answers {
		found.services = append(found.services, &gatewayv1.ServiceErasure{Service: p.service(i), Counts: a.GetCounts()})
		known = known || len(a.GetCounts()) > 0
	}
	if !known {
		return found, fault.NotFound(customer)
	}
	return found, nil
}

// first returns the first error of all, of which there is one.
func first(all []error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// service returns the name of the service at a place, of which the gateway has the last.
func (p *Privacy) service(place int) string {
	if place < len(p.Services) {
		return p.Services[place].Name
	}
	return own
}

// EraseCustomer implements PrivacyService.
func (p *Privacy) EraseCustomer(ctx context.Context, req *gatewayv1.EraseCustomerRequest) (*longrunningpb.Operation, error) {
	n, now := req.GetName(), resource.Now()
	brand := name.Brand(n)
	found, wrong := p.plan(ctx, n, req.GetAnonymize())
	if wrong != nil && (req.GetRequestId() == "" || status.Code(wrong) != codes.NotFound) {
		return nil, wrong
	}
	receipt := &gatewayv1.ErasureReceipt{
		RequestTime: timestamppb.New(now), Anonymized: req.GetAnonymize(), CustomerCount: int32(len(found.customers)), //nolint:gosec // at most a thousand
	}
	e := store.Erasure{Brand: brand, ID: name.NewID(), Anonymize: req.GetAnonymize(), Place: 0}
	for _, c := range found.customers {
		e.Subjects = append(e.Subjects, store.Subject{Customer: name.ID(c), Pseudonym: pseudonym()})
	}
	var err error
	if e.Receipt, err = proto.Marshal(receipt); err != nil {
		return nil, err
	}
	return once.Do(ctx, p.DB, brand, req, func(tx *sqldb.Tx) (*longrunningpb.Operation, error) {
		if wrong != nil {
			return nil, wrong
		}
		switch held, err := store.Held(tx, brand, e.Customers()); {
		case err != nil:
			return nil, err
		case held:
			return nil, fault.Precondition("LEGAL_HOLD", n, "a legal hold lies on %s", n)
		}
		switch err := store.AddErasure(tx, e); {
		case errors.Is(err, table.ErrExists):
			return nil, underWay(n)
		case err != nil:
			return nil, err
		}
		if req.GetValidateOnly() {
			return planned(receipt, found)
		}
		return p.operations().Start(tx, operation.Operation{
			Brand: brand, ID: e.ID, Request: []byte(erases), Total: int64(2 * (len(p.Services) + 1)), CreateTime: now,
		})
	})
}

func underWay(n string) error {
	return fault.Precondition("ERASURE_UNDER_WAY", n, "%s is being erased", n)
}

// planned returns a plan as an operation that is done.
func planned(receipt *gatewayv1.ErasureReceipt, found plan) (*longrunningpb.Operation, error) {
	would := proto.CloneOf(receipt)
	would.RequestTime, would.Services = nil, found.services
	response, err := anypb.New(would)
	if err != nil {
		return nil, err
	}
	meta, err := anypb.New(&gatewayv1.EraseCustomerMetadata{})
	return &longrunningpb.Operation{Metadata: meta, Done: true, Result: &longrunningpb.Operation_Response{Response: response}}, err
}

// pseudonym returns the id that stands for somebody from now on.
func pseudonym() string {
	raw := make([]byte, 10)
	rand.Read(raw) //nolint:errcheck,gosec // it never fails
	return "erased-" + hex.EncodeToString(raw)
}

// GetErasureReceipt implements PrivacyService.
func (p *Privacy) GetErasureReceipt(ctx context.Context, req *gatewayv1.GetErasureReceiptRequest) (*gatewayv1.ErasureReceipt, error) {
	raw, err := p.Store.Receipt(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if err != nil {
		return nil, resource.Explain(req.GetName(), err)
	}
	receipt := &gatewayv1.ErasureReceipt{}
	return receipt, proto.Unmarshal(raw, receipt)
}

// Work works on operations, tells the services of policies and forgets exports, until ctx
// ends. Replicas may work at the same time.
func (p *Privacy) Work(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { p.operations().Run(ctx) })
	wg.Go(func() { p.tell(ctx) })
	wg.Go(func() { p.Own.Run(ctx) })
	wg.Wait()
}

// callFor is how long a call of an operation to a service may take.
const callFor = 25 * time.Second
