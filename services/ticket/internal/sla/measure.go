package sla

import (
	"math"
	"time"
)

// never is an instant that has not come.
const never = math.MinInt64

// A measurer turns episodes into instances, one at a time.
type measurer struct {
	at       int64
	policies timeline
	log      log
	always   [1]inForce
	extent   extent
	segments []Segment // of all instances
	pieces   []piece   // of the present one, as is all that follows

	first         int   // its first segment
	cut           int64 // without segments before that
	schedules     []inForce
	last          *inForce // in force at its end; nil if it was in force throughout
	elapsed       int64
	elapsedLast   int64
	target, warn  int64
	warned        int64 // when warn was used up
	due, breached int64 // when target was used up, and when more than that was
}

// A fate is what the log says of an episode and the policies of its instance.
type fate struct {
	end                        int64 // when it stopped, or now
	stopped, cancelled, paused bool
}

// measure returns the instance of e; false if nothing was promised.
func (m *measurer) measure(e *episode) (Instance, bool) {
	f := fate{end: min(e.stop, m.at), stopped: e.stop != running, cancelled: e.cancelled}
	i := m.policies.at(f.end)
	for ; i >= 0; i-- {
		if _, ok := m.policies[i].target(e.metric); ok {
			break
		}
		f.end, f.stopped, f.cancelled = m.policies[i].from, true, true
		if f.end <= e.start {
			return Instance{}, false
		}
	}
	if i < 0 {
		return Instance{}, false
	}
	p := &m.policies[i]
	target, _ := p.target(e.metric)
	pauses := p.policy.pauses(e.metric)
	f.paused = pauses>>uint(m.log.state)&1 == 1
	m.begin(p, target, e.start, f.end)
	m.follow(e, f.end, pauses)
	instance := Instance{
		Metric: e.metric, Episode: e.number,
		Policy: p.policy.Name, PolicyRevision: p.policy.Revision, Target: target,
		Start: utc(e.start), State: m.state(f),
		Elapsed: time.Duration(m.elapsed), ElapsedLastSchedule: time.Duration(m.elapsed),
		Remaining: time.Duration(m.target - m.elapsed),
	}
	m.outcome(&instance, f)
	m.trim()
	return instance, true
}

// begin makes ready for an instance.
func (m *measurer) begin(p *applied, target Target, start, end int64) {
	m.first, m.pieces, m.elapsed, m.elapsedLast = len(m.segments), m.pieces[:0], 0, 0
	m.target, m.warn = int64(target.Duration), int64(target.warn())
	m.warned, m.due, m.breached = never, never, never
	m.schedules, m.last = m.always[:], nil
	if target.BusinessTime {
		m.schedules = p.schedules
		if last := during(m.schedules, end); during(m.schedules, start) != last {
			m.last = &m.schedules[last]
		}
	}
}

// follow goes through the states of the ticket while e lasts.
func (m *measurer) follow(e *episode, end int64, pauses uint) {
	from, runs := e.start, e.start // what lies between is one run
	for i := e.move; from < end; i++ {
		next := end
		if i+1 < len(m.log.moves) {
			next = min(end, m.log.moves[i+1].at)
		}
		if next <= from {
			continue
		}
		if state := m.log.moves[i].state; !live(state) || pauses>>uint(state)&1 == 1 {
			m.pieces = append(m.pieces, piece{runs, from, 0}, piece{from, next, state})
			runs = next
		}
		from = next
	}
	m.pieces = append(m.pieces, piece{runs, from, 0})
	m.cut = m.wanted(e.start)
	for _, p := range m.pieces {
		if p.paused == 0 {
			m.run(p.from, p.to)
		} else {
			m.add(Segment{Start: utc(p.from), End: utc(p.to), State: Halted, Reason: reason(p.paused)})
		}
	}
}

// run splits a time in which the clock is not paused by the schedules in force.
func (m *measurer) run(from, to int64) {
	if m.last != nil && from < to {
		m.elapsedLast += m.last.sum(to) - m.last.sum(from)
	}
	for i := during(m.schedules, from); from < to; i++ {
		end := to
		if i+1 < len(m.schedules) {
			end = min(to, m.schedules[i+1].from)
		}
		m.part(&m.schedules[i], from, end)
		from = max(from, end)
	}
}

// part splits a time in which one schedule is in force into its opening hours and
// the rest.
func (m *measurer) part(s *inForce, from, to int64) {
	if from >= to {
		return
	}
	if s.schedule == nil {
		m.count(s, from, to)
		return
	}
	if from < m.cut {
		cut := min(m.cut, to)
		m.skip(s, from, cut)
		if from = cut; from == to {
			return
		}
	}
	for w := s.schedule.walk(from, to); w.next(); from = w.closed {
		if m.full() {
			m.skip(s, from, to)
			return
		}
		if from < w.open {
			m.add(Segment{Start: utc(from), End: utc(w.open), State: OffHours, Schedule: s.name})
		}
		m.count(s, w.open, w.closed)
	}
	if from < to {
		m.add(Segment{Start: utc(from), End: utc(to), State: OffHours, Schedule: s.name})
	}
}

// skip adds what counts of a time without going through its opening hours.
func (m *measurer) skip(s *inForce, from, to int64) {
	before := s.sum(from)
	sum := m.elapsed + s.sum(to) - before
	when := func(used int64, past bool) int64 {
		at, _ := s.reach(before+used-m.elapsed, past)
		return max(at, from)
	}
	if m.warned == never && sum >= m.warn {
		m.warned = when(m.warn, false)
	}
	if m.due == never && sum >= m.target {
		m.due = when(m.target, false)
	}
	if m.breached == never && sum > m.target {
		m.breached = when(m.target, true)
	}
	m.elapsed = sum
}

// count adds time that counts.
func (m *measurer) count(s *inForce, from, to int64) {
	sum := m.elapsed + to - from
	if m.warned == never && sum >= m.warn {
		m.warned = from + m.warn - m.elapsed
	}
	if m.due == never && sum >= m.target {
		m.due = from + m.target - m.elapsed
	}
	if m.breached == never && sum > m.target {
		m.breached = from + m.target - m.elapsed
	}
	m.elapsed = sum
	m.add(Segment{Start: utc(from), End: utc(to), State: Running, Schedule: s.name})
}

// add appends s to the segments, or to the last of them if that is alike.
func (m *measurer) add(s Segment) {
	if m.extent == (extent{}) || m.full() {
		return
	}
	if n := len(m.segments); n > m.first {
		if last := &m.segments[n-1]; last.State == s.State && last.Schedule == s.Schedule && last.Reason == s.Reason {
			last.End = s.End
			return
		}
	}
	m.segments = append(m.segments, s)
}

func (m *measurer) state(f fate) State {
	switch {
	case f.cancelled:
		return Cancelled
	case f.stopped && m.elapsed > m.target:
		return MetLate
	case f.stopped:
		return Met
	case m.elapsed > m.target:
		return Breached
	case f.paused:
		return Paused
	}
	return Active
}

// outcome fills in what follows from the time counted.
func (m *measurer) outcome(i *Instance, f fate) {
	if m.last != nil {
		i.ElapsedLastSchedule = time.Duration(m.elapsedLast)
	}
	if f.stopped {
		i.Stop = utc(f.end)
	}
	if m.warned != never {
		i.WarnTime = utc(m.warned)
	}
	if m.breached != never {
		i.BreachTime = utc(m.breached)
	}
	if f.stopped || f.paused {
		return
	}
	s := &m.schedules[during(m.schedules, m.at)]
	sum := s.sum(m.at)
	if m.due == never {
		m.due = s.after(m.at, sum, m.target-m.elapsed, false)
	}
	if m.due != never {
		i.Due = utc(m.due)
	}
	wake := int64(never)
	if m.breached == never {
		if wake = s.after(m.at, sum, m.target-m.elapsed, true); wake != never {
			wake++ // the first instant at which it is breached
		}
	}
	if m.warned == never {
		if warn := s.after(m.at, sum, m.warn-m.elapsed, false); wake == never || warn != never && warn < wake {
			wake = warn
		}
	}
	if wake != never {
		i.Wake = utc(wake)
	}
}

// after returns the first instant from now on before which another d counts or,
// with past, the last one before which no more does; never if that is too far.
// The sum is what counts before now.
func (s *inForce) after(now int64, sum, d int64, past bool) int64 {
	if d > int64(horizon) {
		return never
	}
	at, ok := s.reach(sum+d, past)
	if !ok || at-now > int64(horizon) {
		return never
	}
	return at
}

func utc(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
