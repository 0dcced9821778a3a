package insight

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// HorizonOpen is why an unmet expectation does not count yet: service may follow.
const HorizonOpen = "HORIZON_OPEN"

// Contact finds out who turned to service after something went wrong. Make one with
// [NewContact].
type Contact struct {
	horizon   time.Duration
	customers map[string]*episodes
}

// episodes are the times of one customer.
type episodes struct{ failed, served []int64 }

// NewContact returns an empty one, for which service counts that long afterwards.
func NewContact(horizon time.Duration) *Contact {
	return &Contact{horizon: horizon, customers: map[string]*episodes{}}
}

// Horizon is how long afterwards service counts.
func (c *Contact) Horizon() time.Duration { return c.horizon }

func (c *Contact) of(customer string) *episodes {
	e := c.customers[customer]
	if e == nil {
		e = &episodes{}
		c.customers[customer] = e
	}
	return e
}

// Failed takes the time of a touchpoint outside service that did not meet
// expectations.
func (c *Contact) Failed(customer string, at int64) {
	e := c.of(customer)
	e.failed = append(e.failed, at)
}

// Served takes the time of a service touchpoint.
func (c *Contact) Served(customer string, at int64) {
	e := c.of(customer)
	e.served = append(e.served, at)
}

// Report says what followed, as far as is known at now.
func (c *Contact) Report(now int64) *journeyv1.ContactAfterUnmet {
	var (
		lags                      stats.Durations
		contacted, silent, open   int64
		silentCustomers, patience = int64(0), c.horizon.Microseconds()
	)
	for _, e := range c.customers {
		slices.Sort(e.served)
		before := contacted
		decided := silent
		for _, at := range e.failed {
			i, _ := slices.BinarySearch(e.served, at+1) // whole microseconds
			switch {
			case at+patience > now: // whether or not somebody came: else only those who came would count
				open++
			case i < len(e.served) && e.served[i]-at <= patience:
				contacted++
				lags.Add(time.Duration(e.served[i]-at) * time.Microsecond)
			default:
				silent++
			}
		}
		if silent > decided && contacted == before {
			silentCustomers++
		}
	}
	n := contacted + silent
	if n < stats.MinShown {
		silentCustomers = 0
	}
	return &journeyv1.ContactAfterUnmet{
		Horizon: durationpb.New(c.horizon), Contacted: ratio(stats.Wilson(contacted, n)), Silent: ratio(stats.Wilson(silent, n)),
		LagP50: seconds(lags.Quantile(.5)), LagP90: seconds(lags.Quantile(.9)), SilentCustomers: silentCustomers,
		Excluded: measure.Exclusions(map[string]int64{HorizonOpen: open}),
	}
}

func seconds(e stats.Estimate) *typev1.Estimate {
	return measure.Estimate(e.Times(1e-9), typev1.Unit_UNIT_SECONDS)
}
