// Package driver says how much of the differences in an outcome goes with each of
// its predictors, and how that divides between two blocks of them. It is pure: the
// same rows in the same order, with the same seed, give the same bits.
//
// The measure is R² of the linear regression of the outcome on the predictors, and
// what it is divided by are the shares of Lindeman, Merenda and Gold (1980), which
// are Shapley values, and the relative weights of Johnson (2000). Either add up to R².
// All of it follows from the correlations; it is association and not cause.
package driver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

const (
	// MaxShapley is how many predictors may be ordered in all ways: 32,768 regressions.
	MaxShapley = 15
	// MinPerPredictor is how many rows a predictor takes.
	MinPerPredictor = 10
	// MaxInflation is how far predictors may go together.
	MaxInflation = 10
	// MinShown is how many rows there must be at least, whatever is allowed.
	MinShown = 5
)

// Why an analysis is refused.
const (
	TooFew     = "TOO_FEW_CUSTOMERS" // fewer than MinPerPredictor rows a predictor
	Collinear  = "COLLINEAR"         // a variance inflation factor above MaxInflation
	NoVariance = "NO_VARIANCE"       // a variable is the same in every row
	Singular   = "SINGULAR"          // predictors determine each other, or rows are no more than coefficients
)

// A Refusal is the error of data that carry no analysis.
type Refusal struct {
	Reason   string
	Variable int // the predictor at fault, counted from 0; the outcome, or all, if below
	Message  string
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// A Predictor has one value a row.
type Predictor struct {
	Service bool // whether it belongs to the block of service
	Values  []float64
}

// An Input is what is to be analyzed. All values are finite, and there are as many of
// each variable.
type Input struct {
	Outcome    []float64
	Predictors []Predictor
}

// Options say how.
type Options struct {
	Draws          int // of the bootstrap, at least 1
	Seed           uint64
	AllowFew       bool // go on despite TooFew
	AllowCollinear bool // go on despite Collinear
}

// A Part is a part of R², with its 95 % interval.
type Part struct{ Value, Lower, Upper float64 }

// A Driver is what is known of one predictor.
type Driver struct {
	Predictor   int // its place in the input
	Mean, SD    float64
	Correlation float64 // with the outcome
	Coefficient float64 // standardized
	Inflation   float64 // its variance inflation factor
	Shapley     *Part   // nil with more than MaxShapley predictors
	Weight      Part    // Johnson's
	Share       float64 // of R²: by Shapley if there is, else by Weight
}

// A Split divides R² between two blocks. UniqueService, Shared and UniqueRest add up
// to R², and so do Service and Rest, which are the blocks' Shapley values.
type Split struct {
	ServiceAlone, RestAlone           Part
	UniqueService, Shared, UniqueRest Part
	Service, Rest                     Part
}

// An Analysis is the answer.
type Analysis struct {
	N          int
	RSquared   Part
	Drivers    []Driver // by share, the greatest first; equals in the order of the input
	Split      *Split   // nil if there is but one block
	Overridden []string // what it would have been refused for
}

// Analyze takes the outcome apart. It returns a *[Refusal] for data that do not carry
// it, and the error of ctx if that ends before.
func Analyze(ctx context.Context, in Input, o Options) (*Analysis, error) {
	a := &Analysis{N: len(in.Outcome)}
	if err := a.enough(len(in.Predictors), o); err != nil {
		return nil, err
	}
	d, err := standardize(in)
	if err != nil {
		return nil, err
	}
	all := d.whole()
	c := newCorrelation(d.width)
	c.from(all)
	inverse, at := c.invert()
	if inverse == nil {
		return nil, &Refusal{Singular, at, "the predictors determine each other"}
	}
	a.describe(d, c, inverse)
	for i := range a.Drivers {
		if a.Drivers[i].Inflation <= MaxInflation {
			continue
		}
		if !o.AllowCollinear {
			return nil, &Refusal{Collinear, i, fmt.Sprintf("a predictor goes together with the others: its variance inflation factor is %.3g", a.Drivers[i].Inflation)}
		}
		a.Overridden = append(a.Overridden, Collinear)
		break
	}
	parts, err := d.bootstrap(ctx, newDivider(in.Predictors), all, o)
	if err != nil {
		return nil, err
	}
	a.fill(in.Predictors, parts)
	return a, nil
}

// enough refuses too few rows for so many predictors.
func (a *Analysis) enough(predictors int, o Options) error {
	few := &Refusal{TooFew, -1, fmt.Sprintf("%d predictors need %d rows, there are %d", predictors, MinPerPredictor*predictors, a.N)}
	if a.N < MinShown {
		return few
	}
	if a.N < predictors+2 {
		return &Refusal{Singular, -1, fmt.Sprintf("%d rows do not determine %d coefficients", a.N, predictors+1)}
	}
	if a.N >= MinPerPredictor*predictors {
		return nil
	}
	if !o.AllowFew {
		return few
	}
	a.Overridden = append(a.Overridden, TooFew)
	return nil
}

// describe says what the correlations tell of each predictor.
func (a *Analysis) describe(d *data, c *correlation, inverse [][]float64) {
	for i := range c.p {
		driver := Driver{Predictor: i, Mean: d.mean[i], SD: d.sd[i], Correlation: c.y[i], Inflation: max(inverse[i][i], 1)}
		for k, v := range inverse[i] {
			driver.Coefficient += float64(v * c.y[k])
		}
		a.Drivers = append(a.Drivers, driver)
	}
}

// fill takes over the parts in the order of [divider.divide].
func (a *Analysis) fill(predictors []Predictor, parts []Part) {
	p := len(predictors)
	a.RSquared, parts = parts[0], parts[1:]
	for i := range a.Drivers {
		d := &a.Drivers[i]
		d.Weight = parts[i]
		part := d.Weight
		if p <= MaxShapley {
			d.Shapley = &parts[p+i]
			part = *d.Shapley
		}
		if a.RSquared.Value > 0 {
			d.Share = part.Value / a.RSquared.Value
		}
	}
	parts = parts[p:]
	if p <= MaxShapley {
		parts = parts[p:]
	}
	if len(parts) > 0 {
		a.Split = &Split{parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]}
	}
	slices.SortStableFunc(a.Drivers, func(x, y Driver) int { return cmp.Compare(y.Share, x.Share) })
}
