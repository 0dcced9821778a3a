package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// A customersCmd lists customers.
type customersCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'stage = RETENTION AND activity_status = IDLE'." placeholder:"FILTER"`
	Order  string `help:"Order, such as 'last_event_time desc'." placeholder:"FIELDS"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *customersCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := journeyv1.NewCustomerServiceClient(conn).ListCustomers(ctx, &journeyv1.ListCustomersRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, OrderBy: c.Order, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, v := range page.GetCustomers() {
				fmt.Println(customerLine(v))
			}
			more(page.GetNextPageToken())
		})
	})
}

// customerLine is a customer on one line.
func customerLine(v *journeyv1.Customer) string {
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s touchpoints, %s service  last %s  %s", pad(short(v.GetName()), 26),
		pad(none(tidy(v.GetStage().String(), "STAGE_")), 13), pad(none(tidy(v.GetActivityStatus().String(), "ACTIVITY_STATUS_")), 11),
		padLeft(count(v.GetTouchpointCount()), 6), count(v.GetServiceTouchpointCount()), at(v.GetLastEventTime()),
		strings.Join(v.GetSegments(), ", ")), " ")
}

// A resolveCustomerCmd finds a customer.
type resolveCustomerCmd struct {
	desk

	Value  string `arg:"" help:"The address, number, key or handle."`
	Type   string `default:"email" help:"email, phone, external-id, device or social."`
	Source string `help:"The system that uses it, such as crm; only e-mail addresses and numbers need none." placeholder:"NAME"`
	Create bool   `help:"Create the customer if nobody has it."`
}

// Run implements the command.
func (c *resolveCustomerCmd) Run(ctx context.Context) error {
	kind, err := choice[journeyv1.IdentityType]("--type", c.Type, "IDENTITY_TYPE_", journeyv1.IdentityType_value)
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewCustomerServiceClient(conn).ResolveCustomer(ctx, &journeyv1.ResolveCustomerRequest{
			Parent: "brands/" + c.Brand, Identities: []*journeyv1.IdentityValue{{Type: kind, Source: c.Source, Value: c.Value}},
			CreateMissing: c.Create, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { fmt.Println(short(res.GetCustomer())) })
	})
}

// A mergeCmd merges customers.
type mergeCmd struct {
	aCustomer

	Sources []string `arg:"" help:"The customers that become part of it."`
}

// Run implements the command.
func (c *mergeCmd) Run(ctx context.Context) error {
	req := &journeyv1.MergeCustomersRequest{Name: c.customer(), RequestId: uuid.NewString()}
	for _, id := range c.Sources {
		req.Sources = append(req.Sources, c.name("customers", id))
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		v, err := journeyv1.NewCustomerServiceClient(conn).MergeCustomers(ctx, req)
		if err != nil {
			return err
		}
		return c.say(v, func() { fmt.Println(customerLine(v)) })
	})
}

// A splitCmd takes a merge back.
type splitCmd struct{ aCustomer }

// Run implements the command.
func (c *splitCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		v, err := journeyv1.NewCustomerServiceClient(conn).SplitCustomer(ctx, &journeyv1.SplitCustomerRequest{
			Name: c.customer(), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(v, func() { fmt.Println(customerLine(v)) })
	})
}
