package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// aMap are the arguments of a verb about one journey map.
type aMap struct {
	desk

	Map string `arg:"" optional:"" default:"default" help:"The journey map's id."`
}

// A mapCmd shows a journey map.
type mapCmd struct{ aMap }

// Run implements the command.
func (c *mapCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		m, err := journeyv1.NewJourneyMapServiceClient(conn).GetJourneyMap(ctx, &journeyv1.GetJourneyMapRequest{Name: c.name("journeyMaps", c.Map)})
		if err != nil {
			return err
		}
		return c.say(m, func() {
			for _, stage := range m.GetStages() {
				fmt.Println(tidy(stage.GetStage().String(), "STAGE_"))
				for _, d := range stage.GetTouchpointDefinitions() {
					fmt.Println("  " + definitionLine(d))
				}
			}
		})
	})
}

// definitionLine is a touchpoint definition on one line.
func definitionLine(d *journeyv1.TouchpointDefinition) string {
	circle := " "
	if d.GetIsService() {
		circle = "•"
	}
	return fmt.Sprintf("%s %s %s %s %s", circle, pad(short(d.GetName()), 30), pad(none(tidy(d.GetFunctionOwner().String(), "FUNCTION_")), 16),
		pad(none(tidy(d.GetControlLevel().String(), "CONTROL_LEVEL_")), 8), d.GetDisplayName())
}

// A coverageCmd compares plan and reality.
type coverageCmd struct {
	aMap
	windowFlags
}

// Run implements the command.
func (c *coverageCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewJourneyMapServiceClient(conn).GetMapCoverage(ctx, &journeyv1.GetMapCoverageRequest{
			Name: c.name("journeyMaps", c.Map), Window: window,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			printCovered("planned and observed", res.GetObserved())
			printCovered("observed and not planned", res.GetUnplanned())
			fmt.Println("planned and never observed")
			for _, d := range res.GetNeverObserved() {
				fmt.Println("  " + definitionLine(d))
			}
		})
	})
}

func printCovered(title string, all []*journeyv1.DefinitionCoverage) {
	fmt.Println(title)
	for _, d := range all {
		e := d.GetExpectations()
		fmt.Printf("  %s %s touchpoints of %s customers   unmet %d, met %d, exceeded %d\n", pad(short(d.GetTouchpointDefinition()), 30),
			padLeft(count(d.GetTouchpointCount()), 8), count(d.GetCustomerCount()), e.GetUnmet(), e.GetMet(), e.GetExceeded())
	}
}

// A profileCmd shows an industry profile, or applies it.
type profileCmd struct {
	desk

	Profile string `arg:"" help:"The profile's id: restaurant, it, retail, saas or one of the brand's own."`
	Apply   bool   `help:"Make a touchpoint definition of each of its criteria."`
}

// Run implements the command.
func (c *profileCmd) Run(ctx context.Context) error {
	name := c.name("industryProfiles", c.Profile)
	return c.call(func(conn grpc.ClientConnInterface) error {
		client := journeyv1.NewJourneyMapServiceClient(conn)
		if c.Apply {
			res, err := client.ApplyIndustryProfile(ctx, &journeyv1.ApplyIndustryProfileRequest{Name: name, RequestId: uuid.NewString()})
			if err != nil {
				return err
			}
			return c.say(res, func() {
				fmt.Println(count(res.GetCreatedCount()) + " new")
				for _, d := range res.GetTouchpointDefinitions() {
					fmt.Println("  " + definitionLine(d))
				}
			})
		}
		p, err := client.GetIndustryProfile(ctx, &journeyv1.GetIndustryProfileRequest{Name: name})
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return printJSON(os.Stdout, p)
		}
		fmt.Printf("%s   %.0f %% of the weight is service\n", p.GetDisplayName(), 100*p.GetServiceShare())
		for _, k := range p.GetCriteria() {
			circle, indent := " ", ""
			if k.GetIsService() {
				circle = "•"
			}
			if k.GetGroupId() != "" {
				indent = "  "
			}
			fmt.Printf("  %s%s %s\n", indent, circle, k.GetDisplayName())
		}
		return nil
	})
}
