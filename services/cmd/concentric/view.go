package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
)

// A viewCmd shows views.
type viewCmd struct {
	Compare     compareCmd      `cmd:"" help:"Show both views side by side, over one window and one population."`
	Watch       watchViewsCmd   `cmd:"" help:"Show both views again whenever they change."`
	Quadrants   quadrantsCmd    `cmd:"" help:"Show who is well served and disappointed all the same, and the other way round."`
	Partner     partnerCardCmd  `cmd:"" help:"Show what an outsourcing partner answers for, beside everybody else."`
	Function    functionCardCmd `cmd:"" help:"Show what a function of the brand answers for, beside the others."`
	ContactRate contactRateCmd  `cmd:"" help:"Show how often customers have to ask, and whether that has changed."`
	Coverage    dataCoverageCmd `cmd:"" help:"Show what data the brand has in each service."`
	Target      targetCmd       `cmd:"" help:"Say what figures are wanted to be."`
	Customer    customerCmd     `cmd:"" help:"Show what is known about one customer, as JSON."`
}

// A compareCmd shows both circles.
type compareCmd struct {
	remote

	Brand  string   `required:"" help:"The brand." placeholder:"ID"`
	From   string   `help:"Start of the window, YYYY-MM-DD or RFC 3339. The start of the brand's data if neither end is given." placeholder:"TIME"`
	To     string   `help:"End of the window, exclusive. Now if only --from is given." placeholder:"TIME"`
	By     []string `help:"Break down by these dimensions, such as channel, stage, touchpoint_definition or attributes.KEY." placeholder:"DIM"`
	Output string   `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Run implements the command.
func (c *compareCmd) Run(ctx context.Context) error {
	window, err := window(c.From, c.To, time.Now())
	if err != nil {
		return err
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	res, err := gatewayv1.NewViewServiceClient(conn).CompareViews(ctx, &gatewayv1.CompareViewsRequest{
		Parent: "brands/" + c.Brand, Window: window, GroupBy: c.By,
	})
	if err != nil {
		return c.explain(err)
	}
	if c.Output == "json" {
		return printJSON(os.Stdout, res)
	}
	if res.GetWindow() == nil {
		return noData(ctx, conn, c.Brand)
	}
	writeComparison(os.Stdout, c.Brand, res)
	return nil
}

// noData explains an empty answer: most likely the brand is misspelt.
func noData(ctx context.Context, conn grpc.ClientConnInterface, brand string) error {
	res, err := gatewayv1.NewAdminServiceClient(conn).ListBrands(ctx, &gatewayv1.ListBrandsRequest{PageSize: 20})
	if err != nil || len(res.GetBrands()) == 0 {
		return fmt.Errorf("brands/%s has no data", brand)
	}
	var known []string
	for _, b := range res.GetBrands() {
		known = append(known, strings.TrimPrefix(b.GetName(), "brands/"))
	}
	return fmt.Errorf("brands/%s has no data; the brands here are: %s", brand, strings.Join(known, ", "))
}

// A customerCmd shows one customer.
type customerCmd struct {
	remote

	Brand    string `required:"" help:"The brand." placeholder:"ID"`
	Customer string `arg:"" help:"The customer's id."`
}

// Run implements the command.
func (c *customerCmd) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	res, err := gatewayv1.NewViewServiceClient(conn).GetCustomerOverview(ctx, &gatewayv1.GetCustomerOverviewRequest{
		Name: "brands/" + c.Brand + "/customers/" + c.Customer + "/overview",
	})
	if err != nil {
		return c.explain(err)
	}
	return printJSON(os.Stdout, res)
}

// printJSON prints a message the same way each time, which protojson alone does not.
func printJSON(w io.Writer, m proto.Message) error {
	body, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}

// window reads the ends of a window; nil if neither is given.
func window(from, to string, now time.Time) (*typev1.Window, error) {
	if from == "" && to == "" {
		return nil, nil
	}
	start, end := time.Unix(0, 0), now
	for _, f := range []struct {
		flag, text string
		to         *time.Time
	}{{"--from", from, &start}, {"--to", to, &end}} {
		if f.text == "" {
			continue
		}
		t, err := instant(f.text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: want YYYY-MM-DD or a time as in 2026-01-02T15:04:05Z", f.flag, f.text)
		}
		*f.to = t
	}
	if !start.Before(end) {
		return nil, fmt.Errorf("the window ends before it starts")
	}
	return measure.Window(start, end), nil
}

// instant reads a day, in UTC, or a time.
func instant(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}
