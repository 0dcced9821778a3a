package plan

import (
	"testing"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const day = int64(24 * time.Hour / time.Microsecond)

func TestATraceTellsWhatAJourneyAmountsTo(t *testing.T) {
	trace := NewTrace(2 * 24 * time.Hour)
	for _, s := range []Step{
		{Time: 1 * day, Stage: awareness, Channel: outdoor},
		{Time: 2 * day, Stage: consideration, Channel: web, Expectation: typev1.Expectation_EXPECTATION_MET},
		{Time: 3 * day, Stage: consideration}, // nobody knows where
		{Time: 4 * day, Stage: decision, Channel: web, Expectation: typev1.Expectation_EXPECTATION_EXCEEDED},
		{Time: 5 * day, Stage: retention, Channel: phone, Service: true, Ticket: "tickets/1", Expectation: typev1.Expectation_EXPECTATION_UNMET},
		{Time: 6 * day, Stage: retention, Channel: web},
		{Time: 7 * day, Stage: retention, Channel: mail, Service: true, Ticket: "tickets/1"},   // two days after the call
		{Time: 10 * day, Stage: retention, Channel: phone, Service: true, Ticket: "tickets/1"}, // too late
		{Time: 11 * day, Stage: decision, Channel: phone, Service: true, Ticket: "tickets/2"},
	} {
		trace.Add(s)
	}
	if got := trace.Whole; got != (Count{Steps: 9, Service: 4, Expectations: [4]int64{6, 1, 1, 1}, First: day, Last: 11 * day}) {
		t.Errorf("whole = %+v", got)
	}
	if got := trace.Stages[retention]; got != (Count{Steps: 4, Service: 3, Expectations: [4]int64{3, 1, 0, 0}, First: 5 * day, Last: 10 * day}) {
		t.Errorf("retention = %+v", got)
	}
	if trace.Switches != 5 || trace.TicketSwitches != 1 {
		t.Errorf("%d switches, %d within a ticket, want 5 and 1", trace.Switches, trace.TicketSwitches)
	}
	if !trace.Decided || trace.Steps != 3 || trace.DecidedAt != 4*day || trace.Stage != decision {
		t.Errorf("decided %v after %d steps at %d; now %v", trace.Decided, trace.Steps, trace.DecidedAt, trace.Stage)
	}
	if n := len(trace.Channels[retention]); n != 3 {
		t.Errorf("%d channels of the stage, want 3", n)
	}
}

func TestAConversionIsInTimeLateOrOpen(t *testing.T) {
	const window = 21 * 24 * time.Hour
	for _, tt := range []struct {
		name             string
		decided, asOf    int64 // days after the first step; 0 for never
		converted, known bool
	}{
		{"on the last day", 21, 100, true, true},
		{"a day late", 22, 100, false, true},
		{"still open", 0, 21, false, false},
		{"no longer open", 0, 22, false, true},
	} {
		trace := NewTrace(0)
		trace.Add(Step{Time: day, Stage: awareness})
		if tt.decided > 0 {
			trace.Add(Step{Time: day + tt.decided*day, Stage: decision})
		}
		if converted, known := trace.Converted(window, day+tt.asOf*day); converted != tt.converted || known != tt.known {
			t.Errorf("%s: %v, known %v", tt.name, converted, known)
		}
	}
	if _, known := NewTrace(0).Converted(window, 1e15); known {
		t.Error("nobody's conversion is known")
	}
}
