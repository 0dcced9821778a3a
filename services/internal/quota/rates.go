package quota

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/name"
)

// A Class is what a call does to a server. Each has a quota of its own, so that a brand's
// reports do not keep its agents from answering.
type Class int

// The classes.
const (
	Read    Class = iota // one answer, and nothing changes
	Write                // one change
	Batch                // many changes in one call, or a stream of them
	Collect              // what apps send
	Watch                // the beginning of a watch
	Classes              // how many there are
)

// String returns the name of the class, in lower case.
func (c Class) String() string { return names[c] }

var names = [Classes]string{"read", "write", "batch", "collect", "watch"}

// Rates are the calls a second that brands may make. The zero value sets no limit.
type Rates struct {
	all    [Classes]int
	brands map[string]*[Classes]int // of those with rates of their own; 0: that of all
}

// Default returns rates that a brand in good order does not reach, and that leave room for
// others on a small machine.
func Default() Rates {
	return Rates{all: [Classes]int{Read: 2000, Write: 1000, Batch: 200, Collect: 1000, Watch: 100}}
}

// maxRate is the largest rate: a call each 10 microseconds.
const maxRate = 100_000

// With returns r with what the words say: CLASS=N, or BRAND/CLASS=N for one brand, with
// N calls a second, or -1 for no limit.
func (r Rates) With(words ...string) (Rates, error) {
	r.brands = maps.Clone(r.brands)
	for _, word := range words {
		if err := r.set(word); err != nil {
			return Rates{}, err
		}
	}
	return r, nil
}

func (r *Rates) set(word string) error {
	left, right, _ := strings.Cut(word, "=")
	brand, class, one := strings.Cut(left, "/")
	if !one {
		brand, class = "", left
	}
	c := slices.Index(names[:], class)
	rate, err := strconv.Atoi(right)
	switch {
	case c < 0, one && name.Brand(name.Join("brands", brand)) == "":
		return fmt.Errorf("%q is not CLASS=N or BRAND/CLASS=N, with read, write, batch, collect or watch for the class", word)
	case err != nil || rate == 0 || rate < -1 || rate > maxRate:
		return fmt.Errorf("%q: want 1 to %d calls a second, or -1 for no limit", word, maxRate)
	case !one:
		r.all[c] = rate
		return nil
	}
	if r.brands == nil {
		r.brands = map[string]*[Classes]int{}
	}
	own := [Classes]int{}
	if before := r.brands[brand]; before != nil {
		own = *before
	}
	own[c] = rate
	r.brands[brand] = &own
	return nil
}

// of returns the rate of a brand; at most 0 for no limit.
func (r *Rates) of(brand string, c Class) int {
	if own := r.brands[brand]; own != nil && own[c] != 0 {
		return own[c]
	}
	return r.all[c]
}
