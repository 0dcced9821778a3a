package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// A privacyCmd forgets customers and tells what is kept of them.
type privacyCmd struct {
	Erase     eraseCmd          `cmd:"" help:"Forget a customer in all services, and print the receipt. --plan only says what would be done."`
	Export    exportCustomerCmd `cmd:"" help:"Print all that is kept of a customer, a line of JSON for each record."`
	Hold      holdCmd           `cmd:"" help:"Place a legal hold: the customer cannot be erased."`
	Release   releaseCmd        `cmd:"" help:"Release a legal hold."`
	Holds     holdsCmd          `cmd:"" help:"List legal holds."`
	Receipts  receiptsCmd       `cmd:"" help:"List the receipts of erasures, newest first."`
	Retention retentionCmd      `cmd:"" help:"Say how long what is kept, and change it."`
}

type eraseCmd struct {
	desk

	Customer  string `arg:"" help:"The customer's id."`
	Plan      bool   `help:"Change nothing; say what would be done."`
	Anonymize bool   `help:"Keep touchpoints and scores, under a pseudonym."`
}

// Run implements the command.
func (c *eraseCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		o, err := gatewayv1.NewPrivacyServiceClient(conn).EraseCustomer(ctx, &gatewayv1.EraseCustomerRequest{
			Name: c.name("customers", c.Customer), Anonymize: c.Anonymize, ValidateOnly: c.Plan, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		receipt := &gatewayv1.ErasureReceipt{}
		if err := finish(ctx, conn, o, receipt); err != nil {
			return err
		}
		return c.say(receipt, func() { printReceipt(receipt) })
	})
}

// printReceipt prints what became of what.
func printReceipt(r *gatewayv1.ErasureReceipt) {
	if r.GetName() != "" {
		fmt.Println(short(r.GetName()) + "  " + at(r.GetCompleteTime()))
	}
	for _, s := range r.GetServices() {
		for _, k := range s.GetCounts() {
			fmt.Printf("%s %s %s deleted  %s anonymized\n", pad(s.GetService(), 9), pad(k.GetKind(), 14),
				padLeft(count(k.GetDeletedCount()), 7), padLeft(count(k.GetAnonymizedCount()), 7))
		}
	}
}

// finish waits until o is done and reads its answer.
func finish(ctx context.Context, conn grpc.ClientConnInterface, o *longrunningpb.Operation, answer proto.Message) (err error) {
	for !o.GetDone() {
		o, err = gatewayv1.NewOperationServiceClient(conn).WaitOperation(ctx, &gatewayv1.WaitOperationRequest{
			Name: o.GetName(), Timeout: durationpb.New(20 * time.Second),
		})
		if err != nil {
			return err
		}
	}
	return ended(o, answer)
}

// ended reads the answer of an operation that is done, or says why it has none.
func ended(o *longrunningpb.Operation, answer proto.Message) error {
	if e := o.GetError(); e != nil {
		return status.Error(codes.Code(e.GetCode()), e.GetMessage()) //nolint:gosec // one of ours
	}
	return o.GetResponse().UnmarshalTo(answer)
}

type exportCustomerCmd struct {
	desk

	Customer string `arg:"" help:"The customer's id."`
}

// Run implements the command.
func (c *exportCustomerCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		client := gatewayv1.NewPrivacyServiceClient(conn)
		o, err := client.ExportCustomerData(ctx, &gatewayv1.ExportCustomerDataRequest{
			Name: c.name("customers", c.Customer), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		if err := finish(ctx, conn, o, &gatewayv1.ExportCustomerDataResponse{}); err != nil {
			return err
		}
		stream, err := client.ReadExport(ctx, &gatewayv1.ReadExportRequest{Name: o.GetName()})
		for err == nil {
			var part *gatewayv1.ReadExportResponse
			if part, err = stream.Recv(); err == nil {
				_, err = io.WriteString(os.Stdout, part.GetLines())
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
}

type holdCmd struct {
	desk

	Customer string `arg:"" help:"The customer's id."`
	Reason   string `required:"" help:"Why, such as a file number."`
	ID       string `help:"The id of the hold. Chosen by the service if not given." placeholder:"ID"`
}

// Run implements the command.
func (c *holdCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		h, err := gatewayv1.NewPrivacyServiceClient(conn).PlaceLegalHold(ctx, &gatewayv1.PlaceLegalHoldRequest{
			Parent: "brands/" + c.Brand, LegalHoldId: c.ID, RequestId: uuid.NewString(),
			LegalHold: &gatewayv1.LegalHold{Customer: c.name("customers", c.Customer), Reason: c.Reason},
		})
		if err != nil {
			return err
		}
		return c.say(h, func() { fmt.Println(holdLine(h)) })
	})
}

// holdLine is a legal hold on one line.
func holdLine(h *gatewayv1.LegalHold) string {
	state := "holds"
	if h.GetReleaseTime() != nil {
		state = "released " + at(h.GetReleaseTime())
	}
	return fmt.Sprintf("%s %s since %s  %s  %s", pad(short(h.GetName()), 26), pad(short(h.GetCustomer()), 26), at(h.GetCreateTime()), state, h.GetReason())
}

type releaseCmd struct {
	desk

	Hold string `arg:"" help:"The id of the hold."`
}

// Run implements the command.
func (c *releaseCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		h, err := gatewayv1.NewPrivacyServiceClient(conn).ReleaseLegalHold(ctx, &gatewayv1.ReleaseLegalHoldRequest{
			Name: c.name("legalHolds", c.Hold), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(h, func() { fmt.Println(holdLine(h)) })
	})
}

type holdsCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'customer = \"brands/acme/customers/ann\"'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *holdsCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewPrivacyServiceClient(conn).ListLegalHolds(ctx, &gatewayv1.ListLegalHoldsRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, h := range page.GetLegalHolds() {
				fmt.Println(holdLine(h))
			}
			more(page.GetNextPageToken())
		})
	})
}

type receiptsCmd struct {
	desk

	Limit int32 `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *receiptsCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewPrivacyServiceClient(conn).ListErasureReceipts(ctx, &gatewayv1.ListErasureReceiptsRequest{
			Parent: "brands/" + c.Brand, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, r := range page.GetErasureReceipts() {
				printReceipt(r)
			}
			more(page.GetNextPageToken())
		})
	})
}

type retentionCmd struct {
	desk

	Touchpoints *int `help:"Days that touchpoints are kept; 0 for ever." placeholder:"DAYS"`
	FreeText    *int `help:"Days that words are kept; 0 as long as their records." placeholder:"DAYS"`
	Answers     *int `help:"Days that answers are kept for repeats, 1 to 7; 0 for 7." placeholder:"DAYS"`
	Webhooks    *int `help:"Days that settled deliveries of webhooks are kept; 0 as usual." placeholder:"DAYS"`
}

// Run implements the command.
func (c *retentionCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		client, policy := gatewayv1.NewPrivacyServiceClient(conn), &gatewayv1.RetentionPolicy{Name: "brands/" + c.Brand + "/retentionPolicy"}
		var paths []string
		for _, f := range []struct {
			days *int
			path string
			to   **durationpb.Duration
		}{
			{c.Touchpoints, "touchpoints", &policy.Touchpoints},
			{c.FreeText, "free_text", &policy.FreeText},
			{c.Answers, "idempotency_answers", &policy.IdempotencyAnswers},
			{c.Webhooks, "webhook_deliveries", &policy.WebhookDeliveries},
		} {
			if f.days == nil {
				continue
			}
			if paths = append(paths, f.path); *f.days != 0 {
				*f.to = durationpb.New(time.Duration(*f.days) * 24 * time.Hour)
			}
		}
		var err error
		if len(paths) == 0 {
			policy, err = client.GetRetentionPolicy(ctx, &gatewayv1.GetRetentionPolicyRequest{Name: policy.GetName()})
		} else {
			policy, err = client.UpdateRetentionPolicy(ctx, &gatewayv1.UpdateRetentionPolicyRequest{
				RetentionPolicy: policy, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}, RequestId: uuid.NewString(),
			})
		}
		if err != nil {
			return err
		}
		return c.say(policy, func() {
			fmt.Println("touchpoints " + days(policy.GetTouchpoints(), "for ever"))
			fmt.Println("words       " + days(policy.GetFreeText(), "as long as their records"))
			fmt.Println("answers     " + days(policy.GetIdempotencyAnswers(), "7 days"))
			fmt.Println("webhooks    " + days(policy.GetWebhookDeliveries(), "as usual"))
		})
	})
}

// days says how long d is, or what none means.
func days(d *durationpb.Duration, otherwise string) string {
	if d == nil {
		return otherwise
	}
	return fmt.Sprintf("%.0f days", d.AsDuration().Hours()/24)
}
