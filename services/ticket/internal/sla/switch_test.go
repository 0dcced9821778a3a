package sla

import (
	"slices"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"pgregory.net/rapid"
)

// TestSwitches has a ticket that opens on Monday at 09:00, waits for the customer
// from 10:00 to 11:00, and changes policy or schedule.
func TestSwitches(t *testing.T) {
	weekdays := compile(t, nineToFive("UTC"))
	short := compile(t, daily("UTC", Span{9 * time.Hour, 12 * time.Hour}))
	log := []string{"Mon 09:00 NEW", "Mon 10:00 PENDING", "Mon 11:00 OPEN"}
	hours := func(n int, business bool) *Policy {
		return promise(int64(n), Target{Duration: time.Duration(n) * time.Hour, BusinessTime: business}, Resolution)
	}
	unpaused := hours(3, false)
	unpaused.Pauses = map[Metric][]lifecycle.State{Resolution: {}}
	from := func(s string, p *Policy, schedules ...InForce) Applied { return Applied{when(t, s), p, schedules} }
	for _, tt := range []struct {
		name     string
		policies []Applied
		more     string // the last event
		at       string
		want     string
		revision int64
		due      string
		breach   string
		last     time.Duration // elapsed by the last schedule, if other than elapsed
	}{
		{
			"a new policy keeps the pause",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 11:30", hours(4, false))},
			"", "Mon 12:00", "RESOLUTION 1 ACTIVE 2h0m0s", 4, "Mon 14:00", "", 0,
		},
		{
			"and may find it breached already",
			[]Applied{from("Mon 09:00", hours(8, false)), from("Mon 14:00", hours(2, false))},
			"", "Mon 14:00", "RESOLUTION 1 BREACHED 4h0m0s", 2, "Mon 12:00", "Mon 12:00", 0,
		},
		{
			"and may not pause",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 11:30", unpaused)},
			"", "Mon 12:00:00.000000001", "RESOLUTION 1 BREACHED 3h0m0.000000001s", 3, "Mon 12:00", "Mon 12:00", 0,
		},
		{
			"a policy that comes late counts from the opening",
			[]Applied{from("Mon 11:30", hours(4, false))},
			"", "Mon 12:00", "RESOLUTION 1 ACTIVE 2h0m0s", 4, "Mon 14:00", "", 0,
		},
		{
			"one that comes after the resolution changes nothing",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 13:00", hours(1, false))},
			"Mon 12:00 RESOLVED", "Tue 12:00", "RESOLUTION 1 MET 2h0m0s", 2, "", "", 0,
		},
		{
			"business time may begin to count",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 18:00", hours(4, true), InForce{Name: "weekdays", Schedule: weekdays})},
			"", "Mon 18:00", "RESOLUTION 1 BREACHED 7h0m0s", 4, "Mon 14:00", "Mon 14:00", 0,
		},
		{
			"taking the policy away cancels",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 11:30", nil)},
			"", "Mon 12:00", "RESOLUTION 1 CANCELLED 1h30m0s", 2, "", "", 0,
		},
		{
			"taking the target away, too",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 11:15", promise(9, Target{Duration: 1}, AgentWork)), from("Mon 11:30", nil)},
			"", "Mon 12:00", "RESOLUTION 1 CANCELLED 1h15m0s", 2, "", "", 0,
		},
		{
			"giving it back forgets nothing",
			[]Applied{from("Mon 09:00", hours(2, false)), from("Mon 11:10", nil), from("Mon 11:20", hours(3, false))},
			"", "Mon 12:00", "RESOLUTION 1 ACTIVE 2h0m0s", 3, "Mon 13:00", "", 0,
		},
		{
			"each schedule counts while it is in force",
			[]Applied{from("Mon 09:00", hours(8, true),
				InForce{Name: "short", Schedule: short}, InForce{when(t, "Mon 15:00"), "weekdays", weekdays})},
			"", "Mon 16:00", "RESOLUTION 1 ACTIVE 3h0m0s", 8, "Tue 13:00", "", 6 * time.Hour,
		},
		{
			"from that instant on",
			[]Applied{from("Mon 09:00", hours(8, true), InForce{Name: "short", Schedule: short}, InForce{when(t, "Mon 16:00"), "weekdays", weekdays})},
			"", "Mon 16:00", "RESOLUTION 1 ACTIVE 2h0m0s", 8, "Tue 14:00", "", 6 * time.Hour,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := events(t, log...)
			if tt.more != "" {
				log = append(log, event(t, tt.more))
			}
			at := when(t, tt.at)
			instances := Clocks(History{log, tt.policies}, at)
			i := slices.IndexFunc(instances, func(i Instance) bool { return i.Metric == Resolution })
			if i < 0 {
				t.Fatal("no instance")
			}
			got := &instances[i]
			sound(t, got, at)
			if text(got) != tt.want || got.PolicyRevision != tt.revision {
				t.Errorf("got %s by revision %d, want %s by %d", text(got), got.PolicyRevision, tt.want, tt.revision)
			}
			for _, c := range []struct {
				name, want string
				got        time.Time
			}{{"due", tt.due, got.Due}, {"breach", tt.breach, got.BreachTime}} {
				if c.want == "" && !c.got.IsZero() || c.want != "" && !c.got.Equal(when(t, c.want)) {
					t.Errorf("%s %v, want %s", c.name, c.got, c.want)
				}
			}
			if want := max(tt.last, got.Elapsed); got.ElapsedLastSchedule != want {
				t.Errorf("by the last schedule %v, want %v", got.ElapsedLastSchedule, want)
			}
		})
	}
}

func TestSegmentsProveTheElapsedTime(t *testing.T) {
	hours := InForce{Name: "weekdays", Schedule: compile(t, nineToFive("UTC"))}
	policy := promise(1, Target{Duration: 4 * time.Hour, BusinessTime: true}, Resolution)
	log := events(t, "Mon 08:00 NEW", "Mon 10:00 OPEN", "Mon 11:00 PENDING", "Mon 15:00 OPEN", "Mon 16:00 RESOLVED", "Wed 16:30 OPEN", "Wed 20:00 RESOLVED")
	i := Clocks(History{log, within(policy, hours)}, when(t, "Fri 12:00"))[0]
	want := []Segment{
		{when(t, "Mon 08:00"), when(t, "Mon 09:00"), OffHours, "weekdays", ""},
		{when(t, "Mon 09:00"), when(t, "Mon 11:00"), Running, "weekdays", ""},
		{when(t, "Mon 11:00"), when(t, "Mon 15:00"), Halted, "", "PENDING"},
		{when(t, "Mon 15:00"), when(t, "Mon 16:00"), Running, "weekdays", ""},
		{when(t, "Mon 16:00"), when(t, "Wed 16:30"), Halted, "", "RESOLVED"},
		{when(t, "Wed 16:30"), when(t, "Wed 17:00"), Running, "weekdays", ""},
		{when(t, "Wed 17:00"), when(t, "Wed 20:00"), OffHours, "weekdays", ""},
	}
	if !slices.Equal(i.Segments, want) {
		t.Errorf("segments %v, want %v", i.Segments, want)
	}
	if i.Elapsed != 3*time.Hour+30*time.Minute || i.State != Met || !i.WarnTime.Equal(when(t, "Wed 16:42")) {
		t.Errorf("%s, warned %v, want 3h30m and a warning after 3h12m", text(&i), i.WarnTime)
	}
}

func TestATimerWakesForWarningAndBreach(t *testing.T) {
	policy := promise(1, Target{Duration: time.Hour}, Resolution)
	policy.Targets[AgentWork] = Target{Duration: 2 * time.Hour, WarnAt: .5}
	policy.Targets[Acknowledge] = Target{Duration: 90 * time.Minute, WarnAt: 1}
	h := History{events(t, "Mon 09:00 NEW"), within(policy)}
	at := when(t, "Mon 09:00")
	var got []string
	for range 10 {
		if at = Next(Clocks(h, at), at); at.IsZero() {
			break
		}
		got = append(got, at.Format("15:04:05.000000000"))
	}
	want := []string{"09:48:00.000000000", "10:00:00.000000000", "10:00:00.000000001", "10:30:00.000000001", "11:00:00.000000001"}
	if !slices.Equal(got, want) {
		t.Errorf("wakes at %q, want %q", got, want)
	}
}

func TestATargetBeyondTheCalendarIsNeverDue(t *testing.T) {
	c := Calendar{Zone: "UTC"}
	c.Week[time.Monday] = []Span{{0, time.Second}}
	hours := InForce{Schedule: compile(t, c)}
	for _, target := range []Target{
		{Duration: time.Hour, BusinessTime: true}, {Duration: 1<<63 - 1}, {Duration: 1<<63 - 1, BusinessTime: true},
	} {
		i := Clocks(History{events(t, "Mon 09:00 NEW"), within(promise(1, target, Resolution), hours)}, when(t, "Tue 09:00"))[0]
		if i.State != Active || !i.Due.IsZero() || !i.Wake.IsZero() {
			t.Errorf("target %v: state %d, due %v, wakes %v, want none", target, i.State, i.Due, i.Wake)
		}
	}
}

// A longer pause never makes more time count, nor brings the end nearer.
func TestMorePauseIsNeverEarlier(t *testing.T) {
	hours := InForce{Schedule: compile(t, daily("Europe/Berlin", Span{22 * time.Hour, 30 * time.Hour}))}
	rapid.Check(t, func(t *rapid.T) {
		target := Target{Duration: time.Duration(rapid.Int64Range(1, int64(20*day)).Draw(t, "target")), BusinessTime: rapid.Bool().Draw(t, "business")}
		minutes := rapid.SliceOfNDistinct(rapid.IntRange(1, 14*24*60), 2, 10, rapid.ID).Draw(t, "minutes")
		slices.Sort(minutes)
		longer := rapid.IntRange(1, len(minutes)-1).Draw(t, "longer")
		log := []Event{{Time: begin, Kind: Moved, State: lifecycle.Open}}
		for i, m := range minutes {
			log = append(log, Event{Time: begin.Add(time.Duration(m) * time.Minute), Kind: Moved, State: lifecycle.Open + lifecycle.State((i+1)%2)})
		}
		if len(log)%2 == 0 {
			log = append(log, Event{Time: begin.Add(15 * day), Kind: Moved, State: lifecycle.Open})
		}
		more := slices.Clone(log) // but one pause is longer
		if more[longer].State == lifecycle.Pending {
			more[longer].Time = more[longer-1].Time
		} else {
			more[longer].Time = more[longer+1].Time
		}
		at := begin.Add(16 * day)
		less := Clocks(History{log, within(promise(1, target, Resolution), hours)}, at)[0]
		got := Clocks(History{more, within(promise(1, target, Resolution), hours)}, at)[0]
		if got.Elapsed > less.Elapsed || !got.Due.IsZero() && got.Due.Before(less.Due) || !got.BreachTime.IsZero() && got.BreachTime.Before(less.BreachTime) {
			t.Fatalf("with more pause %v, due %v, breach %v; with less %v, %v, %v",
				got.Elapsed, got.Due, got.BreachTime, less.Elapsed, less.Due, less.BreachTime)
		}
	})
}
