package simulator

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// A contact is one request for help, from the question to the answer.
type contact struct {
	*life
	id        string
	cause     criterion
	line      line
	desk      desk
	agent     string  // empty for a bot
	skill     float64 // of whoever answers
	slow      float64 // log of the longest wait over the usual one
	said      int     // interactions so far
	answered  string  // the last interaction that answered
	outcome   ticketv1.Ticket_Outcome
	reopened  int
	proactive bool
}

// contact lives through the trouble that a criterion gave at an instant. What
// would be after the end of the world does not happen.
func (l *life) contact(cause criterion, at time.Time) {
	c := &contact{
		life: l, cause: cause, slow: math.Inf(-1), proactive: l.chance(.07),
		line: draw(l.dice, l.lines, func(l line) float64 { return l.share }),
		desk: draw(l.dice, l.desks, func(d desk) float64 { return d.share }),
	}
	l.contacts++
	c.id = fmt.Sprintf("%s-t%d", l.id, l.contacts)
	c.agent, c.skill = pick(l.dice, c.desk.agents), c.desk.skill+.3*l.NormFloat64()
	if c.line.form == message && l.chance(.2) {
		c.agent, c.skill = "", -.6 // a bot
	}
	at = c.open(at.Add(l.about(10 * time.Hour)))
	at = c.serve(at)
	back := .06
	if c.outcome != ticketv1.Ticket_OUTCOME_SOLVED {
		back = .35
	}
	if l.chance(back) {
		c.reopened++
		at = at.Add(2*time.Hour + time.Duration(l.IntN(58))*time.Hour)
		c.say(ticketv1.Interaction_DIRECTION_INBOUND, c.line.form, at, "It is not settled yet.")
		c.serve(at)
	}
}

func (c *contact) ticket() string { return name.Join(c.brand, "tickets", c.id) }

// add puts a call about the ticket in its place, unless the world ends before it.
func (c *contact) add(s step) {
	s.ticket = c.ticket()
	if s.at.Before(c.end) {
		c.steps = append(c.steps, s)
	}
}

// open creates the ticket and says what it is about.
func (c *contact) open(at time.Time) time.Time {
	t := &ticketv1.Ticket{
		Customer: c.customer(), Subject: c.cause.trouble.subject, IssueKind: c.cause.trouble.issue,
		Stage: c.cause.place.stage, Phase: c.cause.place.phase, Channel: c.line.channel,
		Handling: typev1.Handling_HANDLING_AGENT, Origin: typev1.Origin_ORIGIN_INBOUND,
		Team: c.team(), Partner: c.partner(), Agent: c.person(),
		OpenTime: timestamppb.New(at), Attributes: c.attributes(),
	}
	if c.agent == "" {
		t.Handling = typev1.Handling_HANDLING_BOT
	}
	if c.proactive {
		t.Origin = typev1.Origin_ORIGIN_PROACTIVE
	}
	if c.chance(.15) {
		t.Priority = ticketv1.Ticket_PRIORITY_HIGH
	}
	c.add(step{at: at, call: &ticketv1.CreateTicketRequest{
		Parent: c.brand, Ticket: t, TicketId: c.id, RequestId: c.requestID("CreateTicket", c.id),
	}})
	if !c.proactive {
		at = c.say(ticketv1.Interaction_DIRECTION_INBOUND, c.line.form, at, c.cause.trouble.subject)
	}
	return at
}

// serve answers until the ticket is resolved, asks how it was and returns when.
func (c *contact) serve(at time.Time) time.Time {
	for rounds := 1; ; rounds++ {
		usual := time.Duration(c.desk.pace * float64(c.line.wait))
		if c.agent == "" {
			usual = time.Minute
		}
		wait := time.Duration(float64(usual) * math.Exp(.9*c.NormFloat64())).Truncate(time.Second)
		c.slow = max(c.slow, math.Log(float64(wait+time.Second)/float64(c.line.wait)))
		if c.agent != "" && c.chance(.25) {
			c.say(ticketv1.Interaction_DIRECTION_INTERNAL, ticketv1.Interaction_KIND_NOTE, at.Add(wait/2), "Had this before.")
		}
		at = c.say(ticketv1.Interaction_DIRECTION_OUTBOUND, c.line.form, at.Add(wait), "We are looking into it.")
		if rounds == 3 || !c.chance(.3) {
			break
		}
		at = c.say(ticketv1.Interaction_DIRECTION_INBOUND, c.line.form, at.Add(c.about(2*c.line.wait)), "Thank you; one more thing.")
	}
	c.outcome = c.settle()
	at = at.Add(c.about(2 * c.line.wait))
	c.add(step{at: at, call: &ticketv1.ResolveTicketRequest{
		Name: c.ticket(), Outcome: c.outcome, ResolveTime: timestamppb.New(at),
		RequestId: c.requestID("ResolveTicket", fmt.Sprintf("%s-%d", c.id, c.reopened)),
	}})
	c.ask(at.Add(time.Hour))
	return at
}

// settle decides how it ends.
func (c *contact) settle() ticketv1.Ticket_Outcome {
	switch solved := odds(1.4 + .8*c.skill); {
	case c.chance(solved):
		return ticketv1.Ticket_OUTCOME_SOLVED
	case c.chance(.5):
		return ticketv1.Ticket_OUTCOME_PARTIAL
	case c.chance(.8):
		return ticketv1.Ticket_OUTCOME_UNSOLVED
	default:
		return ticketv1.Ticket_OUTCOME_NO_RESPONSE
	}
}

// say adds an interaction and returns when it ended. An answer is something the
// customer feels, all the more for having asked.
func (c *contact) say(d ticketv1.Interaction_Direction, kind ticketv1.Interaction_Kind, at time.Time, text string) time.Time {
	i := &ticketv1.Interaction{
		Kind: kind, Direction: d, Actor: ticketv1.Interaction_ACTOR_CUSTOMER, Channel: c.line.channel,
		StartTime: timestamppb.New(at), Text: text, Attributes: c.attributes(),
	}
	if kind != message {
		at = at.Add(c.about(5 * time.Minute))
	}
	i.EndTime = timestamppb.New(at)
	c.said++
	id := fmt.Sprintf("i%d", c.said)
	if d != ticketv1.Interaction_DIRECTION_INBOUND {
		i.Actor, i.Agent, i.Team, i.Partner = ticketv1.Interaction_ACTOR_AGENT, c.person(), c.team(), c.partner()
		if c.agent == "" {
			i.Actor = ticketv1.Interaction_ACTOR_BOT
		}
	}
	if !at.Before(c.end) {
		return at
	}
	if d == ticketv1.Interaction_DIRECTION_OUTBOUND {
		i.Expectation = c.feel(.4 + c.skill - .5*c.slow)
		c.mood.add(i.Expectation, 2)
		c.answered = name.Join(c.ticket(), "interactions", id)
	}
	c.add(step{at: i.StartTime.AsTime(), call: &ticketv1.CreateInteractionRequest{
		Parent: c.ticket(), Interaction: i, InteractionId: id, RequestId: c.requestID("CreateInteraction", c.id+"-"+id),
	}})
	return at
}

func (c *contact) team() string { return name.Join(c.brand, "teams", c.desk.team) }

// person and partner are empty where there is none.
func (c *contact) person() string {
	if c.agent == "" {
		return ""
	}
	return name.Join(c.brand, "agents", c.agent)
}

func (c *contact) partner() string {
	if c.desk.partner == "" {
		return ""
	}
	return name.Join(c.brand, "partners", c.desk.partner)
}
