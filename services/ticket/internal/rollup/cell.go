package rollup

import (
	"math/big"
	"time"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

// A Count is one of the numbers of a cell.
type Count int

// The counts. Those named for a time are tickets of which it is not known, or comes
// before the opening.
const (
	Opened        Count = iota
	Backlog             // open at the end of the window
	CustomerMade        // opened by the customer
	NoResponseYet       // tickets without a response
	EarlyResponse
	Unresolved
	EarlyResolution
	Unclosed
	EarlyClosing
	Settled  // resolved at least once
	Reopened // at least once
	Reopens
	ReopensSquared
	HandedOff // at least once
	Handoffs
	HandoffsSquared
	Straight // neither handed off nor reopened
	EscalatedOnce
	MarkedAvoidable
	AgentAnswered
	OneAgent
	SolvedAtFirst // at the first contact
	SolvedForWeek // and nothing came in the week after
	WeekOpen      // resolved, and the week after is not over
	ContactsSeen
	Costs // tickets that state a cost
	Costed
	CostedSquared
	NextUnanswered   // bursts
	NoFirstClock     // tickets without a business clock of the first response
	NoResolutionTime // the same of the resolution
	NoClocks         // tickets without any decided or running clock
	FailedTickets    // their customer, see Ticket.Failed
	firstOfClocks
	counts = firstOfClocks + 3*SLAMetrics
)

// MetClocks counts the clocks of one SLA metric, 0 for the first, that were met.
func MetClocks(metric int) Count { return firstOfClocks + Count(3*metric) }

// BreachedClocks counts those that were breached.
func BreachedClocks(metric int) Count { return MetClocks(metric) + 1 }

// RunningClocks counts those of which nobody knows yet.
func RunningClocks(metric int) Count { return MetClocks(metric) + 2 }

// A Wait is one of the distributions of a cell.
type Wait int

// The waits.
const (
	FirstResponse Wait = iota
	NextResponse
	Resolution
	Closing
	FirstBusiness
	ResolutionBusiness
	waits
)

// A Cell is a sum of tickets. The zero Cell is empty. It is for one goroutine.
type Cell struct {
	Counts [counts]int64
	Waits  [waits]stats.Durations

	// What a mean cost needs: in millionths, over tickets that state one.
	Cost, CostSquared, CostByCosted big.Int
}

// Add counts one ticket of the window.
func (c *Cell) Add(t *Ticket) {
	n := &c.Counts
	n[Opened]++
	n[CustomerMade] += one(t.Has(Reactive))
	c.wait(FirstResponse, t.Response, NoResponseYet, EarlyResponse)
	c.wait(Resolution, t.Resolution, Unresolved, EarlyResolution)
	c.wait(Closing, t.Closing, Unclosed, EarlyClosing)
	n[Settled] += one(t.Resolved() || t.Reopens > 0)
	n[Reopened] += one(t.Reopens > 0)
	n[Reopens] += t.Reopens
	n[ReopensSquared] += t.Reopens * t.Reopens
	n[HandedOff] += one(t.Handoffs > 0)
	n[Handoffs] += t.Handoffs
	n[HandoffsSquared] += t.Handoffs * t.Handoffs
	n[Straight] += one(t.Handoffs == 0 && t.Reopens == 0)
	n[EscalatedOnce] += one(t.Has(Escalated))
	n[MarkedAvoidable] += one(t.Has(Avoidable))
	n[AgentAnswered] += one(t.Has(ByAgent))
	n[OneAgent] += one(t.Has(ByAgent) && !t.Has(Shared))
	n[SolvedAtFirst] += one(t.FirstContact())
	n[SolvedForWeek] += one(t.FirstContact() && t.Repeat == RepeatNo)
	n[WeekOpen] += one(t.Resolved() && t.Repeat == RepeatOpen)
	n[ContactsSeen] += t.Contacts
	n[FailedTickets] += one(t.Failed())
	c.cost(t)
	for _, w := range t.Next {
		c.Waits[NextResponse].Add(time.Duration(w) * time.Microsecond)
	}
	n[NextUnanswered] += t.NextOpen
	c.clocks(t)
}

func (c *Cell) wait(w Wait, us int64, unknown, early Count) {
	switch {
	case us == None:
		c.Counts[unknown]++
	case us < 0:
		c.Counts[early]++
	default:
		c.Waits[w].Add(time.Duration(us) * time.Microsecond)
	}
}

func (c *Cell) cost(t *Ticket) {
	if t.Costed == 0 {
		return
	}
	c.Counts[Costs]++
	c.Counts[Costed] += t.Costed
	c.Counts[CostedSquared] += t.Costed * t.Costed
	var cost, product big.Int
	cost.SetInt64(t.Cost)
	c.Cost.Add(&c.Cost, &cost)
	c.CostByCosted.Add(&c.CostByCosted, product.Mul(&cost, product.SetInt64(t.Costed)))
	c.CostSquared.Add(&c.CostSquared, product.Mul(&cost, &cost))
}

func (c *Cell) clocks(t *Ticket) {
	none := true
	for i, one := range t.Clocks {
		if one != (Clocks{}) {
			none = false
			c.Counts[MetClocks(i)] += one.Met
			c.Counts[BreachedClocks(i)] += one.Breached
			c.Counts[RunningClocks(i)] += one.Running
		}
	}
	c.Counts[NoClocks] += one(none)
	c.business(FirstBusiness, t.FirstBusiness, NoFirstClock)
	c.business(ResolutionBusiness, t.ResolutionBusiness, NoResolutionTime)
}

func (c *Cell) business(w Wait, nanos int64, none Count) {
	if nanos == None {
		c.Counts[none]++
		return
	}
	c.Waits[w].Add(time.Duration(nanos))
}

// Coarsen turns the waits into sketches, as those of a merged month are.
func (c *Cell) Coarsen() {
	for i := range c.Waits {
		c.Waits[i].Coarsen()
	}
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
