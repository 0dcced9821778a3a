package sla

import (
	"math"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// running is the stop of an episode that has none yet.
const running = math.MaxInt64

// An episode is an instance before anything is measured: what the log alone says.
type episode struct {
	metric      Metric
	number      int
	start, stop int64
	cancelled   bool
	move        int // the index of the state in which it starts
}

// A move is a state of the ticket from an instant on.
type move struct {
	at    int64
	state lifecycle.State
}

// A log is what the events of a ticket amount to.
type log struct {
	moves    []move
	episodes []episode

	policies timeline
	policy   int             // the one in force, or -1
	present  [metrics]int    // 1 + the index of each metric's latest episode
	numbers  [metrics]int    // of the latest episodes
	state    lifecycle.State // zero before the ticket opens
	answered bool            // since the ticket opened or reopened
}

// read goes through the events until at.
func read(events []Event, policies timeline, at int64) log {
	l := log{
		policies: policies, policy: -1,
		moves: make([]move, 0, len(events)), episodes: make([]episode, 0, len(events)),
	}
	now := int64(math.MinInt64)
	for i := range events {
		if now = max(now, nanos(events[i].Time)); now > at {
			break
		}
		for l.policy+1 < len(policies) && policies[l.policy+1].from <= now {
			l.policy++
		}
		l.take(&events[i], now)
	}
	return l
}

func (l *log) take(e *Event, now int64) {
	if l.state == 0 && e.Kind != Moved {
		l.move(lifecycle.New, now)
	}
	switch e.Kind {
	case Moved:
		l.move(e.State, now)
	case Spam:
		l.stop(now, true)
		l.move(lifecycle.Resolved, now)
	case Inbound:
		if e.Actor == lifecycle.Customer && live(l.state) {
			l.ask(now)
		}
	case Reply, PublicNote:
		if live(l.state) {
			l.speak(e, now)
		}
	}
}

// live reports whether a ticket in s still waits for its resolution.
func live(s lifecycle.State) bool { return s >= lifecycle.New && s < lifecycle.Resolved }

func (l *log) move(to lifecycle.State, now int64) {
	from := l.state
	if from == to {
		return
	}
	l.state = to
	l.moves = append(l.moves, move{now, to})
	switch {
	case from == 0 && live(to):
		l.start(Acknowledge, now)
		l.start(Resolution, now)
		l.start(AgentWork, now)
	case live(to) && !live(from):
		l.answered = false
		l.resume(Resolution, now)
		l.resume(AgentWork, now)
	case live(from) && !live(to):
		l.stop(now, to == lifecycle.Merged)
	}
}

// ask is a message of the customer.
func (l *log) ask(now int64) {
	metric := FirstResponse
	if l.answered {
		metric = NextResponse
	}
	if !l.runs(metric) {
		l.start(metric, now)
	}
}

// speak is a public message to the customer.
func (l *log) speak(e *Event, now int64) {
	policy := &Policy{}
	if l.policy >= 0 && l.policies[l.policy].policy != nil {
		policy = l.policies[l.policy].policy
	}
	if policy.acknowledges(e) {
		l.end(Acknowledge, now)
	}
	if policy.responds(e) {
		l.end(FirstResponse, now)
		l.end(NextResponse, now)
		l.answered = true
	}
	if policy.updates(e) {
		l.end(PeriodicUpdate, now)
		l.start(PeriodicUpdate, now)
	}
}

func (l *log) start(m Metric, now int64) {
	l.numbers[m]++
	l.episodes = append(l.episodes, episode{
		metric: m, number: l.numbers[m], start: now, stop: running, move: len(l.moves) - 1,
	})
	l.present[m] = len(l.episodes)
}

// resume lets the latest episode of m go on, or starts one if that was cancelled.
func (l *log) resume(m Metric, now int64) {
	if i := l.present[m]; i > 0 && !l.episodes[i-1].cancelled {
		l.episodes[i-1].stop = running
		return
	}
	l.start(m, now)
}

func (l *log) runs(m Metric) bool {
	i := l.present[m]
	return i > 0 && l.episodes[i-1].stop == running
}

func (l *log) end(m Metric, now int64) {
	if l.runs(m) {
		l.episodes[l.present[m]-1].stop = now
	}
}

// stop ends all that runs.
func (l *log) stop(now int64, cancel bool) {
	for m := range metrics {
		if l.runs(m) {
			e := &l.episodes[l.present[m]-1]
			e.stop, e.cancelled = now, cancel
		}
	}
}
