package mapping

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// grouped is the part before the rows of a mapping of a log.
const grouped = `version: 1
name: log
time: {layout: "2006-01-02 15:04"}
files:
  log: {path: log.csv, group: id, absent: ["?"]}
  calls: {path: calls.csv, join: {on: ticket, to: id, rows: many}, optional: true}
rows:
`

const history = `
  - history: case
    id: {column: id}
    ticket:
      customer: {column: who}
      subject: {template: "{first.state} to {last.state}"}
      channel: PHONE
      team: {column: team}
      open_time: {column: at}
    events:
      - each: rows
        when: {cel: 'row.team != prev.team && present(prev.id)'}
        kind: ASSIGNED
        event_time: {column: at}
        team: {column: team}
        reason: {template: "from {prev.team}"}
      - each: rows
        when: {cel: row.state == "wait" && prev.state != "wait"}
        kind: PENDED
        event_time: {column: at}
      - {kind: CLOSED, event_time: {column: last.at}}
    interactions:
      - each: calls
        kind: CALL
        direction: OUTBOUND
        actor: AGENT
        start_time: {column: calls.at}
        cost_micros: {cel: '1000 * int(number(calls.cost))'}
        text: {cel: 'string(rows.size()) + " rows, after " + prev.at'}
    oddities:
      nobody knows who: {cel: '!present(row.who)'}
      it goes on: {cel: 'rows.exists(r, r.at == row.at && r.state == "next")'}
      it ends in waiting: {cel: last.state == "wait"}
`

func logged() map[string]string {
	return map[string]string{
		"log": "id,who,state,team,at\nA 1,ann,new,t1,2020-01-01 10:00\nA 1,ann,wait,t2,2020-01-01 11:00\n" +
			"A 1,ann,wait,t2,2020-01-01 12:00\nA 1,?,wait,?,2020-01-01 12:00\n",
		"calls": "ticket,at,cost\nA 1,2020-01-01 09:00,3\nA 1,2020-01-01 08:00,\n",
	}
}

func TestRowsOfAGroupBecomeOneHistory(t *testing.T) {
	files := logged()
	files["calls"] = strings.Replace(files["calls"], "08:00,", "08:00,2.0", 1)
	p, in, err := compile(t, grouped+history, files)
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	if len(plan.Steps) != 1 || plan.Steps[0].Err != nil || plan.Steps[0].Kind != Histories {
		t.Fatalf("steps = %+v, want one history", plan.Steps)
	}
	// Entries of one row stay together: the team changes before the ticket waits, and
	// once more after.
	want := &ticketv1.ImportTicketsRequest{}
	text := `{"parent": "brands/b", "ticketId": "<a1>", "ticket": {"customer": "brands/b/customers/ann", "subject": "new to wait",
			"channel": "CHANNEL_PHONE", "team": "brands/b/teams/t1", "openTime": "2020-01-01T10:00:00Z"},
		"events": [
			{"kind": "KIND_ASSIGNED", "eventTime": "2020-01-01T11:00:00Z", "team": "brands/b/teams/t2", "reason": "from t1"},
			{"kind": "KIND_PENDED", "eventTime": "2020-01-01T11:00:00Z"},
			{"kind": "KIND_ASSIGNED", "eventTime": "2020-01-01T12:00:00Z", "reason": "from t2"},
			{"kind": "KIND_CLOSED", "eventTime": "2020-01-01T12:00:00Z"}],
		"interactions": [
			{"kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "actor": "ACTOR_AGENT", "startTime": "2020-01-01T09:00:00Z",
				"costMicros": 3000, "text": "4 rows, after "},
			{"kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "actor": "ACTOR_AGENT", "startTime": "2020-01-01T08:00:00Z",
				"costMicros": 2000, "text": "4 rows, after 2020-01-01 09:00"}]}`
	if err := protojson.Unmarshal([]byte(strings.ReplaceAll(text, "<a1>", ID("A 1"))), want); err != nil {
		t.Fatal(err)
	}
	step := plan.Steps[0]
	if !proto.Equal(step.Request, want) {
		t.Errorf("history = %v, want %v", step.Request, want)
	}
	if step.Name != "brands/b/tickets/"+ID("A 1") || step.At.Line != 2 {
		t.Errorf("%s comes from line %d, want the first of its rows", step.Name, step.At.Line)
	}
	if len(step.Odd) != 1 || step.Odd[0] != "it ends in waiting" {
		t.Errorf("odd = %q, want what the last row says", step.Odd)
	}
}

func TestAHistoryOfWhichARowCannotBeReadIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"the first row", "A 1,ann,new,t1,2020-01-01 10:00", "A 1,,new,t1,2020-01-01 10:00", "ticket.customer: empty"},
		{"another row", "A 1,ann,wait,t2,2020-01-01 11:00", "A 1,ann,wait,t2,soon", `events[0].event_time: "soon" is no time in the layout "2006-01-02 15:04" (log.csv:3)`},
		{"a joined row", "08:00,2", "08:00,much", `interactions[1].cost_micros: "much" is no number (calls.csv:3)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := logged()
			files["calls"] = strings.Replace(files["calls"], "08:00,\n", "08:00,2\n", 1)
			for name := range files {
				files[name] = strings.Replace(files[name], tt.old, tt.new, 1)
			}
			p, in, err := compile(t, grouped+history, files)
			if err != nil {
				t.Fatal(err)
			}
			plan := p.Plan(in)
			if len(plan.Steps) != 1 || plan.Steps[0].Err == nil || plan.Steps[0].Err.Error() != tt.want {
				t.Errorf("steps = %+v, want one refused with %q", plan.Steps, tt.want)
			}
		})
	}
}

func TestAHistorySaysWhereItIsWrong(t *testing.T) {
	events := "  - history: h\n    id: {column: id}\n    ticket: {customer: x, subject: x, channel: PHONE}\n    events:\n      - "
	for _, tt := range []struct{ name, rows, want string }{
		{"no ticket", "  - history: h\n    id: {column: id}", "ticket is required"},
		{"no id", "  - history: h\n    ticket: {customer: x, subject: x, channel: PHONE}", "id is required"},
		{"a field of a ticket that is missing", "  - history: h\n    id: {column: id}\n    ticket: {customer: x, subject: x}", "m.yaml:10: channel is required"},
		{"a field beside the ticket", "  - history: h\n    id: {column: id}\n    channel: PHONE", "channel is not known here; it may be"},
		{"one for each row", "  - history: h\n    each: rows\n    id: {column: id}", "each is not known here"},
		{"a wrong kind of event", events + "{kind: SLEPT, event_time: {column: at}}", `kind: "SLEPT" is none of`},
		{"an output field", events + "{kind: CLOSED, event_time: {column: at}, from_state: NEW}", "from_state is not a field of a TicketEvent that can be set"},
		{"each of something else", events + "{each: log, kind: CLOSED, event_time: {column: at}}", "log is no joined file with `rows: many`, nor the `rows`"},
		{"a neighbor outside each", events + "{kind: CLOSED, event_time: {column: prev.at}}", `log.csv has no column "prev.at"`},
		{"a neighbor without such a column", events + "{each: calls, kind: CLOSED, event_time: {column: prev.who}}", `calls.csv has no column "who"`},
		{"a neighbor in CEL without such a column", events + "{each: rows, kind: CLOSED, event_time: {cel: time(next.cost)}}", `log.csv has no column "cost"`},
		{"a last row without such a column", events + "{kind: CLOSED, event_time: {cel: time(last.cost)}}", `log.csv has no column "cost"`},
		{"a reason for what is left out", events + "{when: {cel: 'true', else: no}, kind: CLOSED, event_time: {column: at}}", "else is not known here; it may be cel"},
		{"an oddity without a condition", "  - history: h\n    id: {column: id}\n    oddities: {odd: {}}", "`cel`, the condition, must stand here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := compile(t, grouped+tt.rows, logged())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestAnEntryNeedsWhatItNames(t *testing.T) {
	p, in, err := compile(t, grouped+`
  - touchpoint: call
    id: {column: id}
    customer: {column: who}
    definition: order
    event_time: {column: at}
  - history: case
    id: {column: id}
    ticket: {customer: {column: who}, subject: case, channel: PHONE}
    interactions:
      - {each: calls, kind: CALL, direction: OUTBOUND, actor: AGENT, text: {ref: call}}
`, logged())
	if err != nil {
		t.Fatal(err)
	}
	if plan := p.Plan(in); len(plan.Steps) != 2 || plain(plan.Steps[1].Needs) != "[0 0]" {
		t.Errorf("steps = %+v, want a history that needs the touchpoint", plan.Steps)
	}
}

func TestEveryRowOfAGroupMayMakeSomething(t *testing.T) {
	p, in, err := compile(t, grouped+`
  - touchpoint: step
    each: rows
    when: {cel: row.state != prev.state, else: nothing new}
    id: {template: "{id}-{state}"}
    customer: {column: first.who}
    definition: order
    event_time: {column: at}
`, logged())
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	if len(plan.Steps) != 2 || plan.Steps[1].At.Line != 3 || len(plan.Skipped) != 2 {
		t.Errorf("plan = %+v, want a touchpoint of the first and of the second row", plan)
	}
}

func TestOnlyTheMainFileIsGrouped(t *testing.T) {
	_, err := Parse("m.yaml", []byte("files: {a: {path: a.csv}, b: {path: b.csv, group: x, join: {on: x}}}"))
	if err == nil || !strings.Contains(err.Error(), "b is joined: only the main file is grouped") {
		t.Errorf("error = %v, want that a joined file is not grouped", err)
	}
}
