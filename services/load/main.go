// Command load measures the suite beside its limits and checks the gates: the
// ratios below which a change has made the suite too slow.
//
// It starts the suite and its limits as processes of their own on loopback and
// calls them in a closed loop: each caller waits for the answer before its next
// call. What is compared runs back to back, round by round, and a gate looks at the
// median of the rounds, because only ratios of the same minutes mean anything.
//
//	go run ./services/load                     all gates
//	go run ./services/load -only G4,G16        some of them
//	go run ./services/load -report -json out   print and never fail
//	go run ./services/load -growth             the table of docs/growth.md
//	go run ./services/load -profile cpu.pgo    what the compiler is to know of the hot paths
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// errMissed is how the command ends when a gate is missed.
var errMissed = errors.New("a gate is missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	rounds   int
	length   time.Duration // of one path in one round
	only     []string      // ids of gates; none for all
	json     string
	profile  string
	binary   string
	postgres string
	report   bool
	fenced   bool // row-level security holds
	growth   bool
	echo     string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	seconds := flags.Float64("seconds", 2, "how long to measure each path in each round")
	only := flags.String("only", "", "gates to check, separated by commas; all if empty")
	flags.IntVar(&o.rounds, "rounds", 5, "how many rounds to take the median of")
	flags.StringVar(&o.json, "json", "", "`file` for all rounds")
	flags.StringVar(&o.profile, "profile", "", "`file` for a processor profile of the suite's servers, which run slower for it")
	flags.StringVar(&o.binary, "binary", "", "the suite to measure; built from the source if empty")
	flags.StringVar(&o.postgres, "postgres", os.Getenv("CONCENTRIC_TEST_POSTGRES"),
		"`URL` of a PostgreSQL server to create databases on; a throw-away one if empty")
	flags.BoolVar(&o.fenced, "fenced", false, "run the suite on PostgreSQL under a role that owns nothing, so that row-level security holds")
	flags.BoolVar(&o.report, "report", false, "print only: a missed gate is no failure")
	flags.BoolVar(&o.growth, "growth", false, "measure how figures grow with customers and replicas, instead of the gates")
	flags.StringVar(&o.echo, "echo", "", "serve as the limit of this `kind` until standard input ends")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || *seconds <= 0 {
		return o, errors.New("want flags only, at least one round, and seconds above 0")
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.echo != "" {
		return echo(o.echo)
	}
	gates, err := pick(allGates(), o.only)
	if err != nil {
		return err
	}
	lab, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer lab.close()
	if o.growth {
		return growth(ctx, lab, os.Stdout)
	}
	rounds, err := lab.measure(ctx, gates)
	if err != nil {
		return err
	}
	if lab.spent != nil {
		if err := lab.spent.write(ctx, o.profile); err != nil {
			return err
		}
	}
	verdicts := judge(gates, rounds)
	if err := write(os.Stdout, rounds, verdicts); err != nil {
		return err
	}
	if o.json != "" {
		if err := writeJSON(o.json, rounds, verdicts); err != nil {
			return err
		}
	}
	if missed(verdicts) && !o.report {
		return errMissed
	}
	return nil
}
