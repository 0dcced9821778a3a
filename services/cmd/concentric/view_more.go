package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// A quadrantsCmd holds service against the experience, customer by customer.
type quadrantsCmd struct {
	desk
	windowFlags

	Service    *float64 `help:"From where on service is high, 0 to 1. The median if not given." placeholder:"X"`
	Experience *float64 `help:"From where on the experience is high, 0 to 1. The median if not given." placeholder:"X"`
	Only       []string `help:"List customers of these quadrants only: both_high, service_high, experience_high, both_low." placeholder:"NAME"`
	Limit      int32    `help:"How many customers to list." default:"20"`
}

// Run implements the command.
func (c *quadrantsCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	req := &gatewayv1.ListQuadrantCustomersRequest{
		Parent: "brands/" + c.Brand, Window: window, ServiceThreshold: c.Service, ExperienceThreshold: c.Experience, PageSize: c.Limit,
	}
	for _, name := range c.Only {
		q, known := journeyv1.Quadrant_value["QUADRANT_"+strings.ToUpper(name)]
		if !known || q == 0 {
			return fmt.Errorf("there is no quadrant %q", name)
		}
		req.Quadrants = append(req.Quadrants, journeyv1.Quadrant(q))
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewViewServiceClient(conn).ListQuadrantCustomers(ctx, req)
		if err != nil {
			return err
		}
		return c.say(res, func() { writeQuadrants(os.Stdout, res) })
	})
}

func writeQuadrants(w io.Writer, res *gatewayv1.ListQuadrantCustomersResponse) {
	if res.ServiceThreshold == nil || res.ExperienceThreshold == nil {
		fmt.Fprintln(w, "nobody had a service touchpoint with an outcome")
		return
	}
	fmt.Fprintf(w, "service is high from %.3f on, the experience from %.3f on\n\n", res.GetServiceThreshold(), res.GetExperienceThreshold())
	for _, q := range res.GetQuadrants() {
		fmt.Fprintf(w, "%s %s\n", pad(tidy(q.GetQuadrant().String(), "QUADRANT_"), 16), interval(q.GetShare()))
	}
	for _, e := range res.GetBasis().GetExcluded() {
		fmt.Fprintf(w, "left out: %s customers, %s\n", count(e.GetCount()), tidy(e.GetReason(), ""))
	}
	fmt.Fprintln(w)
	for _, c := range res.GetCustomers() {
		fmt.Fprintf(w, "%s %s service %.2f of %s, experience %.2f of %s\n", pad(sideOf(c.GetCustomer()), 28), pad(tidy(c.GetQuadrant().String(), "QUADRANT_"), 16),
			c.GetServiceValue(), count(c.GetServiceTouchpoints()), c.GetExperienceValue(), count(c.GetTouchpoints()))
	}
	writeMissing(w, res.GetParts())
}

// A contactRateCmd says how often customers have to ask.
type contactRateCmd struct {
	desk
	windowFlags

	By []string `help:"Count by one of channel, issue_kind, issue_type, stage, phase or partner." placeholder:"DIM"`
}

// Run implements the command.
func (c *contactRateCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewViewServiceClient(conn).GetContactRate(ctx, &gatewayv1.GetContactRateRequest{
			Parent: "brands/" + c.Brand, Window: window, GroupBy: c.By,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { writeContactRate(os.Stdout, res) })
	})
}

func writeContactRate(w io.Writer, res *gatewayv1.GetContactRateResponse) {
	writeScope(w, "tickets for 100 active customers", res.GetBasis())
	fmt.Fprintf(w, "%s active customers, %s in the time before\n\n", count(res.GetCustomers()), count(res.GetBaselineCustomers()))
	for _, r := range append([]*gatewayv1.ContactRate{res.GetRate()}, res.GetGroups()...) {
		if r == nil {
			continue
		}
		name := "all"
		if len(r.GetKeys()) > 0 {
			name = title(r.GetKeys())
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s %7.2f [%.2f, %.2f]  before %7.2f  ratio %s  %s", pad(name, 40), r.GetRate().GetValue(), r.GetRate().GetLower(),
			r.GetRate().GetUpper(), r.GetBaselineRate().GetValue(), times(r), tidy(r.GetVerdict().String(), "VERDICT_")), " "))
	}
	writeMissing(w, res.GetParts())
}

// times is how many times the rate of before a rate is.
func times(r *gatewayv1.ContactRate) string {
	if r.GetRatio() == nil || r.GetRatio().Value == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f] p %.2g", r.GetRatio().GetValue(), r.GetRatio().GetLower(), r.GetRatio().GetUpper(), r.GetPValue())
}

// A dataCoverageCmd says what data a brand has.
type dataCoverageCmd struct{ desk }

// Run implements the command.
func (c *dataCoverageCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewViewServiceClient(conn).GetDataCoverage(ctx, &gatewayv1.GetDataCoverageRequest{Parent: "brands/" + c.Brand})
		if err != nil {
			return err
		}
		return c.say(res, func() { writeCoverage(os.Stdout, res) })
	})
}

func writeCoverage(w io.Writer, res *gatewayv1.GetDataCoverageResponse) {
	for _, c := range res.GetCoverages() {
		when, age := "nothing", ""
		if c.GetWindow() != nil {
			when = day(c.GetWindow().GetStartTime().AsTime()) + " to " + day(c.GetWindow().GetEndTime().AsTime())
		}
		if c.GetAge() != nil {
			age = "the last " + span(c.GetAge().AsDuration()) + " ago"
		}
		fmt.Fprintln(w, strings.TrimRight(pad(tidy(c.GetPart().String(), "PART_"), 9)+padLeft(count(c.GetCount()), 12)+"  "+
			pad(tidy(c.GetMetric().String(), "METRIC_"), 18)+when+"  "+age, " "))
		for _, g := range c.GetChannels() {
			for _, m := range g.GetMeasures() {
				if n := int64(m.GetEstimate().GetValue()); n > 0 {
					fmt.Fprintf(w, "         %s  %s, about %s\n", padLeft(count(n), 12), title(g.GetKeys()), tidy(m.GetSubject().String(), "SUBJECT_"))
				}
			}
		}
	}
	writeMissing(w, res.GetParts())
}

// A watchViewsCmd shows both circles again whenever they change.
type watchViewsCmd struct {
	desk
	windowFlags

	Every time.Duration `help:"How long to leave between two views." default:"5s"`
}

// Run implements the command. It ends with ctx, which is no error.
func (c *watchViewsCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	req := &gatewayv1.WatchViewsRequest{Parent: "brands/" + c.Brand, Window: window, MinInterval: durationpb.New(c.Every)}
	return c.call(func(conn grpc.ClientConnInterface) error {
		return again(ctx, func() (token string, err error) {
			err = c.follow(ctx, conn, req)
			return req.GetResumeToken(), err
		})
	})
}

// follow shows what one stream brings and remembers in req how far it came.
func (c *watchViewsCmd) follow(ctx context.Context, conn grpc.ClientConnInterface, req *gatewayv1.WatchViewsRequest) error {
	stream, err := gatewayv1.NewViewServiceClient(conn).WatchViews(ctx, req)
	if err != nil {
		return err
	}
	for {
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		req.ResumeToken = res.GetResumeToken()
		switch {
		case c.Output == "json":
			line, err := protojson.Marshal(res)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
		case res.GetViews() != nil:
			writeComparison(os.Stdout, c.Brand, res.GetViews())
			fmt.Println()
		}
	}
}
