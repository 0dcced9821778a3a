package api

import (
	"context"
	"hash/maphash"
	"strconv"
	"sync"

	"github.com/google/uuid"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// BatchGetTickets implements TicketService. It finds deleted tickets too, as GetTicket
// does.
func (s *Server) BatchGetTickets(ctx context.Context, req *ticketv1.BatchGetTicketsRequest) (*ticketv1.BatchGetTicketsResponse, error) {
	brand := name.Brand(req.GetParent())
	ids := make([]string, len(req.GetNames()))
	for i, n := range req.GetNames() {
		if name.Brand(n) != brand {
			return nil, fault.NotFound(n)
		}
		ids[i] = name.ID(n)
	}
	rows, err := store.TicketsOf(s.Store.Query(ctx), brand, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]store.Ticket, len(rows))
	for _, t := range rows {
		byID[t.ID] = t
	}
	resp, partner := &ticketv1.BatchGetTicketsResponse{}, partnerOf(ctx)
	for i, id := range ids {
		t, ok := byID[id]
		if !ok || partner != "" && t.Partner != partner {
			return nil, fault.NotFound(req.GetNames()[i])
		}
		resp.Tickets = append(resp.Tickets, ticketProto(t))
	}
	return resp, nil
}

// BatchCreateTickets implements TicketService, in one transaction.
func (s *Server) BatchCreateTickets(ctx context.Context, req *ticketv1.BatchCreateTicketsRequest) (*ticketv1.BatchCreateTicketsResponse, error) {
	brand, items := name.Brand(req.GetParent()), req.GetRequests()
	drafts, errs := make([]draft, len(items)), make([]error, len(items))
	for i, item := range items {
		if errs[i] = s.item(brand, item); errs[i] == nil {
			drafts[i], errs[i] = newDraft(ctx, item)
		}
		if errs[i] != nil && (!req.GetPartialSuccess() || !refusal(errs[i])) {
			return nil, resource.Within("requests["+strconv.Itoa(i)+"]", errs[i])
		}
	}
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*ticketv1.BatchCreateTicketsResponse, error) {
		resp := &ticketv1.BatchCreateTicketsResponse{}
		for i, d := range drafts {
			t, err := d.Ticket, errs[i]
			if err == nil {
				t, err = s.open(tx, d)
			}
			switch {
			case err == nil:
				resp.Results = append(resp.Results, &ticketv1.CreateTicketResult{Ticket: ticketProto(t)})
			case req.GetPartialSuccess() && refusal(err):
				resp.Results = append(resp.Results, &ticketv1.CreateTicketResult{Error: statusOf(err)})
			default:
				return nil, resource.Within("requests["+strconv.Itoa(i)+"]", err)
			}
		}
		return resp, nil
	})
}

// refusal reports whether err is about the item of a batch and not about the batch.
func refusal(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.PermissionDenied:
		return true
	}
	return false
}

// item checks one request of a batch as if it had come alone.
func (s *Server) item(brand string, req resource.CreateRequest) error {
	if err := s.Validator.Message(req); err != nil {
		return err
	}
	switch {
	case name.Brand(req.GetParent()) != brand:
		return fault.NotFound(req.GetParent())
	case req.GetRequestId() != "":
		return belongsToBatch("request_id")
	case req.GetValidateOnly():
		return belongsToBatch("validate_only")
	}
	return nil
}

func belongsToBatch(field string) error {
	return fault.Invalid(fault.Field{
		Path: field, Reason: "BATCH_ITEM", Description: "must be empty in a batch, whose own " + field + " counts for all",
	})
}

// hands is how many interactions of a batch are recorded at a time.
const hands = 16

// BatchCreateInteractions implements InteractionService. Those of one ticket are
// recorded in the order of the batch.
func (s *Server) BatchCreateInteractions(ctx context.Context, req *ticketv1.BatchCreateInteractionsRequest) (*ticketv1.BatchCreateInteractionsResponse, error) {
	brand := name.Brand(req.GetParent())
	// The batch is remembered before its items, so that its id with other items is
	// refused before any of them has an effect.
	resp, err := once.Do(ctx, s.DB, brand, req, func(*sqldb.Tx) (*ticketv1.BatchCreateInteractionsResponse, error) {
		return &ticketv1.BatchCreateInteractionsResponse{}, nil
	})
	if err != nil {
		return nil, err
	}
	resp.Results = make([]*ticketv1.CreateInteractionResult, len(req.GetRequests()))
	errs := make([]error, hands)
	seed := maphash.MakeSeed()
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			for i, item := range req.GetRequests() {
				if maphash.String(seed, item.GetParent())%hands != uint64(hand) || errs[hand] != nil {
					continue
				}
				resp.Results[i], errs[hand] = s.batched(ctx, req, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// batched records one interaction of a batch. The error is one that the item cannot
// help.
func (s *Server) batched(ctx context.Context, req *ticketv1.BatchCreateInteractionsRequest, i int) (*ticketv1.CreateInteractionResult, error) {
	item := req.GetRequests()[i]
	err := s.item(name.Brand(req.GetParent()), item)
	var said *ticketv1.Interaction
	if err == nil {
		alone := proto.CloneOf(item)
		alone.RequestId, alone.ValidateOnly = itemID(req.GetRequestId(), i), req.GetValidateOnly()
		said, err = s.CreateInteraction(ctx, alone)
	}
	switch {
	case err == nil:
		return &ticketv1.CreateInteractionResult{Interaction: said}, nil
	case refusal(err):
		return &ticketv1.CreateInteractionResult{Error: statusOf(err)}, nil
	}
	return nil, err
}

func statusOf(err error) *statuspb.Status { return status.Convert(err).Proto() }

// itemID returns the request_id under which the answer to an item is remembered, if
// the batch has one.
func itemID(batch string, i int) string {
	id, err := uuid.Parse(batch)
	if err != nil {
		return ""
	}
	return uuid.NewSHA1(id, []byte(strconv.Itoa(i))).String()
}
