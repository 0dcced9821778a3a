package insight

import (
	"cmp"
	"math"
	"slices"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// NoServiceOutcome is why a customer lies in no quadrant.
const NoServiceOutcome = "NO_SERVICE_OUTCOME"

// outcomeUnit is what an outcome of 1 counts in sums, which are whole so that they do not
// depend on order.
const outcomeUnit = 1 << 40

// Quadrants holds the outcomes of service against those of everything, customer by
// customer. Make one with [NewQuadrants].
type Quadrants struct{ customers map[string]*outcomes }

// outcomes are the sums of one customer.
type outcomes struct{ service, all tallied }

type tallied struct{ n, sum int64 }

func (t *tallied) add(value float64) {
	t.n++
	t.sum += int64(value*outcomeUnit + 0.5)
}

// mean is rounded so far that means which are equal in exact numbers are so here.
func (t tallied) mean() float64 { return math.Round(float64(t.sum)/outcomeUnit/float64(t.n)*1e9) / 1e9 }

// NewQuadrants returns quadrants without customers.
func NewQuadrants() *Quadrants { return &Quadrants{map[string]*outcomes{}} }

// Add takes the outcome of a touchpoint.
func (q *Quadrants) Add(customer string, value float64, service bool) {
	c := q.customers[customer]
	if c == nil {
		c = &outcomes{}
		q.customers[customer] = c
	}
	c.all.add(value)
	if service {
		c.service.add(value)
	}
}

// Customers returns how many customers there are.
func (q *Quadrants) Customers() int { return len(q.customers) }

// A Placed is one customer.
type Placed struct {
	Customer            string
	Service, Experience float64 // mean outcomes, 0 to 1
	Served, Touchpoints int64   // how many outcomes
}

// Placed returns the customers with an outcome of service, by id, and how many have none.
func (q *Quadrants) Placed() (all []Placed, excluded int64) {
	for id, c := range q.customers {
		if c.service.n == 0 {
			excluded++
			continue
		}
		all = append(all, Placed{
			Customer: id, Service: c.service.mean(), Experience: c.all.mean(), Served: c.service.n, Touchpoints: c.all.n,
		})
	}
	slices.SortFunc(all, func(a, b Placed) int { return cmp.Compare(a.Customer, b.Customer) })
	return all, excluded
}

// Thresholds are from where on service, and the experience, are high.
type Thresholds struct{ Service, Experience float64 }

// Medians returns the medians of customers, of whom there is at least one: with an even number the
// greater of the two in the middle, so that a threshold is something that a customer has.
func Medians(customers []Placed) Thresholds {
	of := func(value func(Placed) float64) float64 {
		values := make([]float64, len(customers))
		for i, c := range customers {
			values[i] = value(c)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return Thresholds{
		of(func(c Placed) float64 { return c.Service }), of(func(c Placed) float64 { return c.Experience }),
	}
}

// Of returns the quadrant of c.
func (t Thresholds) Of(c Placed) journeyv1.Quadrant {
	switch service, experience := c.Service >= t.Service, c.Experience >= t.Experience; {
	case service && experience:
		return journeyv1.Quadrant_QUADRANT_BOTH_HIGH
	case service:
		return journeyv1.Quadrant_QUADRANT_SERVICE_HIGH
	case experience:
		return journeyv1.Quadrant_QUADRANT_EXPERIENCE_HIGH
	}
	return journeyv1.Quadrant_QUADRANT_BOTH_LOW
}

// Shares returns how customers divide into the four quadrants.
func (t Thresholds) Shares(customers []Placed) []*journeyv1.QuadrantShare {
	counts := make([]int64, 4)
	for _, c := range customers {
		counts[t.Of(c)-1]++
	}
	shares := make([]*journeyv1.QuadrantShare, 4)
	for i, e := range stats.Goodman(counts) {
		shares[i] = &journeyv1.QuadrantShare{Quadrant: journeyv1.Quadrant(i + 1), Share: ratio(e)} //nolint:gosec // 1 to 4
		if e.Known {
			shares[i].Customers = counts[i]
		}
	}
	return shares
}
