package insight

import (
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// NotFollowed is why a customer is left out whose horizon reaches beyond the data.
const NotFollowed = "NOT_FOLLOWED"

// recoveries are all there are, in order.
var recoveries = []journeyv1.Recovery{
	journeyv1.Recovery_RECOVERY_MET, journeyv1.Recovery_RECOVERY_SOLVED,
	journeyv1.Recovery_RECOVERY_UNSOLVED, journeyv1.Recovery_RECOVERY_SILENT,
}

// A Recovery finds out whether customers whose expectations were not met came back to buy.
// First it is told of all that was met or not, and then of all that followed, both in any
// order. Times are in microseconds since 1970.
type Recovery struct {
	patience, horizon int64 // for a solution, and behind that for a purchase
	customers         map[string]*course
}

// A course is what happened to a customer.
type course struct {
	at                      int64 // of the first failure, or else of the first that was met
	failed                  bool
	asked, solved, purchase bool
}

// NewRecovery returns one that knows of nobody.
func NewRecovery(patience, horizon int64) *Recovery {
	return &Recovery{patience: patience, horizon: horizon, customers: map[string]*course{}}
}

// Begin notes that a customer's expectation had that outcome, if anybody knows it.
func (r *Recovery) Begin(customer string, at int64, e typev1.Expectation) {
	if e == typev1.Expectation_EXPECTATION_UNSPECIFIED {
		if r.customers[customer] == nil {
			r.customers[customer] = nil // somebody, all the same
		}
		return
	}
	failed, c := e == typev1.Expectation_EXPECTATION_UNMET, r.customers[customer]
	if c == nil || failed && !c.failed || failed == c.failed && at < c.at {
		r.customers[customer] = &course{at: at, failed: failed}
	}
}

// A Step is what a customer did or met with.
type Step struct {
	Customer string
	Time     int64
	Service  bool
	Solution bool // of a request for help
	Purchase bool
}

// Follow notes what s is for its customer: an answer to the failure in time, that one
// itself among them, or a purchase in the horizon.
func (r *Recovery) Follow(s Step) {
	c := r.customers[s.Customer]
	if c == nil || s.Time < c.at {
		return
	}
	switch late := s.Time - c.at - r.patience; {
	case late < 0:
		c.asked = c.asked || s.Service
		c.solved = c.solved || s.Solution
	case late < r.horizon:
		c.purchase = c.purchase || s.Purchase && !s.Service
	}
}

func (c *course) recovery() journeyv1.Recovery {
	switch {
	case !c.failed:
		return journeyv1.Recovery_RECOVERY_MET
	case c.solved:
		return journeyv1.Recovery_RECOVERY_SOLVED
	case c.asked:
		return journeyv1.Recovery_RECOVERY_UNSOLVED
	}
	return journeyv1.Recovery_RECOVERY_SILENT
}

// Tell fills in what was found in data that ends before end.
func (r *Recovery) Tell(answer *journeyv1.AnalyzeRecoveryResponse, end int64) {
	bought, left := map[journeyv1.Recovery]stats.Count{}, map[string]int64{}
	for _, c := range r.customers {
		switch {
		case c == nil:
			left[NoExpectation]++
		case c.at+r.patience+r.horizon > end:
			left[NotFollowed]++
		default:
			answer.Basis.Included++
			n := bought[c.recovery()]
			if n.N++; c.purchase {
				n.K++
			}
			bought[c.recovery()] = n
		}
	}
	answer.Basis.Excluded = measure.Exclusions(left)
	met := bought[journeyv1.Recovery_RECOVERY_MET]
	for _, one := range recoveries {
		n := bought[one]
		group := &journeyv1.RecoveryGroup{
			Recovery: one, Customers: n.N, Bought: measure.Estimate(stats.Wilson(n.K, n.N), typev1.Unit_UNIT_RATIO),
		}
		if one != journeyv1.Recovery_RECOVERY_MET {
			group.OddsRatio = measure.Estimate(stats.OddsRatio(n, met), typev1.Unit_UNIT_RATIO)
		}
		answer.Groups = append(answer.Groups, group)
	}
}
