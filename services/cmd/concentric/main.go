// Command concentric is the suite: four services in one process or apart, and the
// tools to fill and read them.
//
//	concentric up                     everything in one process, on SQLite
//	concentric up ticket              the ticket service alone
//	concentric doctor                 what its promises stand on
//	concentric migrate                databases up to date, before a new release serves
//	concentric import --brand acme --mapping examples/nps/mapping.yaml DIR
//	concentric ticket list --brand acme --filter "priority = URGENT"
//	concentric survey metrics --brand acme --by channel
//	concentric journey explain ann --brand acme
//	concentric view compare --brand acme
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // images have no time zones of their own

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "dev"

// A cli is what the command line says. Every flag is also CONCENTRIC_NAME in the
// environment; the flag wins. up and doctor also take a file with --config.
type cli struct {
	Up          upCmd          `cmd:"" help:"Run the services named, or all of them in one process."`
	Doctor      doctorCmd      `cmd:"" help:"Show what the promises stand on, with the flags of up: ends with 0 if all is well, 1 if something is weak, 2 if up would refuse."`
	Migrate     migrateCmd     `cmd:"" help:"Bring databases up to date without serving: before a new release starts, while the one before serves."`
	Import      importCmd      `cmd:"" help:"Read CSV files into a running suite by a mapping file."`
	Ticket      ticketCmd      `cmd:"" help:"Open, answer, move and watch tickets."`
	Survey      surveyCmd      `cmd:"" help:"Write, ask, answer, measure and watch surveys."`
	Journey     journeyCmd     `cmd:"" help:"Record touchpoints; score, explain, measure and watch journeys."`
	View        viewCmd        `cmd:"" help:"Show the service view and the experience view."`
	Privacy     privacyCmd     `cmd:"" help:"Forget customers, tell what is kept of them, and say for how long."`
	Webhook     webhookCmd     `cmd:"" help:"Tell other systems what happens, and see what they heard."`
	Audit       auditCmd       `cmd:"" help:"Show who changed what, and check that the log is whole."`
	Key         keyCmd         `cmd:"" help:"Make, list, rotate and delete the keys of a brand."`
	Demo        demoCmd        `cmd:"" help:"Run the suite on a simulated brand, show the comparison, and end."`
	Backup      backupCmd      `cmd:"" help:"Copy databases and keys of a data folder, while its suite runs or not."`
	Restore     restoreCmd     `cmd:"" help:"Put a backup into a data folder of its own."`
	DeadLetters deadLettersCmd `cmd:"" help:"List, retry and drop events that a service could not apply."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// common are the flags that all commands take.
type common struct {
	Addr string `default:"127.0.0.1:8080" help:"Address of the suite." placeholder:"HOST:PORT"`
	Data string `default:"${data}" help:"Folder of databases and import states." placeholder:"DIR"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "concentric:", err)
		os.Exit(code(err))
	}
}

// An ending is an error that ends the program with a code of its own.
type ending struct {
	error
	code int
}

// Unwrap returns the error.
func (e ending) Unwrap() error { return e.error }

// code returns what the program ends with: 2 if it is called or configured in a way that
// it does not take, 1 after any other error.
func code(err error) int {
	if e, ok := errors.AsType[ending](err); ok {
		return e.code
	}
	return 1
}

func run(ctx context.Context, args []string) error {
	var c cli
	parser, err := kong.New(
		&c,
		kong.Name("concentric"),
		kong.Description("Customer service inside customer experience: tickets, surveys, journey scores, and the two views."),
		kong.DefaultEnvars("CONCENTRIC"),
		kong.Vars{"version": version, "data": dataDir()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.UsageOnError(),
	)
	if err != nil {
		return err
	}
	if err := checkEnvironment(parser.Model, os.Environ()); err != nil {
		return ending{err, 2}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return ending{err, 2}
	}
	return command.Run()
}

// dataDir returns the user's data folder for the suite.
func dataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "concentric")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "concentric-data"
	}
	return filepath.Join(home, ".local", "share", "concentric")
}
