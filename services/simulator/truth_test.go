package simulator

import (
	"testing"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// many is how many customers show a connection beyond doubt.
const many = 3000

func TestTheNumbersHangTogether(t *testing.T) {
	t.Parallel()
	for _, p := range Profiles() {
		w := newTestWorld(t, Options{Profile: p, Seed: 11, Customers: many})
		lives := make([]*life, many)
		for i := range lives {
			lives[i] = live(w, i)
		}
		for _, tt := range []struct {
			name string
			test func(*testing.T, []*life)
		}{
			{"unmet expectations cost recommendations", testUnmet},
			{"bad service costs recommendations", testBadService},
			{"a slow answer costs effort", testSlowAnswer},
			{"a bad touchpoint leads to a ticket more often", testTrouble},
			{"silence and unfinished business exist", testSilence},
		} {
			t.Run(p+": "+tt.name, func(t *testing.T) { tt.test(t, lives) })
		}
	}
}

// A group is the figures of customers or tickets that have something in common.
type group struct{ sum, n float64 }

func (g *group) add(x float64) { g.sum, g.n = g.sum+x, g.n+1 }

// below fails unless the mean of g is lower than that of other by at least gap.
func (g group) below(t *testing.T, other group, gap float64) {
	t.Helper()
	if g.n < 50 || other.n < 50 || !(g.sum/g.n+gap < other.sum/other.n) {
		t.Errorf("got means %.3f (n %v) and %.3f (n %v), want the first lower by %v", g.sum/g.n, g.n, other.sum/other.n, other.n, gap)
	}
}

// rating returns the answer a step would bring to a question.
func (s step) rating(question string) (float64, bool) {
	for _, a := range s.answer.GetResponse().GetAnswers() {
		if a.GetQuestionId() == question {
			return float64(a.GetRating()), true
		}
	}
	return 0, false
}

// recommends returns the customer's answer to the NPS question.
func (l *life) recommends() (float64, bool) {
	for _, s := range l.steps {
		if x, ok := s.rating("recommend"); ok {
			return x, true
		}
	}
	return 0, false
}

func testUnmet(t *testing.T, lives []*life) {
	var hurt, spared group
	for _, l := range lives {
		bad := 0
		for _, r := range l.touchpoints {
			if r.GetTouchpoint().GetExpectation() == unmet {
				bad++
			}
		}
		x, ok := l.recommends()
		switch {
		case !ok:
		case bad*5 > len(l.touchpoints):
			hurt.add(x)
		default:
			spared.add(x)
		}
	}
	hurt.below(t, spared, .5)
}

func testBadService(t *testing.T, lives []*life) {
	var hurt, pleased group
	for _, l := range lives {
		var felt mood
		for _, s := range l.steps {
			if i, ok := s.call.(*ticketv1.CreateInteractionRequest); ok && i.GetInteraction().GetExpectation() != 0 {
				felt.add(i.GetInteraction().GetExpectation(), 1)
			}
		}
		x, ok := l.recommends()
		switch {
		case !ok || felt.weight == 0:
		case felt.sum < 0:
			hurt.add(x)
		default:
			pleased.add(x)
		}
	}
	hurt.below(t, pleased, .4)
}

func testSlowAnswer(t *testing.T, lives []*life) {
	var slow, quick group
	for _, l := range lives {
		var opened, answered time.Time
		for _, s := range l.steps {
			switch call := s.call.(type) {
			case *ticketv1.CreateTicketRequest:
				opened, answered = s.at, time.Time{}
			case *ticketv1.CreateInteractionRequest:
				if call.GetInteraction().GetDirection() == ticketv1.Interaction_DIRECTION_OUTBOUND && answered.IsZero() {
					answered = s.at
				}
			}
			x, ok := s.rating("ease")
			if !ok || l.contacts > 1 { // tickets of one customer may overlap
				continue
			}
			usual := map[string]time.Duration{}
			for _, line := range l.lines {
				usual[line.channel.String()] = line.wait
			}
			if answered.Sub(opened) > usual[s.answer.GetResponse().GetAttribution().GetChannel().String()] {
				slow.add(x)
			} else {
				quick.add(x)
			}
		}
	}
	slow.below(t, quick, .5)
}

func testTrouble(t *testing.T, lives []*life) {
	var good, bad group // tickets for each touchpoint of a stage
	for _, l := range lives {
		if len(l.touchpoints) == 0 {
			continue
		}
		unhappy := 0
		for _, r := range l.touchpoints {
			if r.GetTouchpoint().GetExpectation() == unmet {
				unhappy++
			}
		}
		each := float64(l.contacts) / float64(len(l.touchpoints))
		if unhappy == 0 {
			good.add(each)
		} else {
			bad.add(each)
		}
	}
	good.below(t, bad, .015)
}

func testSilence(t *testing.T, lives []*life) {
	var asked, answered, tickets, resolved, again, outsourced int
	for _, l := range lives {
		done := map[string]bool{}
		for _, s := range l.steps {
			switch call := s.call.(type) {
			case *ticketv1.CreateTicketRequest:
				tickets++
				if call.GetTicket().GetPartner() != "" {
					outsourced++
				}
			case *ticketv1.ResolveTicketRequest:
				if done[s.ticket] {
					again++
				}
				done[s.ticket] = true
			case *ticketv1.CreateInteractionRequest:
			default:
				asked++
				if s.answer != nil {
					answered++
				}
			}
		}
		resolved += len(done)
	}
	for _, c := range []struct {
		what      string
		part, all int
		low, high float64
	}{
		{"answers of those asked", answered, asked, .3, .7},
		{"tickets resolved", resolved, tickets, .95, .999},
		{"tickets reopened and resolved", again, resolved, .05, .2},
		{"tickets of the partner", outsourced, tickets, .25, .4},
	} {
		if share := float64(c.part) / float64(c.all); share < c.low || share > c.high {
			t.Errorf("%s: got a share of %.3f (%d of %d), want %v to %v", c.what, share, c.part, c.all, c.low, c.high)
		}
	}
}
