package sla

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// monday is the Monday on which the tickets of these tests open, in a zone without
// surprises: 09:00 is its start.
var monday = time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)

// when returns the instant that a text such as "Tue 09:30" or "Fri+1 16:59:30"
// names, where +1 is the week after.
func when(t *testing.T, s string) time.Time {
	t.Helper()
	weekday, clock, _ := strings.Cut(s, " ")
	weekday, weeks, _ := strings.Cut(weekday, "+")
	i := slices.Index([]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, weekday)
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	c, err := time.Parse("15:04:05.999999999", clock)
	if err != nil || i < 0 {
		t.Fatalf("%q is not a time: %v", s, err)
	}
	return monday.AddDate(0, 0, i+7*len(weeks)).Add(c.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// event returns what a text such as "Mon 09:00 OPEN" tells.
func event(t *testing.T, s string) Event {
	t.Helper()
	cut := strings.LastIndex(s, " ")
	e := map[string]Event{
		"NEW": {Kind: Moved, State: lifecycle.New}, "OPEN": {Kind: Moved, State: lifecycle.Open},
		"PENDING": {Kind: Moved, State: lifecycle.Pending}, "ON_HOLD": {Kind: Moved, State: lifecycle.OnHold},
		"RESOLVED": {Kind: Moved, State: lifecycle.Resolved}, "CLOSED": {Kind: Moved, State: lifecycle.Closed},
		"MERGED": {Kind: Moved, State: lifecycle.Merged}, "SPAM": {Kind: Spam},
		"asks": {Kind: Inbound, Actor: lifecycle.Customer}, "bot-asks": {Kind: Inbound, Actor: lifecycle.Bot},
		"replies": {Kind: Reply, Actor: lifecycle.Agent}, "bot-replies": {Kind: Reply, Actor: lifecycle.Bot},
		"auto-replies": {Kind: Reply, Actor: lifecycle.System}, "notes": {Kind: PublicNote, Actor: lifecycle.Agent},
	}[s[cut+1:]]
	if e.Kind == 0 {
		t.Fatalf("%q is not an event", s)
	}
	e.Time = when(t, s[:cut])
	return e
}

func events(t *testing.T, texts ...string) []Event {
	t.Helper()
	var all []Event
	for _, s := range texts {
		all = append(all, event(t, s))
	}
	return all
}

// promise has the same target for each metric.
func promise(revision int64, target Target, metrics ...Metric) *Policy {
	p := &Policy{Name: "gold", Revision: revision, Targets: map[Metric]Target{}}
	for _, m := range metrics {
		p.Targets[m] = target
	}
	return p
}

func within(p *Policy, schedules ...InForce) []Applied {
	return []Applied{{Policy: p, Schedules: schedules}}
}

// text writes an instance down for comparison.
func text(i *Instance) string {
	names := []string{"", "ACKNOWLEDGE", "FIRST", "NEXT", "UPDATE", "RESOLUTION", "WORK"}
	states := []string{"", "ACTIVE", "PAUSED", "MET", "BREACHED", "MET_LATE", "CANCELLED"}
	return fmt.Sprintf("%s %d %s %v", names[i.Metric], i.Episode, states[i.State], i.Elapsed)
}

// TestEpisodes is the table of the metrics: what starts, pauses, stops and restarts
// each. The target is an hour by the clock on the wall.
func TestEpisodes(t *testing.T) {
	hour := Target{Duration: time.Hour}
	for _, tt := range []struct {
		name   string
		policy *Policy
		log    []string
		want   []string // at Mon 12:00
	}{
		{
			"a first response in time", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:30 replies"},
			[]string{"FIRST 1 MET 30m0s"},
		},
		{
			"one at the last instant", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 10:00 replies"},
			[]string{"FIRST 1 MET 1h0m0s"},
		},
		{
			"one a nanosecond late", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 10:00:00.000000001 replies"},
			[]string{"FIRST 1 MET_LATE 1h0m0.000000001s"},
		},
		{
			"none yet", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:10 asks"},
			[]string{"FIRST 1 BREACHED 3h0m0s"},
		},
		{
			"a bot asks nothing", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 bot-asks", "Mon 11:30 asks"},
			[]string{"FIRST 1 ACTIVE 30m0s"},
		},
		{
			"a ticket that an agent opens has no first response", promise(1, hour, FirstResponse, NextResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 replies", "Mon 11:30 asks"},
			[]string{"NEXT 1 ACTIVE 30m0s"},
		},
		{
			"a bot does not respond", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:01 bot-replies", "Mon 11:00 replies"},
			[]string{"FIRST 1 MET_LATE 2h0m0s"},
		},
		{
			"unless the policy says so", &Policy{Targets: map[Metric]Target{FirstResponse: hour}, BotResponses: true},
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:01 bot-replies"},
			[]string{"FIRST 1 MET 1m0s"},
		},
		{
			"nor does a public note", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:01 notes"},
			[]string{"FIRST 1 BREACHED 3h0m0s"},
		},
		{
			"unless the policy says so", &Policy{Targets: map[Metric]Target{FirstResponse: hour}, NoteResponses: true},
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:01 notes"},
			[]string{"FIRST 1 MET 1m0s"},
		},
		{
			"the first response waits on hold, not while pending", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:00 OPEN", "Mon 09:10 PENDING", "Mon 09:20 OPEN", "Mon 09:30 ON_HOLD"},
			[]string{"FIRST 1 PAUSED 30m0s"},
		},
		{"a policy may pause it while pending", &Policy{
			Targets: map[Metric]Target{FirstResponse: hour},
			Pauses:  map[Metric][]lifecycle.State{FirstResponse: {lifecycle.Pending}},
		}, []string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:00 OPEN", "Mon 09:10 PENDING"}, []string{"FIRST 1 PAUSED 10m0s"}},
		{
			"a breach stays one while paused", promise(1, hour, Resolution),
			[]string{"Mon 09:00 NEW", "Mon 10:30 PENDING"},
			[]string{"RESOLUTION 1 BREACHED 1h30m0s"},
		},
		{
			"each burst of questions waits once", promise(1, hour, NextResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:10 replies", "Mon 09:20 asks", "Mon 09:25 asks", "Mon 09:40 replies", "Mon 11:50 asks"},
			[]string{"NEXT 1 MET 20m0s", "NEXT 2 ACTIVE 10m0s"},
		},
		{
			"a resolution stops every clock", promise(1, hour, Acknowledge, FirstResponse, NextResponse, PeriodicUpdate, Resolution, AgentWork),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:10 replies", "Mon 09:10 OPEN", "Mon 09:20 asks", "Mon 09:30 RESOLVED"},
			[]string{"ACKNOWLEDGE 1 MET 10m0s", "RESOLUTION 1 MET 30m0s", "WORK 1 MET 30m0s", "FIRST 1 MET 10m0s", "UPDATE 1 MET 20m0s", "NEXT 1 MET 10m0s"},
		},
		{
			"without a response, too", promise(1, hour, FirstResponse),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:30 RESOLVED"},
			[]string{"FIRST 1 MET 30m0s"},
		},
		{
			"thanks after it start none", promise(1, hour, FirstResponse, NextResponse, PeriodicUpdate),
			[]string{"Mon 09:00 NEW", "Mon 09:30 RESOLVED", "Mon 09:40 asks", "Mon 09:50 replies"},
			nil,
		},
		{
			"reopening starts a first response and resumes the resolution", promise(1, hour, Acknowledge, FirstResponse, Resolution, AgentWork),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:10 replies", "Mon 09:20 RESOLVED", "Mon 11:00 OPEN", "Mon 11:00 asks", "Mon 11:10 replies", "Mon 11:30 RESOLVED"},
			[]string{"ACKNOWLEDGE 1 MET 10m0s", "RESOLUTION 1 MET 50m0s", "WORK 1 MET 50m0s", "FIRST 1 MET 10m0s", "FIRST 2 MET 10m0s"},
		},
		{
			"on hold the customer waits, the agent does not work", promise(1, hour, PeriodicUpdate, Resolution, AgentWork),
			[]string{"Mon 11:00 NEW", "Mon 11:10 OPEN", "Mon 11:10 replies", "Mon 11:20 ON_HOLD", "Mon 11:40 OPEN", "Mon 11:50 PENDING"},
			[]string{"RESOLUTION 1 PAUSED 50m0s", "WORK 1 PAUSED 30m0s", "UPDATE 1 PAUSED 40m0s"},
		},
		{
			"each update starts the next, a note too", promise(1, hour, PeriodicUpdate),
			[]string{"Mon 09:00 OPEN", "Mon 09:00 replies", "Mon 09:05 bot-replies", "Mon 10:30 notes", "Mon 11:00 auto-replies"},
			[]string{"UPDATE 1 MET_LATE 1h30m0s", "UPDATE 2 BREACHED 1h30m0s"},
		},
		{
			"an apology by a machine is none", promise(1, hour, Acknowledge),
			[]string{"Mon 09:00 NEW", "Mon 09:00 auto-replies", "Mon 09:05 PENDING", "Mon 09:30 notes"},
			[]string{"ACKNOWLEDGE 1 MET 30m0s"},
		},
		{
			"unless the policy says so", &Policy{Targets: map[Metric]Target{Acknowledge: hour}, AutomaticAcknowledges: true},
			[]string{"Mon 09:00 NEW", "Mon 09:01 auto-replies"},
			[]string{"ACKNOWLEDGE 1 MET 1m0s"},
		},
		{
			"merging cancels", promise(1, hour, FirstResponse, Resolution),
			[]string{"Mon 09:00 NEW", "Mon 09:00 asks", "Mon 09:30 MERGED"},
			[]string{"RESOLUTION 1 CANCELLED 30m0s", "FIRST 1 CANCELLED 30m0s"},
		},
		{
			"spam cancels, and a reopening starts anew", promise(1, hour, Resolution),
			[]string{"Mon 09:00 NEW", "Mon 10:30 SPAM", "Mon 11:30 OPEN"},
			[]string{"RESOLUTION 1 CANCELLED 1h30m0s", "RESOLUTION 2 ACTIVE 30m0s"},
		},
		{
			"a pause while paused changes nothing", promise(1, hour, Resolution),
			[]string{"Mon 09:00 OPEN", "Mon 09:10 PENDING", "Mon 09:20 PENDING", "Mon 09:30 OPEN", "Mon 09:40 PENDING"},
			[]string{"RESOLUTION 1 PAUSED 20m0s"},
		},
		{
			"a clock that goes back an hour takes nothing away", promise(1, hour, Resolution),
			[]string{"Mon 09:00 OPEN", "Mon 09:40 PENDING", "Mon 08:40 OPEN", "Mon 09:50 RESOLVED"},
			[]string{"RESOLUTION 1 MET 50m0s"},
		},
		{
			"a log that starts with a message", promise(1, hour, FirstResponse, Resolution),
			[]string{"Mon 11:45 asks"},
			[]string{"RESOLUTION 1 ACTIVE 15m0s", "FIRST 1 ACTIVE 15m0s"},
		},
		{
			"what is still to come is not known", promise(1, hour, Resolution),
			[]string{"Mon 11:45 NEW", "Mon 12:00:00.000000001 RESOLVED"},
			[]string{"RESOLUTION 1 ACTIVE 15m0s"},
		},
		{
			"what comes at this instant is", promise(1, hour, Resolution),
			[]string{"Mon 11:45 NEW", "Mon 12:00 RESOLVED"},
			[]string{"RESOLUTION 1 MET 15m0s"},
		},
		{"no policy, no clock", nil, []string{"Mon 09:00 NEW"}, nil},
		{"no target, no clock", promise(1, Target{}, Resolution), []string{"Mon 09:00 NEW"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := when(t, "Mon 12:00")
			instances := Clocks(History{events(t, tt.log...), within(tt.policy)}, at)
			var got []string
			for i := range instances {
				got = append(got, text(&instances[i]))
				sound(t, &instances[i], at)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A fataler is a *testing.T or *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// sound checks what holds for every instance.
func sound(t fataler, i *Instance, at time.Time) {
	t.Helper()
	end := i.Stop
	if end.IsZero() {
		end = at
	}
	var runs time.Duration
	last := i.Start
	for _, s := range i.Segments {
		if !s.Start.Equal(last) || !s.End.After(s.Start) {
			t.Fatalf("%s: segment from %v to %v after %v", text(i), s.Start, s.End, last)
		}
		if last = s.End; s.State == Running {
			runs += s.End.Sub(s.Start)
		}
	}
	late := i.Elapsed > i.Target.Duration
	switch {
	case !last.Equal(end):
		t.Fatalf("%s: segments end at %v, want %v", text(i), last, end)
	case runs != i.Elapsed || i.Remaining != i.Target.Duration-i.Elapsed:
		t.Fatalf("%s: %v ran, %v remain of %v", text(i), runs, i.Remaining, i.Target.Duration)
	case late != !i.BreachTime.IsZero():
		t.Fatalf("%s: breach time %v", text(i), i.BreachTime)
	case i.State != Cancelled && late != (i.State == Breached || i.State == MetLate):
		t.Fatalf("%s: in this state with %v of %v", text(i), i.Elapsed, i.Target.Duration)
	case !i.Wake.IsZero() && !i.Wake.After(at):
		t.Fatalf("%s: to wake at %v, which is not after %v", text(i), i.Wake, at)
	}
}

// TestDeadlines has the examples that others published, and their bugs.
func TestDeadlines(t *testing.T) {
	weekdays := compile(t, nineToFive("UTC"))
	night := compile(t, daily("UTC", Span{22 * time.Hour, 30 * time.Hour}))
	for _, tt := range []struct {
		name, from string
		schedule   *Schedule
		target     time.Duration
		due        string
		lost       string // the last instant at which an answer keeps the promise
	}{
		{"an hour from Friday 16:30", "Fri 16:30", weekdays, time.Hour, "Mon+1 09:30", "Mon+1 09:30"},
		{"eight hours from Friday 16:00", "Fri 16:00", weekdays, 8 * time.Hour, "Mon+1 16:00", "Mon+1 16:00"},
		{"two hours from Friday 16:00", "Fri 16:00", weekdays, 2 * time.Hour, "Mon+1 10:00", "Mon+1 10:00"},
		{"an hour from 16:59:30", "Mon 16:59:30", weekdays, time.Hour, "Tue 09:59:30", "Tue 09:59:30"},
		{"overnight", "Mon 23:00", night, 8 * time.Hour, "Tue 23:00", "Tue 23:00"},
		{"due in the evening, kept until the morning", "Fri 16:00", weekdays, time.Hour, "Fri 17:00", "Mon+1 09:00"},
		{"around the clock", "Fri 16:30", nil, time.Hour, "Fri 17:30", "Fri 17:30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			policy := promise(1, Target{Duration: tt.target, BusinessTime: true, WarnAt: -1}, Resolution)
			h := History{
				[]Event{{Time: when(t, tt.from), Kind: Moved, State: lifecycle.New}},
				within(policy, InForce{Name: "hours", Schedule: tt.schedule}),
			}
			at := func(at time.Time) *Instance {
				i := Clocks(h, at)
				sound(t, &i[0], at)
				return &i[0]
			}
			due, lost := when(t, tt.due), when(t, tt.lost)
			start := at(when(t, tt.from))
			if !start.Due.Equal(due) || start.State != Active {
				t.Errorf("due %v in state %d, want %v", start.Due, start.State, due)
			}
			if next := Next([]Instance{*start}, start.Start); !next.Equal(lost.Add(1)) {
				t.Errorf("next = %v, want the instant after %v", next, lost)
			}
			if i := at(lost); i.State != Active || i.Remaining != 0 || !i.Wake.Equal(lost.Add(1)) {
				t.Errorf("at the last instant: state %d, %v remain, wakes %v", i.State, i.Remaining, i.Wake)
			}
			i := at(lost.Add(1))
			if i.State != Breached || !i.BreachTime.Equal(lost) || !i.Due.Equal(due) || !i.Wake.IsZero() {
				t.Errorf("after it: state %d, breach %v, due %v, wakes %v", i.State, i.BreachTime, i.Due, i.Wake)
			}
		})
	}
}

func BenchmarkClocks(b *testing.B) {
	s, err := Compile(nineToFive("Europe/Berlin"))
	if err != nil {
		b.Fatal(err)
	}
	for _, business := range []bool{true, false} {
		policy := promise(1, Target{Duration: 8 * time.Hour, BusinessTime: business}, Acknowledge, FirstResponse, NextResponse, PeriodicUpdate, Resolution, AgentWork)
		h := History{Policies: within(policy, InForce{Name: "hours", Schedule: s})}
		kinds := []Event{
			{Kind: Inbound, Actor: lifecycle.Customer},
			{Kind: Reply, Actor: lifecycle.Agent},
			{Kind: Moved, State: lifecycle.Pending},
			{Kind: Inbound, Actor: lifecycle.Customer},
			{Kind: Moved, State: lifecycle.Open},
		}
		for i := range 100 {
			e := kinds[i%len(kinds)]
			e.Time = monday.Add(time.Duration(i) * 100 * time.Minute)
			h.Events = append(h.Events, e)
		}
		at := monday.Add(8 * day)
		b.Run(fmt.Sprintf("100 events, business time %t", business), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Clocks(h, at)
			}
		})
	}
}
