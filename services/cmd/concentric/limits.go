package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/quota"
	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// limits are the flags that say how far trust goes.
type limits struct {
	Quota               []string `help:"Calls a second that one brand may make of a class, CLASS=N or BRAND/CLASS=N, with read, write, batch, collect or watch for the class and -1 for no limit. Where a gateway runs, read=2000, write=1000, batch=200, collect=1000 and watch=100 unless said otherwise; elsewhere none." placeholder:"CLASS=N"`
	DBConnections       int      `name:"db-connections" default:"23" help:"Connections to its PostgreSQL server that each service may hold, at least 8: those of all replicas of all services on a server must be fewer than it has." placeholder:"N"`
	RequireUnprivileged bool     `help:"Do not start with a PostgreSQL role that is a superuser, bypasses row-level security, or owns its tables or could make some. Another role runs the migrations then, by the command migrate."`
}

// quotas returns those of the process. Where calls come by a gateway they are counted
// there, so a service elsewhere has none unless the flag says some.
func (c *upCmd) quotas() (*quota.Quotas, error) {
	var rates quota.Rates
	if c.runs("gateway") {
		rates = quota.Default()
	}
	rates, err := rates.With(c.Quota...)
	if err != nil {
		return nil, fmt.Errorf("--quota: %w", err)
	}
	return quota.New(rates), nil
}

// quotasKnown says what the quotas are.
func (c *upCmd) quotasKnown() setting.Setting {
	s := c.named("quota", setting.Setting{Name: "quotas", Value: strings.Join(c.Quota, ", ")})
	switch {
	case s.Value == "" && c.runs("gateway"):
		s.Value = "generous"
	case s.Value == "":
		s.Value, s.Advice = "none", "the gateway counts calls"
	}
	if _, err := c.quotas(); err != nil {
		s.State, s.Advice = setting.Unsafe, err.Error()
	}
	return s
}

// connections returns how many connections to PostgreSQL a service may hold.
func (c *upCmd) connections() int { return cmp.Or(c.DBConnections, sqldb.DefaultConnections) }

// fenced refuses a database whose role may do more than a service needs, where that is asked
// for.
func (c *upCmd) fenced(ctx context.Context, db *sqldb.DB) error {
	if !c.RequireUnprivileged {
		return nil
	}
	return db.Unprivileged(ctx)
}
