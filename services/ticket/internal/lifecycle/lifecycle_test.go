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
	resolve := func(s Status) (Status, error) { return s.Resolve(Resolution{Outcome: solved, Time: noon}, noon) }
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
		{"a message after the window finds it closed", ReopenWindow + time.Microsecond, Inbound, Resolved, true},
		{"an answer after the window is recorded", ReopenWindow + time.Microsecond, Outbound, Resolved, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := in(Resolved).Act(Interaction{Kind: Message, Direction: tt.direction, Actor: Customer, Start: noon.Add(tt.after)})
			illegal, late := errors.AsType[*Illegal](err)
			if got.State != tt.want || late != tt.late {
				t.Fatalf("Act = %+v, %v, want state %d, refused %t", got, err, tt.want, tt.late)
			}
			if late && (illegal.From != Closed || len(illegal.Allowed) != 0) {
				t.Errorf("refusal = %+v, want that of a closed ticket", illegal)
			}
			if got.State == Open && got != (Status{State: Open, ReopenCount: 1}) {
				t.Errorf("Act = %+v, want an open ticket, reopened once, without resolution", got)
			}
		})
	}
}

// TestMoves is what each move makes of each state. Zero stands for a refusal.
func TestMoves(t *testing.T) {
	hour := noon.Add(time.Hour)
	handed := func(s Status, at time.Time) (Status, error) { return s.Escalate(at, true) }
	raised := func(s Status, at time.Time) (Status, error) { return s.Escalate(at, false) }
	merge := func(s Status, _ time.Time) (Status, error) { return s.Merge() }
	for _, tt := range []struct {
		name string
		move func(Status, time.Time) (Status, error)
		want map[State]State
	}{
		{"assign", Status.Assign, map[State]State{New: Open, Open: Open, Pending: Pending, OnHold: OnHold, Resolved: Resolved}},
		{"escalate to somebody", handed, map[State]State{New: Open, Open: Open, Pending: Pending, OnHold: OnHold}},
		{"escalate", raised, map[State]State{New: New, Open: Open, Pending: Pending, OnHold: OnHold}},
		{"pend", Status.Pend, map[State]State{Open: Pending, Pending: Pending}},
		{"hold", Status.Hold, map[State]State{Open: OnHold, OnHold: OnHold}},
		{"resume", Status.Resume, map[State]State{Open: Open, Pending: Open, OnHold: Open}},
		{"reopen", Status.Reopen, map[State]State{Resolved: Open}},
		{"close", Status.Close, map[State]State{Resolved: Closed}},
		{"merge", merge, map[State]State{New: Merged, Open: Merged, Pending: Merged, OnHold: Merged}},
	} {
		for from := New; from <= Merged; from++ {
			got, err := tt.move(in(from), hour)
			want := tt.want[from]
			illegal, refused := errors.AsType[*Illegal](err)
			switch {
			case want == 0 && (!refused || illegal.From != from || !slices.Equal(illegal.Allowed, moves[from]) || got != in(from)):
				t.Errorf("%s in state %d = %+v, %v, want it refused with the legal moves", tt.name, from, got, err)
			case want != 0 && (err != nil || got.State != want):
				t.Errorf("%s in state %d = %+v, %v, want state %d", tt.name, from, got, err, want)
			case want != 0 && want != from && !slices.Contains(moves[from], want):
				t.Errorf("%s moved from %d to %d, which the table does not list", tt.name, from, want)
			}
		}
	}
}

func TestAfterTheWindowATicketIsClosed(t *testing.T) {
	late := noon.Add(ReopenWindow + time.Microsecond)
	for name, move := range map[string]func(Status, time.Time) (Status, error){
		"assign": Status.Assign, "reopen": Status.Reopen, "pend": Status.Pend, "resume": Status.Resume,
	} {
		_, err := move(in(Resolved), late)
		if illegal, ok := errors.AsType[*Illegal](err); !ok || illegal.From != Closed || len(illegal.Allowed) != 0 {
			t.Errorf("%s = %v, want the refusal of a closed ticket", name, err)
		}
	}
	if _, err := in(Resolved).Reopen(noon.Add(ReopenWindow)); err != nil {
		t.Errorf("reopening at the last instant = %v", err)
	}
	closed, err := in(Resolved).Close(late.Add(time.Hour))
	if err != nil || !closed.CloseTime.Equal(noon.Add(ReopenWindow)) {
		t.Errorf("Close = %+v, %v, want it closed when the window ended", closed, err)
	}
	if early, _ := in(Resolved).Close(noon.Add(time.Hour)); !early.CloseTime.Equal(noon.Add(time.Hour)) {
		t.Errorf("Close = %+v, want it closed then", early)
	}
}

func TestCounts(t *testing.T) {
	cents := int64(5)
	botReply := reply
	botReply.Actor = Bot
	early := reply
	early.Start = noon
	var c Counts
	s := in(New)
	for _, step := range []struct {
		i     Interaction
		agent string
		cost  *int64
		want  Counts
	}{
		{inbound, "", nil, Counts{Interactions: 1, Contacts: 1}},
		{internal, "bo", &cents, Counts{Interactions: 2, Contacts: 1, CostMicros: 5, Costed: 1}},
		{botReply, "", nil, Counts{Interactions: 3, Contacts: 2, CostMicros: 5, Costed: 1}},
		{after(inbound), "", nil, Counts{Interactions: 4, Contacts: 3, InboundAfter: 1, CostMicros: 5, Costed: 1}},
		{after(reply), "bo", &cents, Counts{Interactions: 5, Contacts: 4, InboundAfter: 1, Responder: "bo", CostMicros: 10, Costed: 2}},
		{after(reply), "bo", nil, Counts{Interactions: 6, Contacts: 5, InboundAfter: 1, Responder: "bo", CostMicros: 10, Costed: 2}},
		{early, "cy", nil, Counts{Interactions: 7, Contacts: 6, InboundAfter: 1, Responder: "cy", OtherResponder: true, CostMicros: 10, Costed: 2}},
	} {
		next, err := s.Act(step.i)
		if err != nil {
			t.Fatal(err)
		}
		c, s = c.Add(step.i, step.agent, step.cost, s, next), next
		if c != step.want {
			t.Errorf("counts = %+v, want %+v", c, step.want)
		}
	}
}

// after returns i an hour later.
func after(i Interaction) Interaction {
	i.Start = i.Start.Add(time.Hour)
	return i
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
		given Resolution
		want  Resolution
	}{
		{"now", in(Open), Resolution{Outcome: solved}, Resolution{solved, false, later}},
		{"at a time", in(Open), Resolution{solved, true, noon}, Resolution{solved, true, noon}},
		{"again, the same", in(Resolved), Resolution{solved, false, noon}, Resolution{solved, false, noon}},
		{"again, with the customer's word", in(Resolved), Resolution{solved, true, noon}, Resolution{solved, true, noon}},
		{"again with another outcome", in(Resolved), Resolution{Outcome: unsolved}, Resolution{unsolved, false, noon}},
		{"again with another outcome at a time", in(Resolved), Resolution{unsolved, false, later}, Resolution{unsolved, false, later}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.from.Resolve(tt.given, later)
			want := Status{State: Resolved, ResolveTime: tt.want.Time, Outcome: tt.want.Outcome, Confirmed: tt.want.Confirmed}
			if err != nil || got != want {
				t.Errorf("Resolve = %+v, %v, want %+v", got, err, want)
			}
		})
	}
	for _, again := range []Resolution{{Outcome: solved}, {Outcome: solved, Confirmed: true}, {solved, false, later}} {
		_, err := in(Resolved).Resolve(again, later)
		if illegal, ok := errors.AsType[*Illegal](err); !ok || !slices.Equal(illegal.Allowed, moves[Resolved]) {
			t.Errorf("resolved again as %+v = %v, want it refused with the legal moves", again, err)
		}
	}
	confirmed := in(Resolved)
	confirmed.Confirmed = true
	if got, err := confirmed.Resolve(Resolution{solved, false, noon}, later); err != nil || !got.Confirmed {
		t.Errorf("resolved again = %+v, %v, want the customer's word kept", got, err)
	}
}
