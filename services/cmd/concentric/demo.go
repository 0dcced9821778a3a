package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/telemetry"
	"github.com/concentric-cx/concentric/services/simulator"
)

// A demoCmd runs the suite on simulated brands.
type demoCmd struct {
	common

	Profile   []string      `help:"Profiles to simulate: restaurant, it, retail. All if none is named." enum:"restaurant,it,retail" placeholder:"NAME"`
	Seed      uint64        `default:"9" help:"Where the simulation starts; the same seed gives the same brand."`
	Customers int           `default:"300" help:"Customers of each brand."`
	Serve     bool          `help:"Go on serving until ^C."`
	Grace     time.Duration `hidden:"" default:"5s"`
}

// Run implements the command.
func (c *demoCmd) Run(ctx context.Context) error {
	lis, err := listen(ctx, c.Addr, false)
	if err != nil {
		return err
	}
	began := time.Now()
	up := &upCmd{common: common{Addr: c.Addr, Data: c.Data}, DB: "sqlite:{data}/{service}.db"}
	s, err := start(ctx, up, &telemetry.Telemetry{
		Log: slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		lis.Close()
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.serve(serving, lis, c.Grace) }()
	fmt.Printf("The suite is up on http://%s after %s; its data is in %s.\n\n", lis.Addr(), time.Since(began).Round(time.Millisecond), c.Data)
	if err := c.show(ctx, lis.Addr()); err != nil {
		stop()
		<-ended
		return err
	}
	if c.Serve {
		return <-ended
	}
	stop()
	return <-ended
}

// show simulates the brands, prints the comparison of each and how to go on.
func (c *demoCmd) show(ctx context.Context, addr net.Addr) error {
	profiles := c.Profile
	if len(profiles) == 0 {
		profiles = simulator.Profiles()
	}
	conn, err := rpc.Dial(addr.String(), rpc.ClientConfig{})
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, profile := range profiles {
		began := time.Now()
		sum, err := simulator.Run(ctx, conn, simulator.Options{
			Profile: profile, Brand: "demo-" + profile, Seed: c.Seed, Customers: c.Customers,
		})
		if err != nil {
			return fmt.Errorf("simulate %s: %w", profile, err)
		}
		if sum.Known == sum.Customers {
			fmt.Printf("%s is there from an earlier run: %d customers.\n", sum.Brand, sum.Customers)
			continue
		}
		fmt.Printf("Simulated %s: %d customers, %d touchpoints, %d tickets with %d interactions, %d responses, in %s.\n",
			sum.Brand, sum.Customers, sum.Touchpoints, sum.Tickets, sum.Interactions, sum.Responses, time.Since(began).Round(10*time.Millisecond))
	}
	views := gatewayv1.NewViewServiceClient(conn)
	for _, profile := range profiles {
		res, err := settled(ctx, views, "brands/demo-"+profile)
		if err != nil {
			return err
		}
		fmt.Println()
		writeComparison(os.Stdout, "demo-"+profile, res)
	}
	c.goOn(addr, "demo-"+profiles[0])
	return nil
}

// settled compares the views once the touchpoints of the last tickets have come
// through the bus: when two answers in a row count the same.
func settled(ctx context.Context, views gatewayv1.ViewServiceClient, parent string) (*gatewayv1.CompareViewsResponse, error) {
	last := int64(-1)
	for {
		res, err := views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: parent})
		if err != nil {
			return nil, err
		}
		if n := res.GetExperience().GetNesting().GetTouchpoints(); n == last {
			return res, nil
		} else {
			last = n
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// goOn says what to try next.
func (c *demoCmd) goOn(addr net.Addr, brand string) {
	if !c.Serve {
		fmt.Printf(`
Go on:
  make run                        serve these brands on http://127.0.0.1:8080
  make run, then in another shell:
    bin/concentric view compare --brand %[1]s --by stage
    curl 'http://127.0.0.1:8080/v1/brands/%[1]s/views:compare?groupBy=channel'
  README.md                       what else there is
`, brand)
		return
	}
	fmt.Printf(`
Try, in another shell (^C here stops the suite):
  %[3]s view compare --brand %[1]s --by channel
  curl 'http://%[2]s/v1/brands/%[1]s/views:compare?groupBy=stage'
  curl 'http://%[2]s/v1/brands/%[1]s/tickets?pageSize=2'
  grpcurl -plaintext -d '{"parent": "brands/%[1]s"}' %[2]s concentric.gateway.v1.ViewService/CompareViews
  grpcurl -plaintext %[2]s list
`, brand, addr, strings.TrimPrefix(filepath.ToSlash(os.Args[0]), "./"))
}
