// Package simulator fills a brand with the lives of customers nobody ever met:
// seeded, so that everybody sees the same ones, and honest, so that the numbers
// hang together. A bad touchpoint leads to a ticket more often than a good one, a
// slow answer costs effort, and whether a customer recommends the brand depends on
// everything that happened, service included.
//
// It is a client like any other: it uses the public RPCs only.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
)

// block is how many customers are held in memory at a time.
const block = 500

// Options says what to simulate. Only Profile is required.
type Options struct {
	Profile   string                // the industry, one of [Profiles]
	Brand     string                // the brand's id; the profile's name if empty
	Seed      uint64                // which customers
	Customers int                   // how many; 300 if zero
	Days      int                   // how far back their lives reach; 180 if zero
	End       time.Time             // when they end; the last midnight in UTC if zero
	Progress  func(done, total int) // told of each customer done, one call at a time; may be nil
}

// A Summary says what a run added to the brand.
type Summary struct {
	Brand        string // brands/{brand}
	Customers    int    // how many were asked for
	Known        int    // how many of them were there before
	Touchpoints  int    // without those that interactions become
	Tickets      int
	Interactions int
	Invitations  int // decisions to ask
	Responses    int
}

// Profiles returns the names of the industries there are, sorted.
func Profiles() []string {
	all := make([]string, 0, len(industries()))
	for name := range industries() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Run creates the brand, what it promises, its touchpoint definitions and its surveys, and lives the
// customers' lives through conn. The same options give the same requests under the
// same ids: a customer who is there already is left alone, and an interrupted run is
// finished by running it again with the same End within the seven days that the
// services remember a request. Run ends at the first call that fails.
func Run(ctx context.Context, conn grpc.ClientConnInterface, opt Options) (Summary, error) {
	w, err := newWorld(opt)
	if err != nil {
		return Summary{}, err
	}
	if err := setUp(ctx, conn, w); err != nil {
		return Summary{}, err
	}
	l := newLoader(conn, w, opt.Progress)
	for first := 0; first < w.customers; first += block {
		lives := make([]*life, 0, block)
		for i := first; i < min(first+block, w.customers); i++ {
			lives = append(lives, live(w, i))
		}
		if err := l.load(ctx, lives); err != nil {
			return Summary{}, err
		}
	}
	return l.sum, nil
}

// A world is what all customers of a run share. It does not change.
type world struct {
	profile
	brand      string // brands/{brand}
	seed       uint64
	customers  int
	start, end time.Time
}

func newWorld(opt Options) (*world, error) {
	p, ok := industries()[opt.Profile]
	if !ok {
		return nil, fmt.Errorf("simulate: no profile %q; there are %v", opt.Profile, Profiles())
	}
	if opt.Customers < 0 || opt.Days < 0 {
		return nil, errors.New("simulate: customers and days must not be negative")
	}
	if opt.Brand == "" {
		opt.Brand = opt.Profile
	}
	if opt.Customers == 0 {
		opt.Customers = 300
	}
	if opt.Days == 0 {
		opt.Days = 180
	}
	if opt.End.IsZero() {
		opt.End = time.Now().UTC().Truncate(day)
	}
	return &world{
		profile: p, brand: "brands/" + opt.Brand, seed: opt.Seed, customers: opt.Customers,
		start: opt.End.UTC().AddDate(0, 0, -opt.Days), end: opt.End.UTC(),
	}, nil
}
