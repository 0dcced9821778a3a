// Package importer brings CSV files into a brand, through the public RPCs only.
//
// A mapping file says what the columns mean (docs/import.md). An import may be run
// again: names are made of the ids in the files, so what is there already stays as
// it is. It may also be killed at any moment: the next run goes on where it stopped,
// and the end is the same as that of one run. A row that a service refuses is
// reported with its line and holds up nothing else.
package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// defaultConcurrency is how many calls are under way at a time if nobody chose.
const defaultConcurrency = 16

// Options say what to import. Brand, Mapping and Dir are required.
type Options struct {
	Brand        string    // the brand's id; the brand is made if it does not exist
	Mapping      string    // path of the mapping file
	Dir          string    // folder of the CSV files
	StateDir     string    // folder that remembers how far an import got; empty: nothing is remembered
	ValidateOnly bool      // ask the services to check everything and to write nothing
	Out          io.Writer // for progress; nil: none
	Terminal     bool      // whether Out is a terminal
	Concurrency  int       // calls under way at a time; 0: 16
}

// Run imports over conn and returns what became of it. With an error the import
// stopped before the end, and another Run goes on; the report is nil if nothing had
// begun. A refused row is no error.
func Run(ctx context.Context, conn grpc.ClientConnInterface, opt Options) (*Report, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`).MatchString(opt.Brand) {
		return nil, fmt.Errorf("brand %q: it must be lower-case letters, digits and `-`, at most 63", opt.Brand)
	}
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	if opt.Out == nil {
		opt.Out = io.Discard
	}
	text, err := os.ReadFile(opt.Mapping)
	if err != nil {
		return nil, err
	}
	m, err := mapping.Parse(opt.Mapping, text)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%t\x00%d\x00%s", opt.Brand, opt.ValidateOnly, len(text), text)
	d, err := openData(m, opt.Dir, sum)
	if err != nil {
		return nil, err
	}
	p, err := m.Compile("brands/"+opt.Brand, d.headers)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	s := &session{
		opt: opt, mapping: m, program: p, data: d, services: newServices(conn),
		report: newReport(opt), planned: map[string]bool{},
		progress: &progress{out: opt.Out, terminal: opt.Terminal, size: d.main.Size(), began: time.Now()},
	}
	err = s.run(ctx, hex.EncodeToString(sum.Sum(nil)))
	if s.state == nil {
		return nil, errors.Join(err, d.close())
	}
	return s.report, errors.Join(err, d.close())
}
