package lifecycle

// Counts is what a ticket counts of its interactions.
type Counts struct {
	Interactions   int32  // all
	Contacts       int32  // those the customer has seen
	InboundAfter   int32  // inbound ones after the first response
	Responder      string // the agent of the earliest response by an agent
	OtherResponder bool   // another agent responded too
	CostMicros     int64  // of those that state a cost, in millionths
	Costed         int32  // those that state a cost
}

// Add returns the counts after i, by the agent given, on a ticket with the status
// before and after it. A first response that moves can leave InboundAfter wrong:
// see [Status.MovedResponse].
func (c Counts) Add(i Interaction, agent string, cost *int64, before, after Status) Counts {
	c.Interactions++
	if i.Direction != Internal {
		c.Contacts++
	}
	if i.Direction == Inbound && !after.FirstResponse.IsZero() && i.Start.After(after.FirstResponse) {
		c.InboundAfter++
	}
	if i.CountsAsResponse() && i.Actor == Agent && agent != "" {
		switch {
		case c.Responder == "":
			c.Responder = agent
		case c.Responder != agent:
			c.OtherResponder = true
			if i.Start.Before(before.FirstResponse) {
				c.Responder = agent
			}
		}
	}
	if cost != nil {
		c.CostMicros += *cost
		c.Costed++
	}
	return c
}

// MovedResponse reports whether the first response of s, which follows before, is
// another than that of before: the interactions after it have to be counted anew.
func (s Status) MovedResponse(before Status) bool {
	return !s.FirstResponse.Equal(before.FirstResponse)
}
