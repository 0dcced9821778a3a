package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

// A migrateCmd brings databases up to date without serving: under a role that owns the
// tables, before the services of a new release start under one that does not.
type migrateCmd struct {
	Data string `default:"${data}" help:"Folder of databases." placeholder:"DIR"`

	Config   configFile `help:"YAML file with the values of flags, NAME: VALUE. Flags and the environment beat it." type:"existingfile" placeholder:"FILE"`
	DB       string     `name:"db" default:"sqlite:{data}/{service}.db" help:"Database of each service, sqlite:PATH or postgres://…; {data} and {service} are filled in." placeholder:"URL"`
	Grant    string     `help:"PostgreSQL role that the services run under: it may read and write the rows of all tables, and nobody else may make any." placeholder:"ROLE"`
	Services []string   `arg:"" optional:"" enum:"ticket,survey,journey,gateway" help:"Services whose databases to migrate: ticket, survey, journey, gateway. All if none is named."`
}

// Run implements the command. The release before may serve meanwhile, on PostgreSQL; a
// SQLite file that is in use is left alone. Running it again, or twice at a time, changes
// nothing.
func (c *migrateCmd) Run(ctx context.Context) error {
	for _, service := range services {
		if len(c.Services) > 0 && !slices.Contains(c.Services, service) {
			continue
		}
		if err := c.migrate(ctx, service); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		fmt.Fprintln(os.Stdout, service, "is up to date")
	}
	return nil
}

// migrate brings the database of one service up to date.
func (c *migrateCmd) migrate(ctx context.Context, service string) error {
	url := strings.NewReplacer("{data}", c.Data, "{service}", service).Replace(c.DB)
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		unlock, err := lock(path + ".lock")
		if err != nil {
			return err
		}
		defer unlock() //nolint:errcheck // the process ends
	}
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what it was to write is written
	if err := sqldb.Own(ctx, db, service); err != nil {
		return err
	}
	switch service {
	case "ticket":
		err = ticket.Migrate(ctx, db)
	case "survey":
		err = survey.Migrate(ctx, db)
	case "journey":
		err = journey.Migrate(ctx, db)
	case "gateway":
		err = gateway.Migrate(ctx, db)
	}
	if err != nil || c.Grant == "" {
		return err
	}
	return db.Grant(ctx, c.Grant)
}
