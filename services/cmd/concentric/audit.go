package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// An auditCmd shows who changed what.
type auditCmd struct {
	List   listAuditCmd   `cmd:"" help:"List what was done in a brand, newest first."`
	Verify verifyAuditCmd `cmd:"" help:"Check that nothing in the log was changed, taken out or put in."`
}

type listAuditCmd struct {
	desk

	Subject  string        `help:"Only what this caller did, such as apiKeys/desk." placeholder:"WHO"`
	Method   string        `help:"Only calls of this method, such as CustomerService/MergeCustomers." placeholder:"SERVICE/METHOD"`
	Resource string        `help:"Only what was done to this, by its full name." placeholder:"NAME"`
	Since    time.Duration `default:"720h" help:"Only of this last while."`
	Limit    int32         `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *listAuditCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewAuditServiceClient(conn).ListAuditEvents(ctx, &gatewayv1.ListAuditEventsRequest{
			Parent: "brands/" + c.Brand, PageSize: c.Limit, StartTime: timestamppb.New(time.Now().Add(-c.Since)),
			Subject: c.Subject, Method: c.Method, Resource: c.Resource,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, e := range page.GetAuditEvents() {
				mark := ""
				if e.GetOutcome() == eventv1.AuditEvent_OUTCOME_DENIED {
					mark = "DENIED  "
				}
				fmt.Println(day(e.GetEventTime().AsTime()) + "  " + pad(e.GetSubject(), 24) + mark + e.GetMethod() + "  " + e.GetResource())
			}
			more(page.GetNextPageToken())
		})
	})
}

type verifyAuditCmd struct{ desk }

// Run implements the command.
func (c *verifyAuditCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewAuditServiceClient(conn).VerifyAuditEvents(ctx, &gatewayv1.VerifyAuditEventsRequest{Parent: "brands/" + c.Brand})
		if err != nil {
			return err
		}
		broken := false
		for _, s := range res.GetServices() {
			broken = broken || s.GetFirstBreak() != nil
		}
		err = c.say(res, func() {
			for _, s := range res.GetServices() {
				state := "whole"
				if s.GetFirstBreak() != nil {
					state = "BROKEN: " + s.GetFirstBreak().GetMessage()
				}
				fmt.Printf("%s  %d events  %d not sealed yet  %.16s  %s\n",
					pad(s.GetHead().GetService(), 8), s.GetHead().GetSequence(), s.GetUnsealedCount(), s.GetHead().GetHash(), state)
			}
		})
		if err == nil && broken {
			err = errors.New("the audit log is not what was sealed")
		}
		return err
	})
}
