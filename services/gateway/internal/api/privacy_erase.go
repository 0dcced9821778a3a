package api

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	// between is how long after a round the next looks for what came in the meantime: longer
	// than replicas take to hear who was erased.
	between = 2 * time.Second

	maxRounds = 10
)

// stepErase goes one step on with an erasure. What fails is tried again: an erasure that ended
// with an error would be under way for ever.
func (p *Privacy) stepErase(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	next, err := p.erase(ctx, o)
	if err == nil && !next.EndTime.IsZero() {
		p.delays.over(o.ID)
	}
	if err == nil || ctx.Err() != nil || fault.Reason(err) != "" {
		return next, err
	}
	wait := p.delays.longer(o.ID)
	slog.ErrorContext(ctx, "an erasure is delayed", "operation", o.ID, "for", wait, "err", err)
	o.Lease = resource.Now().Add(wait)
	return o, nil
}

// erase asks one service, or ends an erasure. The rounds after the first look for what came in
// the meantime, until one finds nothing.
func (p *Privacy) erase(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	e, err := p.Store.Erasure(ctx, o.Brand, o.ID)
	switch {
	case errors.Is(err, table.ErrNotFound): // it was ended, but the operation does not know
		return p.endErase(ctx, o)
	case err != nil:
		return o, err
	case !e.Started:
		return p.startErase(ctx, o, e)
	case int(e.Place) <= len(p.Services):
		return p.forget(ctx, o, e)
	case e.Round > 1 && e.Found == 0 || e.Round == maxRounds:
		return p.settle(ctx, o, e)
	}
	e.Round, e.Place, e.Found = e.Round+1, 0, 0
	if err := p.DB.Write(ctx, func(tx *sqldb.Tx) error { store.MoveErasure(tx, e); return nil }); err != nil {
		return o, err
	}
	o.Progress = []byte(verifying)
	o.Lease = resource.Now().Add(between)
	return o, nil
}

// startErase begins an erasure, or ends it because of a legal hold.
func (p *Privacy) startErase(ctx context.Context, o operation.Operation, e store.Erasure) (operation.Operation, error) {
	held := false
	err := p.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if held, err = store.StartErasure(tx, e); held {
			store.EndErasure(tx, e.Brand, e.ID)
		}
		return err
	})
	if held {
		return endHeld(o), err
	}
	o.Progress = []byte(erasing)
	return o, err
}

// endHeld ends the operation because of a legal hold.
func endHeld(o operation.Operation) operation.Operation {
	o.Progress, o.Code, o.EndTime = []byte(onHold), int32(codes.FailedPrecondition), resource.Now()
	return o
}

// forget asks the service whose turn it is to forget the customer. One that is out of reach
// is asked again later.
func (p *Privacy) forget(ctx context.Context, o operation.Operation, e store.Erasure) (operation.Operation, error) {
	req := &typev1.EraseCustomerRequest{
		Parent: name.Join("brands", e.Brand), Anonymize: e.Anonymize, Token: e.Token,
		RequestId: uuid.NewSHA1(uuid.NameSpaceURL, []byte(name.Join(e.Brand, e.ID, string(rune('0'+e.Round))))).String(),
	}
	for _, s := range e.Subjects {
		req.Subjects = append(req.Subjects, &typev1.ErasureSubject{
			Customer: name.Join("brands", e.Brand, "customers", s.Customer), Pseudonym: s.Pseudonym,
		})
	}
	call, cancel := context.WithTimeout(acting(ctx, e.Brand, "erasures:run"), callFor)
	defer cancel()
	var (
		done *typev1.EraseCustomerResponse
		err  error
	)
	if int(e.Place) < len(p.Services) {
		done, err = p.Services[e.Place].Client.EraseCustomer(call, req)
	} else {
		done, err = p.Own.EraseCustomer(call, req)
	}
	if err != nil {
		wait := p.delays.longer(o.ID)
		if ctx.Err() == nil {
			slog.WarnContext(ctx, "an erasure waits for a service", "service", p.service(int(e.Place)), "operation", o.ID, "for", wait, "err", err)
		}
		o.Lease = resource.Now().Add(wait)
		return o, nil
	}
	p.delays.over(o.ID)
	if e.Token = done.GetNextToken(); e.Token == "" {
		for _, c := range done.GetCounts() {
			e.Found += c.GetDeletedCount() + c.GetAnonymizedCount()
		}
		if e.Receipt, err = added(e.Receipt, p.service(int(e.Place)), done.GetCounts()); err != nil {
			return o, err
		}
		e.Place++
		o.Done = min(o.Done+1, o.Total-1)
	}
	return o, p.DB.Write(ctx, func(tx *sqldb.Tx) error { store.MoveErasure(tx, e); return nil })
}

// added returns a receipt with what a service has done beside what is on it.
func added(raw []byte, service string, counts []*typev1.ErasureCount) ([]byte, error) {
	receipt := &gatewayv1.ErasureReceipt{}
	if err := proto.Unmarshal(raw, receipt); err != nil {
		return nil, err
	}
	var did *gatewayv1.ServiceErasure
	for _, s := range receipt.GetServices() {
		if s.GetService() == service {
			did = s
		}
	}
	if did == nil {
		did = &gatewayv1.ServiceErasure{Service: service}
		receipt.Services = append(receipt.Services, did)
	}
	for _, c := range counts {
		i := 0
		for i < len(did.GetCounts()) && did.GetCounts()[i].GetKind() != c.GetKind() {
			i++
		}
		if i == len(did.GetCounts()) {
			did.Counts = append(did.Counts, &typev1.ErasureCount{Kind: c.GetKind()})
		}
		did.Counts[i].DeletedCount += c.GetDeletedCount()
		did.Counts[i].AnonymizedCount += c.GetAnonymizedCount()
	}
	return proto.Marshal(receipt)
}

// settle keeps the receipt of an erasure and forgets whom it was about.
func (p *Privacy) settle(ctx context.Context, o operation.Operation, e store.Erasure) (operation.Operation, error) {
	receipt := &gatewayv1.ErasureReceipt{}
	if err := proto.Unmarshal(e.Receipt, receipt); err != nil {
		return o, err
	}
	receipt.Name = name.Join("brands", e.Brand, "erasureReceipts", e.ID)
	receipt.CompleteTime = timestamppb.New(resource.Now())
	signed, err := ReceiptText(receipt)
	if err != nil {
		return o, err
	}
	receipt.Signature = ed25519.Sign(p.Key, signed)
	raw, err := proto.Marshal(receipt)
	if err != nil {
		return o, err
	}
	err = p.DB.Write(ctx, func(tx *sqldb.Tx) error {
		store.AddReceipt(tx, e.Brand, e.ID, raw)
		store.EndErasure(tx, e.Brand, e.ID)
		return nil
	})
	if err != nil {
		return o, err
	}
	return p.endErase(ctx, o)
}

// endErase ends the operation once nothing is left of the customer in any file. An erasure that
// was ended without a receipt was held.
func (p *Privacy) endErase(ctx context.Context, o operation.Operation) (operation.Operation, error) {
	raw, err := p.Store.Receipt(ctx, o.Brand, o.ID)
	switch {
	case errors.Is(err, table.ErrNotFound):
		return endHeld(o), nil
	case err != nil:
		return o, err
	}
	if err := p.DB.Scrub(ctx); err != nil {
		return o, err
	}
	o.Progress, o.Result, o.Done, o.EndTime = []byte(done), raw, o.Total, resource.Now()
	return o, nil
}

// ReceiptText returns what the signature of a receipt is over.
func ReceiptText(receipt *gatewayv1.ErasureReceipt) ([]byte, error) {
	unsigned := proto.CloneOf(receipt)
	unsigned.Signature = nil
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(unsigned)
	return append([]byte("concentric erasure receipt\x00"), body...), err
}
