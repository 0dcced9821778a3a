package sla

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"pgregory.net/rapid"
)

// The random tickets live in seconds from begin, while Berlin skips an hour on the
// second night and New York does not. Questions are asked in the first half; the
// second is there to be looked ahead into.
var begin = time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC)

const ages = 80 * 3600

// A shift is a schedule and, second by second, whether it is open.
type shift struct {
	*Schedule
	open []bool
}

func shifts(t *testing.T) []shift {
	t.Helper()
	const h, m, s = time.Hour, time.Minute, time.Second
	all := []shift{{nil, slices.Repeat([]bool{true}, ages)}}
	for _, c := range []Calendar{
		daily("Europe/Berlin", Span{9 * h, 12 * h}, Span{13 * h, 17 * h}),
		daily("Europe/Berlin", Span{22 * h, 30 * h}),
		daily("America/New_York", Span{8*h + 59*m + 30*s, 20*h + 15*s}),
	} {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		open := make([]bool, ages)
		for i := range open {
			r := readClock(begin.Unix()+int64(i), zone)
			open[i] = c.open(&r)
		}
		all = append(all, shift{compile(t, c), open})
	}
	return all
}

func second(i int) time.Time { return begin.Add(time.Duration(i) * time.Second) }

// A drawn ticket is a history and what the stepper needs to know of it.
type drawn struct {
	History
	shifts []shift
	at     int
}

var tableStates = []lifecycle.State{lifecycle.New, lifecycle.Open, lifecycle.Pending, lifecycle.OnHold, lifecycle.Resolved, lifecycle.Closed, lifecycle.Merged}

func drawPolicy(t *rapid.T) *Policy {
	if rapid.IntRange(0, 7).Draw(t, "none") == 0 {
		return nil
	}
	p := &Policy{
		Revision:     rapid.Int64Range(1, 99).Draw(t, "revision"),
		Targets:      map[Metric]Target{},
		Pauses:       map[Metric][]lifecycle.State{},
		BotResponses: rapid.Bool().Draw(t, "bots"), NoteResponses: rapid.Bool().Draw(t, "notes"),
		AutomaticAcknowledges: rapid.Bool().Draw(t, "automatic"),
	}
	for m := Acknowledge; m < metrics; m++ {
		if rapid.IntRange(0, 4).Draw(t, "promised") > 0 {
			p.Targets[m] = Target{
				Duration:     time.Duration(rapid.IntRange(1, 4000).Draw(t, "target")) * 5 * time.Second,
				BusinessTime: rapid.Bool().Draw(t, "business"),
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "pauses") == 0 {
			p.Pauses[m] = rapid.SliceOf(rapid.SampledFrom(tableStates[:4])).Draw(t, "states")
		}
	}
	return p
}

func drawTicket(t *rapid.T, shifts []shift) *drawn {
	d := &drawn{shifts: shifts, at: rapid.IntRange(3600, ages/2).Draw(t, "at")}
	times := func(n int) []int {
		return rapid.SliceOfN(rapid.IntRange(3600, ages/2), n, n).Draw(t, "times")
	}
	n := rapid.IntRange(1, 25).Draw(t, "events")
	at := times(n)
	slices.Sort(at)
	for i := range n {
		e := Event{
			Time:  second(at[i] - 3600*rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1}).Draw(t, "skew")),
			Kind:  rapid.SampledFrom([]EventKind{Moved, Moved, Moved, Inbound, Inbound, Inbound, Reply, Reply, Reply, PublicNote, Spam}).Draw(t, "kind"),
			Actor: rapid.SampledFrom([]lifecycle.Actor{lifecycle.Agent, lifecycle.Agent, lifecycle.Bot, lifecycle.System}).Draw(t, "actor"),
		}
		switch {
		case e.Kind == Inbound && rapid.Bool().Draw(t, "customer"):
			e.Actor = lifecycle.Customer
		case e.Kind == Moved:
			e.State = rapid.SampledFrom(slices.Concat(tableStates[:5], tableStates[:4], tableStates[:4], tableStates[:4], tableStates)).Draw(t, "state")
		case e.Kind == Spam && rapid.IntRange(0, 3).Draw(t, "no spam") > 0:
			e.Kind = Reply
		}
		d.Events = append(d.Events, e)
	}
	n = rapid.IntRange(0, 4).Draw(t, "policies")
	at = times(n)
	slices.Sort(at)
	for i := range n {
		if i == 0 && rapid.IntRange(0, 4).Draw(t, "from the start") > 0 {
			at[0] = 0
		}
		back := 3600 * rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1}).Draw(t, "skew")
		a := Applied{From: second(at[i] - back), Policy: drawPolicy(t)}
		from := times(rapid.IntRange(0, 3).Draw(t, "schedules"))
		slices.Sort(from)
		for _, f := range from {
			k := rapid.IntRange(0, len(shifts)-1).Draw(t, "schedule")
			a.Schedules = append(a.Schedules, InForce{second(f - back), fmt.Sprint(k), shifts[k].Schedule})
		}
		d.Policies = append(d.Policies, a)
	}
	return d
}

// inForceAt returns the last of n entries whose time has come, or -1. None comes
// before the one ahead of it.
func inForceAt(n int, from func(int) time.Time, at int) int {
	last := -1
	for last+1 < n && !from(last+1).After(second(at)) {
		last++
	}
	return last
}

func (d *drawn) policyAt(at int) (int, *Policy) {
	i := inForceAt(len(d.Policies), func(i int) time.Time { return d.Policies[i].From }, at)
	if i < 0 || d.Policies[i].Policy == nil {
		return i, nil
	}
	return i, d.Policies[i].Policy
}

// scheduleAt returns the shift by which a policy counts in a second.
func (d *drawn) scheduleAt(policy, at int) *shift {
	s := d.Policies[policy].Schedules
	if len(s) == 0 {
		return &d.shifts[0]
	}
	i := max(0, inForceAt(len(s), func(i int) time.Time { return s[i].From }, at))
	for k := range d.shifts {
		if d.shifts[k].Schedule == s[i].Schedule {
			return &d.shifts[k]
		}
	}
	panic("no such shift")
}

// A naive instance is one that the stepper has found, in whole seconds from begin;
// -1 is never.
type naive struct {
	metric                     Metric
	episode, start, stop       int
	cancelled                  bool
	revision                   int64
	elapsed, elapsedLast       int
	warn, due, breach          int
	paused, off                int // seconds of segments
	nextDue, nextWarn, nextOut int // as seen from now; nextOut is the breach
	state                      State
}

// runs is the table: whether a metric runs in a state when the policy does not say.
var runs = map[Metric]string{
	Acknowledge: "NEW OPEN PENDING ON_HOLD", FirstResponse: "NEW OPEN PENDING", NextResponse: "NEW OPEN",
	PeriodicUpdate: "OPEN ON_HOLD", Resolution: "NEW OPEN ON_HOLD", AgentWork: "NEW OPEN",
}

func isLive(s lifecycle.State) bool {
	return s == lifecycle.New || s == lifecycle.Open || s == lifecycle.Pending || s == lifecycle.OnHold
}

func counts(p *Policy, m Metric, s lifecycle.State) bool {
	if states := p.Pauses[m]; states != nil {
		return isLive(s) && !slices.Contains(states, s)
	}
	name := map[lifecycle.State]string{lifecycle.New: "NEW", lifecycle.Open: "OPEN", lifecycle.Pending: "PENDING", lifecycle.OnHold: "ON_HOLD"}[s]
	return name != "" && slices.Contains(strings.Fields(runs[m]), name)
}

// step reads the log for one metric. It returns its instances, unmeasured, and the
// state of the ticket in each second.
func (d *drawn) step(m Metric) (all []*naive, states []lifecycle.State) {
	var state lifecycle.State
	var live *naive
	answered := false
	states = make([]lifecycle.State, d.at+1)
	start := func(at int) {
		live = &naive{metric: m, episode: len(all) + 1, start: at, stop: -1}
		all = append(all, live)
	}
	stop := func(at int, cancel bool) {
		if live != nil {
			live.stop, live.cancelled, live = at, cancel, nil
		}
	}
	to := func(next lifecycle.State, at int, cancel bool) {
		was := state
		state = next
		for i := at; i < len(states); i++ {
			states[i] = next
		}
		switch {
		case isLive(was) && !isLive(next):
			stop(at, cancel)
		case isLive(was) || !isLive(next):
		case m == Acknowledge && was == 0:
			start(at)
		case m == Resolution || m == AgentWork:
			if n := len(all); n > 0 && !all[n-1].cancelled {
				live, all[n-1].stop = all[n-1], -1
			} else {
				start(at)
			}
			fallthrough
		default:
			answered = false
		}
	}
	now := 0
	for _, e := range d.Events {
		if now = max(now, int(e.Time.Sub(begin)/time.Second)); now > d.at {
			break
		}
		if state == 0 && e.Kind != Moved {
			to(lifecycle.New, now, false)
		}
		_, p := d.policyAt(now)
		if p == nil {
			p = &Policy{}
		}
		human := e.Actor == lifecycle.Agent || e.Actor == lifecycle.Bot && p.BotResponses
		answers := human && (e.Kind == Reply || e.Kind == PublicNote && p.NoteResponses)
		public := (e.Kind == Reply || e.Kind == PublicNote) && isLive(state)
		asks := e.Kind == Inbound && e.Actor == lifecycle.Customer && isLive(state)
		switch {
		case e.Kind == Moved:
			to(e.State, now, e.State == lifecycle.Merged)
		case e.Kind == Spam:
			to(lifecycle.Resolved, now, true)
		case m == Acknowledge && public && (human || p.AutomaticAcknowledges):
			stop(now, false)
		case (m == FirstResponse || m == NextResponse) && public && answers:
			stop(now, false)
			answered = true
		case (m == FirstResponse && !answered || m == NextResponse && answered) && asks && live == nil:
			start(now)
		case m == PeriodicUpdate && public && human:
			stop(now, false)
			start(now)
		}
	}
	return all, states
}

// measure counts the seconds of n one by one. It is false if nothing was promised.
func (d *drawn) measure(n *naive, states []lifecycle.State) bool {
	end := n.stop
	if end < 0 {
		end = d.at
	}
	i, p := d.policyAt(end)
	for p == nil || p.Targets[n.metric].Duration == 0 {
		if i < 0 {
			return false
		}
		end, n.cancelled = 0, true
		for _, a := range d.Policies[:i+1] {
			end = max(end, int(a.From.Sub(begin)/time.Second))
		}
		n.stop = end
		if end <= n.start {
			return false
		}
		if i--; i >= 0 {
			p = d.Policies[i].Policy
		}
	}
	target := p.Targets[n.metric]
	limit := int(target.Duration / time.Second)
	open := func(at, by int) bool { return !target.BusinessTime || d.scheduleAt(i, by).open[at] }
	n.warn, n.due, n.breach, n.nextDue, n.nextWarn, n.nextOut, n.revision = -1, -1, -1, -1, -1, -1, p.Revision
	reach := func(at int, warn, due, breach *int) {
		if n.elapsed == limit && *breach < 0 {
			*breach = at
		}
		if n.elapsed++; n.elapsed*5 >= limit*4 && *warn < 0 {
			*warn = at + 1
		}
		if n.elapsed == limit {
			*due = at + 1
		}
	}
	for at := n.start; at < end; at++ {
		if !counts(p, n.metric, states[at]) {
			n.paused++
			continue
		}
		if open(at, end) {
			n.elapsedLast++
		}
		if open(at, at) {
			reach(at, &n.warn, &n.due, &n.breach)
		} else {
			n.off++
		}
	}
	paused := n.stop < 0 && !counts(p, n.metric, states[d.at])
	switch late := n.elapsed > limit; {
	case n.cancelled:
		n.state = Cancelled
	case late && n.stop >= 0:
		n.state = MetLate
	case n.stop >= 0:
		n.state = Met
	case late:
		n.state = Breached
	case paused:
		n.state = Paused
	default:
		n.state = Active
	}
	if n.stop >= 0 || paused {
		return true
	}
	n.nextDue = n.due
	elapsed, warned, breached := n.elapsed, n.warn, n.breach
	for at := d.at; at < ages; at++ { // if nothing else happens
		if open(at, d.at) {
			reach(at, &warned, &n.nextDue, &breached)
		}
	}
	n.elapsed = elapsed
	if warned > d.at {
		n.nextWarn = warned
	}
	if breached >= d.at {
		n.nextOut = breached
	}
	return true
}

// compare says how an instance differs from what the stepper found.
func (n *naive) compare(i *Instance) string {
	at := func(s int) time.Time {
		if s < 0 {
			return time.Time{}
		}
		return second(s)
	}
	wake := at(n.nextWarn)
	if n.nextOut >= 0 && (wake.IsZero() || second(n.nextOut).Before(wake)) {
		wake = second(n.nextOut).Add(1)
	}
	// What is due after the stepper's last second, it does not know.
	beyond := func(t time.Time) bool { return t.After(second(ages)) }
	var paused, off time.Duration
	for _, s := range i.Segments {
		switch s.State {
		case Halted:
			paused += s.End.Sub(s.Start)
		case OffHours:
			off += s.End.Sub(s.Start)
		}
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"metric", i.Metric, n.metric},
		{"episode", i.Episode, n.episode},
		{"revision", i.PolicyRevision, n.revision},
		{"start", i.Start, at(n.start)},
		{"stop", i.Stop, at(n.stop)},
		{"elapsed", i.Elapsed, time.Duration(n.elapsed) * time.Second},
		{"elapsed by the last schedule", i.ElapsedLastSchedule, time.Duration(n.elapsedLast) * time.Second},
		{"paused", paused, time.Duration(n.paused) * time.Second},
		{"out of hours", off, time.Duration(n.off) * time.Second},
		{"state", i.State, n.state},
		{"warning", i.WarnTime, at(n.warn)},
		{"breach", i.BreachTime, at(n.breach)},
		{"due", i.Due, at(n.nextDue)},
		{"wake", i.Wake, wake},
	} {
		if late, ok := c.got.(time.Time); c.got != c.want && (!ok || !beyond(late)) {
			return fmt.Sprintf("%s %d: %s is %v, want %v", runs[i.Metric], i.Episode, c.name, c.got, c.want)
		}
	}
	return ""
}

// TestClocksAgainstAStepper holds random tickets, with pauses, changes of policy
// and of schedule, and clocks that go back, to a re-implementation of the table
// that counts second by second. More of it: go test -rapid.checks=100000.
func TestClocksAgainstAStepper(t *testing.T) {
	shifts := shifts(t)
	found := map[State]int{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 3 {
			compareTicket(rt, drawTicket(rt, shifts), found)
		}
	})
	for s := Active; s <= Cancelled; s++ {
		if found[s] == 0 && !testing.Short() {
			t.Errorf("no instance in state %d", s)
		}
	}
	t.Logf("instances by state: %v", found)
}

func compareTicket(t *rapid.T, d *drawn, found map[State]int) {
	var want []*naive
	for m := Acknowledge; m < metrics; m++ {
		all, states := d.step(m)
		for _, n := range all {
			if d.measure(n, states) {
				want = append(want, n)
			}
		}
	}
	got := Clocks(d.History, second(d.at))
	if !slices.IsSortedFunc(got, func(a, b Instance) int { return a.Start.Compare(b.Start) }) {
		t.Fatal("the instances are not in the order of their starts")
	}
	slices.SortStableFunc(got, func(a, b Instance) int { return int(a.Metric - b.Metric) })
	if len(got) != len(want) {
		t.Fatalf("%d instances, want %d", len(got), len(want))
	}
	for i := range got {
		sound(t, &got[i], second(d.at))
		if diff := want[i].compare(&got[i]); diff != "" {
			t.Fatal(diff)
		}
		found[got[i].State]++
	}
}
