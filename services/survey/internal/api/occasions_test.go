package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

var monday = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// An engine is a server whose rules were there a year before Monday, on which it is
// always noon.
type engine struct{ *Server }

func newEngine(t testing.TB, db *sqldb.DB) engine {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err := errors.Join(err, once.Migrate(t.Context(), db), bus.Migrate(t.Context(), db)); err != nil {
		t.Fatal(err)
	}
	return engine{&Server{
		DB: db, Store: s, Outbox: bus.NewOutbox(db), Validator: rpc.NewValidator(), TokenKey: make([]byte, 32),
		Now: func() time.Time { return monday },
	}}
}

// each runs f on both databases.
func eachEngine(t *testing.T, f func(t *testing.T, e engine)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) { f(t, newEngine(t, open(t))) })
}

func (e engine) write(t testing.TB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := e.DB.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// survey stores an active survey of a brand.
func (e engine) survey(t testing.TB, brand, id string, change func(*store.Survey)) {
	t.Helper()
	v := store.Survey{
		DisplayName: id, Subject: 1, Scope: 1, SamplingRate: 1, State: 2, Revision: 1, Language: "en", ExpireAfter: 14 * 24 * time.Hour,
		Questions: []store.Question{{ID: "nps", Kind: 1}},
	}
	v.Brand, v.ID, v.Version, v.CreateTime, v.UpdateTime = brand, id, 1, monday.AddDate(-1, 0, 0), monday.AddDate(-1, 0, 0)
	change(&v)
	e.write(t, func(tx *sqldb.Tx) error {
		_, err := store.Surveys.Add(tx, v)
		e.Store.ForgetSurveys(tx)
		return err
	})
}

// rule stores a rule that asks the survey of its id.
func (e engine) rule(t testing.TB, brand, id string, change func(*store.TriggerRule)) {
	t.Helper()
	r := store.TriggerRule{DisplayName: id, Survey: id, Kind: store.OnInteraction}
	r.Brand, r.ID, r.Version, r.CreateTime, r.UpdateTime = brand, id, 1, monday.AddDate(-1, 0, 0), monday.AddDate(-1, 0, 0)
	change(&r)
	e.write(t, func(tx *sqldb.Tx) error {
		_, err := store.TriggerRules.Add(tx, r)
		e.Store.ForgetRules(tx)
		return err
	})
}

// apply applies events as the bus does.
func (e engine) apply(t testing.TB, events ...*eventv1.Event) {
	t.Helper()
	for _, event := range events {
		e.write(t, func(tx *sqldb.Tx) error { return e.Apply(tx, event) })
	}
}

// decisions returns what was decided in a brand, as "survey customer occasion decision", sorted.
func (e engine) decisions(t testing.TB, brand string) []string {
	t.Helper()
	all := []string{}
	for _, v := range e.invitations(t, brand) {
		decision := strings.TrimPrefix(surveyv1.Invitation_Decision(v.Decision).String(), "DECISION_")
		all = append(all, fmt.Sprint(v.Survey, " ", strings.TrimPrefix(v.Customer, "customers/"), " ", v.Occasion, " ", decision))
	}
	slices.Sort(all)
	return all
}

func (e engine) invitations(t testing.TB, brand string) []store.Invitation {
	t.Helper()
	f := store.InvitationFilter{Brand: brand, Limit: 100_000}
	f.Where.Text = "TRUE"
	all, err := e.Store.Invitations(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// told is an event about ann's ticket 7.
func told(payload func(*eventv1.TicketRef, *eventv1.Event)) *eventv1.Event {
	e := &eventv1.Event{Brand: "brands/acme", Key: "brands/acme/customers/ann", EventTime: timestamppb.New(monday)}
	payload(&eventv1.TicketRef{
		Ticket: "brands/acme/tickets/7", Customer: "brands/acme/customers/ann", Channel: typev1.Channel_CHANNEL_EMAIL,
		Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
	}, e)
	return e
}

// called says that an agent has called, changed by the functions.
func called(id string, changes ...func(*eventv1.InteractionCreated)) *eventv1.Event {
	return told(func(ticket *eventv1.TicketRef, e *eventv1.Event) {
		p := &eventv1.InteractionCreated{
			Ticket: ticket, Interaction: "brands/acme/tickets/7/interactions/" + id, Kind: ticketv1.Interaction_KIND_CALL,
			Direction: ticketv1.Interaction_DIRECTION_OUTBOUND, Channel: typev1.Channel_CHANNEL_PHONE,
			StartTime: timestamppb.New(monday.Add(-time.Hour)), EndTime: timestamppb.New(monday.Add(-time.Minute)),
			Agent: "brands/acme/agents/bo", Team: "brands/acme/teams/night", Partner: "brands/acme/partners/mihir",
			Handling: typev1.Handling_HANDLING_AGENT,
		}
		for _, change := range changes {
			change(p)
		}
		e.Payload = &eventv1.Event_InteractionCreated{InteractionCreated: p}
	})
}

func resolvedFor(reopened int32, outcome ticketv1.Ticket_Outcome) *eventv1.Event {
	return told(func(ticket *eventv1.TicketRef, e *eventv1.Event) {
		e.Payload = &eventv1.Event_TicketResolved{TicketResolved: &eventv1.TicketResolved{
			Ticket: ticket, Outcome: outcome, ReopenCount: reopened, ResolveTime: timestamppb.New(monday.Add(-time.Minute)),
			Agent: "brands/acme/agents/eve", Team: "brands/acme/teams/day", Partner: "brands/acme/partners/own",
		}}
	})
}

// touched says that customers have come by touchpoints of their own.
func touched(change func(*eventv1.TouchpointRef), customers ...string) *eventv1.Event {
	e := &eventv1.Event{Brand: "brands/acme", Key: "brands/acme", EventTime: timestamppb.New(monday)}
	p := &eventv1.TouchpointsRecorded{}
	for _, c := range customers {
		one := &eventv1.TouchpointRef{
			Touchpoint: "brands/acme/customers/" + c + "/touchpoints/1", Customer: "brands/acme/customers/" + c,
			TouchpointDefinition: "brands/acme/touchpointDefinitions/purchase", Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION,
			Channel: typev1.Channel_CHANNEL_WEB, Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PURCHASE,
			EventTime: timestamppb.New(monday.Add(-time.Minute)),
		}
		change(one)
		p.Touchpoints = append(p.Touchpoints, one)
	}
	e.Payload = &eventv1.Event_TouchpointsRecorded{TouchpointsRecorded: p}
	return e
}

func TestARuleKnowsItsOccasions(t *testing.T) {
	as := func(change func(*eventv1.InteractionCreated)) *eventv1.Event { return called("i", change) }
	interaction := func(r *store.TriggerRule) { r.Kind = store.OnInteraction }
	with := func(change func(*store.Trigger)) func(*store.TriggerRule) {
		return func(r *store.TriggerRule) { change(&r.Trigger) }
	}
	under := func(c store.Conditions) func(*store.TriggerRule) {
		return func(r *store.TriggerRule) { r.Conditions = &c }
	}
	resolution := func(r *store.TriggerRule) { r.Kind = store.OnResolution }
	stage := func(r *store.TriggerRule) { r.Kind, r.Trigger.Stages = store.OnStage, []int32{3, 4} }
	touchpoint := func(change func(*store.Trigger)) func(*store.TriggerRule) {
		return func(r *store.TriggerRule) { r.Kind = store.OnTouchpoint; change(&r.Trigger) }
	}
	plain := func(*eventv1.TouchpointRef) {}
	const one, ticket = "tickets/7/interactions/i", "tickets/7"
	e := newEngine(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	e.survey(t, "acme", "s", func(*store.Survey) {})
	for _, tt := range []struct {
		name  string
		rule  func(*store.TriggerRule)
		event *eventv1.Event
		want  string // the occasion
	}{
		{"a call of an agent", interaction, called("i"), one},
		{"a call of the customer", interaction, as(func(p *eventv1.InteractionCreated) { p.Direction = ticketv1.Interaction_DIRECTION_INBOUND }), one},
		{"a visit", interaction, as(func(p *eventv1.InteractionCreated) { p.Kind = ticketv1.Interaction_KIND_VISIT }), one},
		{"a message of an agent", interaction, as(func(p *eventv1.InteractionCreated) { p.Kind = ticketv1.Interaction_KIND_MESSAGE }), one},
		{"a message of the customer", interaction, as(func(p *eventv1.InteractionCreated) {
			p.Kind, p.Direction = ticketv1.Interaction_KIND_MESSAGE, ticketv1.Interaction_DIRECTION_INBOUND
		}), ""},
		{"a note", interaction, as(func(p *eventv1.InteractionCreated) { p.Kind = ticketv1.Interaction_KIND_NOTE }), ""},
		{"a note, asked for", with(func(t *store.Trigger) { t.Kinds = []int32{4, 5} }), as(func(p *eventv1.InteractionCreated) { p.Kind = ticketv1.Interaction_KIND_NOTE }), ""},
		{"an internal call", interaction, as(func(p *eventv1.InteractionCreated) { p.Direction = ticketv1.Interaction_DIRECTION_INTERNAL }), ""},
		{"a call of a bot", interaction, as(func(p *eventv1.InteractionCreated) { p.Handling = typev1.Handling_HANDLING_BOT }), ""},
		{"a call of a bot, asked for", with(func(t *store.Trigger) { t.Handlings = []int32{2} }), as(func(p *eventv1.InteractionCreated) { p.Handling = typev1.Handling_HANDLING_BOT }), one},
		{"another form", with(func(t *store.Trigger) { t.Kinds = []int32{1, 3} }), called("i"), ""},
		{"once a ticket", with(func(t *store.Trigger) { t.Once = 2 }), called("i"), ticket},
		{"of nobody known", interaction, as(func(p *eventv1.InteractionCreated) { p.Ticket.Customer = "" }), ""},
		{"a resolution for one of interactions", interaction, resolvedFor(0, 1), ""},
		{"the channel", under(store.Conditions{Channels: []int32{1}}), called("i"), one},
		{"another channel, that of the ticket", under(store.Conditions{Channels: []int32{2}}), called("i"), ""},
		{"another stage", under(store.Conditions{Stages: []int32{3}}), called("i"), ""},
		{"another phase", under(store.Conditions{Phases: []int32{3}}), called("i"), ""},
		{"another partner", under(store.Conditions{Partners: []string{"partners/own"}}), called("i"), ""},
		{"another team", under(store.Conditions{Teams: []string{"teams/day"}}), called("i"), ""},
		{"another agent", under(store.Conditions{Agents: []string{"agents/eve"}}), called("i"), ""},
		{"all that is asked for", under(store.Conditions{
			Channels: []int32{1}, Stages: []int32{4}, Phases: []int32{4}, Partners: []string{"partners/mihir"}, Teams: []string{"teams/night"},
			Agents: []string{"agents/bo"},
		}), called("i"), one},
		{"a resolution", resolution, resolvedFor(3, 1), "tickets/7/resolution/3"},
		{"another outcome", func(r *store.TriggerRule) { r.Kind, r.Trigger.Outcomes = store.OnResolution, []int32{2} }, resolvedFor(0, 1), ""},
		{"a stage seen in an interaction", stage, called("i"), "stages/4"},
		{"a stage seen in a message of the customer", stage, as(func(p *eventv1.InteractionCreated) {
			p.Kind, p.Direction = ticketv1.Interaction_KIND_MESSAGE, ticketv1.Interaction_DIRECTION_INBOUND
		}), "stages/4"},
		{"a stage seen by nobody outside", stage, as(func(p *eventv1.InteractionCreated) { p.Direction = ticketv1.Interaction_DIRECTION_INTERNAL }), ""},
		{"a stage seen in a touchpoint", stage, touched(plain, "ann"), "stages/3"},
		{"another stage", stage, touched(func(p *eventv1.TouchpointRef) { p.Stage = typev1.Stage_STAGE_AWARENESS }, "ann"), ""},
		{"a purchase", touchpoint(func(t *store.Trigger) { t.Kinds = []int32{2} }), touched(plain, "ann"), "customers/ann/touchpoints/1"},
		{"a touchpoint of another kind", touchpoint(func(t *store.Trigger) { t.Kinds = []int32{1, 3} }), touched(plain, "ann"), ""},
		{"a touchpoint of the definition", touchpoint(func(t *store.Trigger) { t.Definitions = []string{"touchpointDefinitions/purchase"} }), touched(plain, "ann"), "customers/ann/touchpoints/1"},
		{"a touchpoint on another channel", touchpoint(func(t *store.Trigger) { t.Channels = []int32{1} }), touched(plain, "ann"), ""},
		{"a touchpoint for a rule of interactions", interaction, touched(plain, "ann"), ""},
		{"a week ago", interaction, as(func(p *eventv1.InteractionCreated) { p.EndTime = timestamppb.New(monday.Add(-lateness)) }), one},
		{"more than a week ago", interaction, as(func(p *eventv1.InteractionCreated) {
			p.EndTime = timestamppb.New(monday.Add(-lateness - time.Microsecond))
		}), ""},
		{"as old as the rule", func(r *store.TriggerRule) { r.CreateTime = monday.Add(-time.Minute) }, called("i"), one},
		{"before the rule", func(r *store.TriggerRule) { r.CreateTime = monday.Add(-time.Minute + time.Microsecond) }, called("i"), ""},
		{"a rule that rests", func(r *store.TriggerRule) { r.Inactive = true }, called("i"), ""},
		{"a rule of a survey that is not there", func(r *store.TriggerRule) { r.Survey = "none" }, called("i"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e.write(t, func(tx *sqldb.Tx) error {
				for _, table := range []string{"trigger_rule", "invitation", "contact", "reached_stage"} {
					tx.Defer(`DELETE FROM ` + table)
				}
				return nil
			})
			e.rule(t, "acme", "s", tt.rule)
			e.rule(t, "other", "s", tt.rule)
			want := []string{}
			if tt.want != "" {
				want = append(want, "s ann "+tt.want+" SENT")
			}
			e.apply(t, tt.event)
			if got := e.decisions(t, "acme"); !slices.Equal(got, want) {
				t.Errorf("decisions = %q, want %q", got, want)
			}
			e.apply(t, tt.event, proto.CloneOf(tt.event)) // S60
			if got := e.decisions(t, "acme"); !slices.Equal(got, want) {
				t.Errorf("decisions after the same again = %q, want %q", got, want)
			}
			if got := e.invitations(t, "other"); len(got) != 0 {
				t.Errorf("another brand's decisions = %+v", got)
			}
		})
	}
}

func TestADecisionOfARuleIsTakenOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		for _, id := range []string{"often", "ticket", "solved", "paused", "closed"} {
			e.survey(t, "acme", id, func(v *store.Survey) {
				switch id {
				case "paused":
					v.State = 3
				case "closed":
					v.CloseTime = monday
				}
			})
			e.rule(t, "acme", id, func(r *store.TriggerRule) {
				switch id {
				case "ticket":
					r.Trigger.Once = 2
				case "solved":
					r.Kind = store.OnResolution
				}
			})
		}
		e.rule(t, "acme", "twin", func(r *store.TriggerRule) { r.Survey = "often" }) // the same survey, the same occasions
		e.apply(t, called("a"), called("b"), resolvedFor(0, 1), resolvedFor(0, 3), called("a"), resolvedFor(1, 1))
		want := []string{
			"often ann tickets/7/interactions/a SENT", "often ann tickets/7/interactions/b SENT",
			"solved ann tickets/7/resolution/0 SENT", "solved ann tickets/7/resolution/1 SENT",
			"ticket ann tickets/7 SENT",
		}
		if got := e.decisions(t, "acme"); !slices.Equal(got, want) {
			t.Errorf("decisions = %q, want %q", got, want)
		}
		// What a caller has had sent is not asked again by a rule.
		e.write(t, func(tx *sqldb.Tx) error {
			survey, err := e.Store.SurveyIn(tx, "acme", "often")
			if err != nil {
				return err
			}
			v, err := e.decide(tx, survey, store.Invitation{
				Brand: "acme", Survey: "often", ID: "mine", Customer: "customers/ann", Interaction: "tickets/7/interactions/c",
				Occasion: "tickets/7/interactions/c", Channel: 1, DecideTime: monday,
			}, false)
			e.keep(tx, v)
			return err
		})
		e.apply(t, called("c"))
		for _, v := range e.invitations(t, "acme") {
			if v.Survey == "often" && v.Occasion == "tickets/7/interactions/c" && v.ID != "mine" {
				t.Errorf("a rule has decided as well: %+v", v)
			}
		}
	})
}

func TestAnInvitationOfARuleRemembersItsOccasion(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.survey(t, "acme", "s", func(v *store.Survey) { v.Revision, v.ExpireAfter = 4, time.Hour })
		e.rule(t, "acme", "s", func(r *store.TriggerRule) { r.Delay = 30 * time.Minute })
		e.survey(t, "acme", "done", func(*store.Survey) {})
		e.rule(t, "acme", "done", func(r *store.TriggerRule) { r.Kind = store.OnResolution })
		e.apply(t, called("i"), resolvedFor(2, 1))
		end := monday.Add(-time.Minute)
		want := map[string]store.Invitation{
			"s": {
				Interaction: "tickets/7/interactions/i", Occasion: "tickets/7/interactions/i", Channel: 1, SurveyRevision: 4,
				AvailableTime: end.Add(30 * time.Minute), ExpireTime: end.Add(90 * time.Minute),
				Attribution: store.Attribution{
					Ticket: "tickets/7", Agent: "agents/bo", Team: "teams/night", Partner: "partners/mihir", Channel: 1, Stage: 4, Phase: 4,
				},
			},
			"done": {
				Occasion: "tickets/7/resolution/2", Channel: 2, SurveyRevision: 1, AvailableTime: end, ExpireTime: end.Add(14 * 24 * time.Hour),
				Attribution: store.Attribution{
					Ticket: "tickets/7", Agent: "agents/eve", Team: "teams/day", Partner: "partners/own", Channel: 2, Stage: 4, Phase: 4,
				},
			},
		}
		for _, got := range e.invitations(t, "acme") {
			w := want[got.Survey]
			w.Brand, w.Survey, w.ID, w.Subject, w.Customer, w.Rule = "acme", got.Survey, got.ID, 1, "customers/ann", got.Survey
			w.Decision, w.State, w.Origin, w.Version, w.DecideTime = 1, 1, 3, 1, end
			w.TokenHash = hashed(e.token(w))
			if got != w {
				t.Errorf("invitation = %+v, want %+v", got, w)
			}
		}
	})
}

func TestEventsThatContradictThemselvesAreRefused(t *testing.T) {
	e := newEngine(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	foreign := called("i", func(p *eventv1.InteractionCreated) { p.Ticket.Customer = "brands/other/customers/ann" })
	if err := e.DB.Write(t.Context(), func(tx *sqldb.Tx) error { return e.Apply(tx, foreign) }); err == nil {
		t.Error("another brand's customer: no error")
	}
	e.apply(t, &eventv1.Event{Brand: "brands/acme"}, touched(func(*eventv1.TouchpointRef) {}))
}

func TestEveryCustomerOfAnEventIsAContact(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.apply(t, called("i"), touched(func(*eventv1.TouchpointRef) {}, "eve", "bob", "ann"))
		e.write(t, func(tx *sqldb.Tx) error {
			got, err := e.Store.NextContacts(tx, "acme", "", 9)
			if want := []string{"customers/ann", "customers/bob", "customers/eve"}; !slices.Equal(got, want) {
				t.Errorf("contacts = %q, want %q", got, want)
			}
			return err
		})
	})
}

func TestTheLaterWordOnConsentCounts(t *testing.T) {
	words := []struct {
		after   time.Duration
		granted bool
	}{{0, true}, {time.Hour, false}, {2 * time.Hour, true}, {2 * time.Hour, false}}
	eachEngine(t, func(t *testing.T, e engine) {
		for i, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1, 2}, {1, 3, 3, 0, 2}} {
			customer := fmt.Sprint("brands/acme/customers/c", i)
			for _, w := range order {
				e.write(t, func(tx *sqldb.Tx) error {
					return e.Apply(tx, &eventv1.Event{Brand: "brands/acme", Payload: &eventv1.Event_ConsentChanged{ConsentChanged: &eventv1.ConsentChanged{
						Customer: customer, Purpose: "surveys", Granted: words[w].granted, ChangeTime: timestamppb.New(monday.Add(words[w].after)),
					}}})
				})
			}
			c, err := e.Store.OptOut(t.Context(), "acme", fmt.Sprint("customers/c", i))
			if err != nil || c.Consent != int32(surveyv1.OptOut_CONSENT_REFUSED) {
				t.Errorf("told in the order %v: %+v, %v, want the last refusal", order, c, err)
			}
		}
	})
}

func TestAStageIsReachedOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.apply(t, called("before")) // while there is no rule
		e.survey(t, "acme", "s", func(*store.Survey) {})
		e.rule(t, "acme", "s", func(r *store.TriggerRule) { r.Kind, r.Trigger.Stages = store.OnStage, []int32{3, 4} })
		e.apply(t, called("i"), touched(func(*eventv1.TouchpointRef) {}, "ann", "bob"), touched(func(p *eventv1.TouchpointRef) {
			p.Touchpoint += "0"
		}, "ann", "bob"))
		want := []string{"s ann stages/3 SENT", "s bob stages/3 SENT"}
		if got := e.decisions(t, "acme"); !slices.Equal(got, want) {
			t.Errorf("decisions = %q, want %q", got, want)
		}
	})
}

func TestARuleLeavesACustomerAloneWhoWasAsked(t *testing.T) { // S61
	eachEngine(t, func(t *testing.T, e engine) {
		for _, id := range []string{"a", "b"} {
			e.survey(t, "acme", id, func(v *store.Survey) { v.QuietPeriod = time.Hour })
			e.rule(t, "acme", id, func(*store.TriggerRule) {})
		}
		e.apply(t, called("i"), called("j"))
		want := []string{
			"a ann tickets/7/interactions/i SENT", "a ann tickets/7/interactions/j QUIET_PERIOD",
			"b ann tickets/7/interactions/i QUIET_PERIOD", "b ann tickets/7/interactions/j QUIET_PERIOD",
		}
		if got := e.decisions(t, "acme"); !slices.Equal(got, want) {
			t.Errorf("decisions = %q, want %q", got, want)
		}
	})
}
