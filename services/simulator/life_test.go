package simulator

import (
	"cmp"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// end is an instant that is no midnight.
var end = time.Date(2026, 3, 31, 15, 4, 5, 0, time.UTC)

func newTestWorld(t *testing.T, opt Options) *world {
	t.Helper()
	opt.End, opt.Profile = end, cmp.Or(opt.Profile, "restaurant")
	w, err := newWorld(opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// calls returns everything a life may send.
func (l *life) calls() []proto.Message {
	var all []proto.Message
	for _, r := range l.touchpoints {
		all = append(all, r)
	}
	for _, s := range l.steps {
		all = append(all, s.call)
		if s.answer != nil {
			all = append(all, s.answer)
		}
	}
	return all
}

func TestALifeDependsOnSeedAndIndexOnly(t *testing.T) {
	t.Parallel()
	w, same, other := newTestWorld(t, Options{Seed: 7}), newTestWorld(t, Options{Seed: 7, Customers: 3}), newTestWorld(t, Options{Seed: 8})
	differ := false
	for i := range 50 {
		a, b, c := live(w, i).calls(), live(same, i).calls(), live(other, i).calls()
		if len(a) != len(b) {
			t.Fatalf("customer %d: %d calls, then %d", i, len(a), len(b))
		}
		for k := range a {
			if !proto.Equal(a[k], b[k]) {
				t.Errorf("customer %d, call %d:\n%v\nthen\n%v", i, k, a[k], b[k])
			}
		}
		differ = differ || len(a) != len(c)
	}
	if !differ {
		t.Error("seeds 7 and 8 made the same lives")
	}
}

func TestEveryCallIsValid(t *testing.T) {
	t.Parallel()
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Profiles() {
		t.Run(p, func(t *testing.T) {
			w := newTestWorld(t, Options{Profile: p, Seed: 1})
			for _, s := range w.surveys() {
				if err := v.Validate(s); err != nil {
					t.Errorf("%v: %v", s, err)
				}
			}
			for _, m := range []proto.Message{w.schedule(), w.policy()} {
				if err := v.Validate(m); err != nil {
					t.Errorf("%v: %v", m, err)
				}
			}
			for _, c := range w.criteria {
				if err := v.Validate(c.definition()); err != nil {
					t.Errorf("%s: %v", c.id, err)
				}
			}
			for i := range 40 {
				for _, m := range live(w, i).calls() {
					if err := v.Validate(m); err != nil {
						t.Fatalf("%v: %v", m, err)
					}
				}
			}
		})
	}
}

// times returns the instants in a call.
func times(m proto.Message) []*timestamppb.Timestamp {
	switch m := m.(type) {
	case *journeyv1.RecordTouchpointRequest:
		return []*timestamppb.Timestamp{m.Touchpoint.EventTime}
	case *ticketv1.CreateTicketRequest:
		return []*timestamppb.Timestamp{m.Ticket.OpenTime}
	case *ticketv1.CreateInteractionRequest:
		return []*timestamppb.Timestamp{m.Interaction.StartTime, m.Interaction.EndTime}
	case *ticketv1.CreateSelfServiceSessionRequest:
		return []*timestamppb.Timestamp{m.SelfServiceSession.StartTime, m.SelfServiceSession.EndTime}
	case *ticketv1.ResolveTicketRequest:
		return []*timestamppb.Timestamp{m.ResolveTime}
	case *surveyv1.CheckEligibilityRequest:
		return []*timestamppb.Timestamp{m.DecideTime}
	case *surveyv1.SubmitResponseRequest:
		return []*timestamppb.Timestamp{m.Response.SubmitTime}
	}
	return nil
}

func TestNothingHappensOutsideTheWindow(t *testing.T) {
	t.Parallel()
	for _, p := range Profiles() {
		w := newTestWorld(t, Options{Profile: p, Seed: 2, Days: 60})
		for i := range 300 {
			for _, m := range live(w, i).calls() {
				at := times(m)
				if len(at) == 0 {
					t.Fatalf("%v has no time", m)
				}
				for _, ts := range at {
					if ts.AsTime().Before(w.start) || !ts.AsTime().Before(w.end) {
						t.Errorf("%s: %v is outside of [%v, %v): %v", p, ts.AsTime(), w.start, w.end, m)
					}
				}
			}
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, Options{Seed: 3})
	seen := map[string]bool{}
	for i := range w.customers {
		for _, m := range live(w, i).calls() {
			var id string
			switch m := m.(type) {
			case *journeyv1.RecordTouchpointRequest:
				id = m.TouchpointId
			case interface{ GetRequestId() string }:
				id = m.GetRequestId()
			}
			if id == "" || seen[id] {
				t.Fatalf("id %q is empty or used twice: %v", id, m)
			}
			seen[id] = true
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, opt := range []Options{
		{},
		{Profile: "bank"},
		{Profile: "it", Customers: -1},
		{Profile: "it", Days: -1},
	} {
		if _, err := Run(t.Context(), nil, opt); err == nil {
			t.Errorf("Run(%+v) did not fail", opt)
		}
	}
}

func TestStepsAreInOrderOfTime(t *testing.T) {
	t.Parallel()
	w := newTestWorld(t, Options{Seed: 4})
	for i := range w.customers {
		l := live(w, i)
		for k := 1; k < len(l.steps); k++ {
			if l.steps[k].at.Before(l.steps[k-1].at) {
				t.Fatalf("customer %d: step %d at %v comes after one at %v", i, k, l.steps[k].at, l.steps[k-1].at)
			}
		}
	}
}
