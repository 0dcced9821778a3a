package lifecycle

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2013, 1, 7, 12, 0, 0, 0, time.UTC)

const (
	solved   Outcome = 1
	unsolved Outcome = 3
)

// in returns a status in state s: resolved at noon if it is settled.
func in(s State) Status {
	st := Status{State: s}
	if s >= Resolved {
		st.ResolveTime, st.Outcome = noon, solved
	}
	return st
}

var (
	inbound  = Interaction{Kind: Message, Direction: Inbound, Actor: Customer, Start: noon.Add(time.Hour)}
	reply    = Interaction{Kind: Message, Direction: Outbound, Actor: Agent, Start: noon.Add(time.Hour)}
	remark   = Interaction{Kind: Note, Direction: Outbound, Actor: Agent, Start: noon.Add(time.Hour)}
	internal = Interaction{Kind: Note, Direction: Internal, Actor: Agent, Start: noon.Add(time.Hour)}
)

// TestStates is the state machine: what each event makes of each state. Zero
// stands for a refusal.
func TestStates(t *testing.T) {
	resolve := func(s Status) (Status, error) { return s.Resolve(solved, noon, noon) }
	act := func(i Interaction) func(Status) (Status, error) {
		return func(s Status) (Status, error) { return s.Act(i) }
	}
	for _, tt := range []struct {
		name  string
		event func(Status) (Status, error)
		want  map[State]State
	}{
		{"inbound", act(inbound), map[State]State{New: New, Open: Open, Pending: Open, OnHold: OnHold, Resolved: Open}},
		{"response", act(reply), map[State]State{New: Open, Open: Open, Pending: Pending, OnHold: OnHold, Resolved: Resolved}},
		{"outbound remark", act(remark), map[State]State{New: New, Open: Open, Pending: Pending, OnHold: OnHold, Resolved: Resolved}},
		{"internal note", act(internal), map[State]State{New: New, Open: Open, Pending: Pending, OnHold: OnHold, Resolved: Resolved}},
		{"resolution", resolve, map[State]State{New: Resolved, Open: Resolved, Pending: Resolved, OnHold: Resolved, Resolved: Resolved}},
	} {
		for from := New; from <= Merged; from++ {
			got, err := tt.event(in(from))
			want := tt.want[from]
			if want == 0 {
				illegal, ok := errors.AsType[*Illegal](err)
				if !ok || illegal.From != from || len(illegal.Allowed) != 0 || got != in(from) {
					t.Errorf("%s in state %d = %v, %v, want it refused", tt.name, from, got, err)
				}
				continue
			}
			if err != nil || got.State != want {
				t.Errorf("%s in state %d = %v, %v, want state %d", tt.name, from, got, err, want)
			}
			if got.State != from && !slices.Contains(moves[from], got.State) {
				t.Errorf("%s moved from %d to %d, which the table does not list", tt.name, from, got.State)
			}
		}
	}
}

func TestReopening(t *testing.T) {
	for _, tt := range []struct {
		name      string
		after     time.Duration // the resolution
		direction Direction
		want      State
		late      bool
	}{
		{"a message recorded late leaves it resolved", -time.Microsecond, Inbound, Resolved, false},
		{"a message at that instant reopens", 0, Inbound, Open, false},
		{"a message at the last instant reopens", ReopenWindow, Inbound, Open, false},
		{"a message after the window is refused", ReopenWindow + time.Microsecond, Inbound, Resolved, true},
		{"an answer after the window is recorded", ReopenWindow + time.Microsecond, Outbound, Resolved, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := in(Resolved).Act(Interaction{Kind: Message, Direction: tt.direction, Actor: Customer, Start: noon.Add(tt.after)})
			illegal, late := errors.AsType[*Illegal](err)
			if got.State != tt.want || late != tt.late {
				t.Fatalf("Act = %+v, %v, want state %d, refused %t", got, err, tt.want, tt.late)
			}
			if late && (!illegal.Late || !slices.Equal(illegal.Allowed, []State{Closed})) {
				t.Errorf("refusal = %+v, want it late and CLOSED allowed", illegal)
			}
			if got.State == Open && got != (Status{State: Open, ReopenCount: 1}) {
				t.Errorf("Act = %+v, want an open ticket, reopened once, without resolution", got)
			}
		})
	}
}

func TestCountsAsResponse(t *testing.T) {
	var got []Interaction
	for kind := Message; kind <= StatusUpdate; kind++ {
		for direction := Inbound; direction <= Internal; direction++ {
			for actor := Agent; actor <= System; actor++ {
				if i := (Interaction{Kind: kind, Direction: direction, Actor: actor}); i.CountsAsResponse() {
					got = append(got, i)
				}
			}
		}
	}
	want := []Interaction{
		{Kind: Message, Direction: Outbound, Actor: Agent},
		{Kind: Message, Direction: Outbound, Actor: Bot},
		{Kind: Call, Direction: Outbound, Actor: Agent},
		{Kind: Call, Direction: Outbound, Actor: Bot},
		{Kind: Visit, Direction: Outbound, Actor: Agent},
		{Kind: Visit, Direction: Outbound, Actor: Bot},
	}
	if !slices.Equal(got, want) {
		t.Errorf("responses = %v, want %v", got, want)
	}
}

func TestTheEarliestResponseIsTheFirst(t *testing.T) {
	s := in(New)
	for _, at := range []time.Duration{2 * time.Hour, 3 * time.Hour, -time.Hour, time.Hour} {
		i := reply
		i.Start = noon.Add(at)
		var err error
		if s, err = s.Act(i); err != nil {
			t.Fatal(err)
		}
	}
	if want := noon.Add(-time.Hour); !s.FirstResponse.Equal(want) {
		t.Errorf("first response = %v, want %v", s.FirstResponse, want)
	}
	if s, _ := in(New).Act(inbound); !s.FirstResponse.IsZero() {
		t.Errorf("first response = %v, want none from the customer", s.FirstResponse)
	}
}

func TestResolve(t *testing.T) {
	later := noon.Add(time.Hour)
	for _, tt := range []struct {
		name  string
		from  Status
		given time.Time
		want  Outcome
		at    time.Time
	}{
		{"now", in(Open), time.Time{}, solved, later},
		{"at a time", in(Open), noon.Add(-time.Hour), solved, noon.Add(-time.Hour)},
		{"again with the same outcome", in(Resolved), later, solved, noon},
		{"again with another outcome", in(Resolved), time.Time{}, unsolved, noon},
		{"again with another outcome at a time", in(Resolved), later, unsolved, later},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.from.Resolve(tt.want, tt.given, later)
			want := Status{State: Resolved, ResolveTime: tt.at, Outcome: tt.want}
			if err != nil || got != want {
				t.Errorf("Resolve = %+v, %v, want %+v", got, err, want)
			}
		})
	}
}
