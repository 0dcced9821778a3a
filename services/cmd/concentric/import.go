package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/concentric-cx/concentric/services/importer"
)

// An importCmd reads CSV files into a running suite.
type importCmd struct {
	remote

	Brand        string `required:"" help:"The brand to import into; created if it does not exist." placeholder:"ID"`
	Mapping      string `required:"" help:"What the columns mean; see docs/import.md." type:"existingfile" placeholder:"FILE"`
	ValidateOnly bool   `help:"Check everything and write nothing."`
	Dir          string `arg:"" help:"Folder of the CSV files." type:"existingdir"`
}

// Run implements the command.
func (c *importCmd) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	report, err := importer.Run(ctx, conn, importer.Options{
		Brand: c.Brand, Mapping: c.Mapping, Dir: c.Dir, ValidateOnly: c.ValidateOnly,
		StateDir: filepath.Join(c.Data, "imports"), Out: os.Stderr, Terminal: terminal(os.Stderr),
	})
	if report != nil {
		report.Write(os.Stdout)
	}
	if err != nil {
		return c.explain(err)
	}
	if !c.ValidateOnly {
		fmt.Printf("\nSee it: concentric view compare --brand %s --addr %s\n", c.Brand, c.Addr)
	}
	return nil
}
