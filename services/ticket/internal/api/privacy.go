package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// Privacy implements PrivacyService.
type Privacy struct {
	ticketv1.UnsafePrivacyServiceServer
	*privacy.Server
}

// Privacy returns the PrivacyService of a server.
func (s *Server) Privacy() *Privacy {
	return &Privacy{Server: &privacy.Server{
		DB: s.DB, Tombstones: s.Tombstones, Tables: store.PrivacyTables(), Named: store.PrivacyNames(), Rules: store.PrivacyRules(),
		Traces:  []privacy.Trace{privacy.Answers(), privacy.Events(), privacy.Letters(), privacy.Audited(), privacy.Operations()},
		Records: s.records,
	}}
}

// records tells all that is kept of a customer.
func (s *Server) records(ctx context.Context, brand, id string, send privacy.Send) error {
	parent, customer := name.Join("brands", brand), name.Join("brands", brand, "customers", id)
	for token := ""; ; {
		page, err := s.ListTickets(ctx, &ticketv1.ListTicketsRequest{
			Parent: parent, Customer: customer, ShowDeleted: true, PageSize: 200, PageToken: token,
		})
		if err != nil {
			return err
		}
		for _, t := range page.GetTickets() {
			if err := send("tickets", t); err != nil {
				return err
			}
			if err := s.log(ctx, t.GetName(), send); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		page, err := s.ListSelfServiceSessions(ctx, &ticketv1.ListSelfServiceSessionsRequest{
			Parent: parent, Filter: fmt.Sprintf("customer = %q", customer), PageSize: 200, PageToken: token,
		})
		if err != nil {
			return err
		}
		for _, one := range page.GetSelfServiceSessions() {
			if err := send("sessions", one); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// log tells what was said about a ticket and what became of it.
func (s *Server) log(ctx context.Context, ticket string, send privacy.Send) error {
	for token := ""; ; {
		page, err := s.ListInteractions(ctx, &ticketv1.ListInteractionsRequest{Parent: ticket, PageSize: 200, PageToken: token})
		if err != nil {
			return err
		}
		for _, i := range page.GetInteractions() {
			if err := send("interactions", i); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		page, err := s.ListTicketEvents(ctx, &ticketv1.ListTicketEventsRequest{Parent: ticket, PageSize: 200, PageToken: token})
		if err != nil {
			return err
		}
		for _, e := range page.GetEvents() {
			if err := send("ticket_events", e); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// gone refuses to add words to what was said by somebody who was erased since.
func gone(t store.Ticket) error {
	if !privacy.Pseudonym(t.Customer) {
		return nil
	}
	n := ticketName(t.Brand, t.ID)
	return fault.Precondition(privacy.ErasedReason, n, "the customer of %s was erased", n)
}

// Apply lets customers come back who consent anew after they were erased.
func (s *Server) Apply(tx *sqldb.Tx, e *eventv1.Event) error {
	p := e.GetConsentChanged()
	if p == nil || !p.GetGranted() {
		return nil
	}
	brand := name.Brand(e.GetBrand())
	if name.Brand(p.GetCustomer()) != brand || p.GetChangeTime() == nil {
		return &fault.Error{Code: codes.InvalidArgument, Reason: "BAD_EVENT", Message: "the consent is not of the event's brand, or of no time"}
	}
	s.Tombstones.Lift(tx, brand, name.ID(p.GetCustomer()), p.GetChangeTime().AsTime())
	return nil
}
