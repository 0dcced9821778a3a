package api

import (
	"context"
	"fmt"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// Privacy implements PrivacyService.
type Privacy struct {
	surveyv1.UnsafePrivacyServiceServer
	*privacy.Server
}

// Privacy returns the PrivacyService of a server.
func (s *Server) Privacy() *Privacy {
	return &Privacy{Server: &privacy.Server{
		DB: s.DB, Tombstones: s.Tombstones, Tables: store.PrivacyTables(), Named: store.PrivacyNames(), Rules: store.PrivacyRules(),
		Traces:  []privacy.Trace{privacy.Answers(), privacy.Events(), privacy.Letters(), privacy.Audited()},
		Refer:   func(id string) string { return name.Join("customers", id) },
		Records: s.records,
	}}
}

// records tells all that is kept of a customer.
func (s *Server) records(ctx context.Context, brand, id string, send privacy.Send) error {
	parent, customer := name.Join("brands", brand), name.Join("brands", brand, "customers", id)
	which := fmt.Sprintf("customer = %q", customer)
	for token := ""; ; {
		page, err := s.ListResponses(ctx, &surveyv1.ListResponsesRequest{Parent: parent, Customer: customer, PageSize: 200, PageToken: token})
		if err != nil {
			return err
		}
		for _, r := range page.GetResponses() {
			if r, err = s.GetResponse(ctx, &surveyv1.GetResponseRequest{Name: r.GetName()}); err != nil { // with its record
				return err
			}
			if err := send("responses", r); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		page, next, err := s.feedback().List(ctx, &surveyv1.ListFeedbackRequest{Parent: parent, Filter: which, PageSize: 200, PageToken: token}, "")
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := send("feedback", f); err != nil {
				return err
			}
		}
		if token = next; token == "" {
			break
		}
	}
	for token := ""; ; {
		page, err := s.ListInvitations(ctx, &surveyv1.ListInvitationsRequest{Parent: name.Join(parent, "surveys", "-"), Filter: which, PageSize: 200, PageToken: token})
		if err != nil {
			return err
		}
		for _, v := range page.GetInvitations() {
			if err := send("invitations", v); err != nil {
				return err
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for after := ""; ; {
		page, err := s.Store.EndedOf(ctx, brand, name.Join("customers", id), after, 200)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := send("ended_interactions", toAttribution(brand, e.Attribution)); err != nil {
				return err
			}
			after = e.Interaction
		}
		if len(page) < 200 {
			break
		}
	}
	said, err := s.GetOptOut(ctx, &surveyv1.GetOptOutRequest{Name: customer + "/optOut"})
	if err != nil || said.GetUpdateTime() == nil {
		return err
	}
	return send("opt_outs", said)
}

// refuse refuses news of a customer who was erased. The customer is as the store has it.
func (s *Server) refuse(brand, customer string) error {
	return s.Tombstones.Refuse(brand, name.ID(customer))
}

// lift lets a customer come back who consents anew after an erasure, and reports whether
// it did.
func (s *Server) lift(tx *sqldb.Tx, brand string, p *eventv1.ConsentChanged) bool {
	return p.GetGranted() && p.GetChangeTime() != nil && name.Brand(p.GetCustomer()) == brand &&
		s.Tombstones.Lift(tx, brand, name.ID(p.GetCustomer()), p.GetChangeTime().AsTime())
}
