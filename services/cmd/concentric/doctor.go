package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A doctorCmd shows what the promises stand on, with the flags of up. It starts and changes
// nothing, and may look while the suite runs.
type doctorCmd struct {
	upCmd

	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Run implements the command. It ends with 0 if all is well, with 1 if something is weak,
// and with 2 if something would stop the start.
func (c *doctorCmd) Run(ctx context.Context) error {
	all := c.settings(ctx)
	for _, name := range c.names() {
		all = append(all, c.inspect(ctx, name)...)
	}
	if c.Bus != "" {
		opened, err := c.open(slog.New(slog.DiscardHandler))
		if err != nil {
			opened.bus = nil // which the settings say
		}
		b, err := bus.Open(ctx, bus.Config{URL: c.Bus, TLS: opened.bus})
		if err != nil {
			return err
		}
		defer b.Close()
		all = append(all, prefixed("bus", b.Inspect(ctx, c.names()))...)
	}
	if err := writeSettings(os.Stdout, c.Output, all); err != nil {
		return err
	}
	switch setting.Worst(all) {
	case setting.Weak:
		return ending{fmt.Errorf("%s weak", counted(all, setting.Weak)), 1}
	case setting.Unsafe:
		return ending{fmt.Errorf("%s unsafe: the suite does not start with them", counted(all, setting.Unsafe)), 2}
	}
	return nil
}

// inspect looks into the database of a service, and at who uses it.
func (c *upCmd) inspect(ctx context.Context, service string) []setting.Setting {
	url := c.url(service)
	all, err := sqldb.Inspect(ctx, url, c.connections(), c.connections()*len(c.names()))
	if err != nil {
		all = []setting.Setting{{Name: "database", Value: redacted(url), State: setting.Unsafe, Advice: err.Error()}}
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		s := setting.Setting{Name: "lock", Value: "free"}
		if by := holder(path + ".lock"); by != "" {
			s.Value = "held by " + by
		}
		all = append(all, s)
	}
	return prefixed(service, append(all, c.role(ctx, url)...))
}

// role looks at what the role of a database may do, where that is to be no more than it needs.
func (c *upCmd) role(ctx context.Context, url string) []setting.Setting {
	if !c.RequireUnprivileged {
		return nil
	}
	s := c.named("require-unprivileged", setting.Setting{Name: "role", Value: "reads and writes rows, and no more"})
	if err := c.unprivileged(ctx, url); err != nil {
		s.Value, s.State, s.Advice = "more than it needs", setting.Unsafe, err.Error()
	}
	return []setting.Setting{s}
}

// unprivileged asks a database what up asks it.
func (c *upCmd) unprivileged(ctx context.Context, url string) (err error) {
	if strings.HasPrefix(url, "sqlite:") {
		return errors.New("SQLite has no roles: an unprivileged one needs PostgreSQL") // and opening it would make it
	}
	db, err := sqldb.OpenWith(ctx, url, c.connections())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return c.fenced(sqldb.ForAll(ctx), db)
}

// prefixed puts what the settings are about before their names.
func prefixed(about string, all []setting.Setting) []setting.Setting {
	for i := range all {
		all[i].Name = about + ": " + all[i].Name
	}
	return all
}

// counted says how many settings are in a state.
func counted(all []setting.Setting, state setting.State) string {
	n := 0
	for _, s := range all {
		if s.State == state {
			n++
		}
	}
	if n == 1 {
		return "1 setting is"
	}
	return fmt.Sprintf("%d settings are", n)
}

// writeSettings writes a line for each setting, with what to do beneath those that need it.
func writeSettings(w io.Writer, output string, all []setting.Setting) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"state": setting.Worst(all), "settings": all})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		value := s.Value
		if s.Source != "" {
			value += " [" + s.Source + "]"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.State, s.Name, value)
		for line := range strings.Lines(s.Advice) {
			fmt.Fprintf(table, "\t\t  %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	return table.Flush()
}
