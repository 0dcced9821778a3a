package sla

import (
	"iter"
	"sort"
	"time"
)

// horizon is how far Add, Next and Prev look: beyond any closure, and an end for a
// target that nobody can meet.
const horizon = 20 * 366 * day

// A Schedule is the time for which a team is open, on the line of real time.
//
// An instant is open if the clock on the wall of the schedule's zone then shows a
// time, on a date, that the calendar has open. So an hour that a zone skips is
// never open, one that it repeats is open twice, and the time after 24:00 is that
// of the next date. Open time is counted in whole nanoseconds. Instants before
// 1950 or after 2199 count as the first and last of those years.
//
// A Schedule is immutable and safe for concurrent use.
type Schedule struct {
	line    *line
	periods []period
}

// A period is a stretch of real time in which the zone's offset stays the same.
// It ends where the next begins; the last one is empty and marks the end.
type period struct {
	start  int64         // Unix nanoseconds
	offset int64         // of the wall clock, in nanoseconds
	before time.Duration // what is open before start
}

// Always returns a schedule that is open around the clock.
func Always() *Schedule {
	var c Calendar
	for weekday := range c.Week {
		c.Week[weekday] = []Span{{0, day}}
	}
	return newSchedule(newLine(c), time.UTC)
}

func newSchedule(l *line, zone *time.Location) *Schedule {
	s := &Schedule{line: l}
	t := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	for t.Before(last) {
		_, end := t.In(zone).ZoneBounds()
		_, seconds := t.In(zone).Zone()
		offset := int64(seconds) * int64(time.Second)
		if n := len(s.periods); n == 0 || s.periods[n-1].offset != offset {
			s.periods = append(s.periods, s.period(t.UnixNano(), offset))
		}
		if end.IsZero() {
			break
		}
		if !end.After(t) { // so it is on the last day of some leap years
			end = t.Add(time.Hour)
		}
		t = end
	}
	s.periods = append(s.periods, s.period(last.UnixNano(), 0))
	return s
}

// period returns the one that follows those that s already has.
func (s *Schedule) period(start, offset int64) period {
	p := period{start: start, offset: offset}
	if n := len(s.periods); n > 0 {
		p.before = s.until(n-1, start)
	}
	return p
}

// until returns what is open before an instant of period i.
func (s *Schedule) until(i int, t int64) time.Duration {
	p := &s.periods[i]
	return p.before + s.line.until(t+p.offset) - s.line.until(p.start+p.offset)
}

// nanos returns t in Unix nanoseconds, kept within what a schedule knows.
func nanos(t time.Time) int64 {
	const first, last = -631_152_000, 7_258_118_400 // 1950 and 2200 begin
	switch seconds := t.Unix(); {
	case seconds < first:
		return first * int64(time.Second)
	case seconds >= last:
		return last*int64(time.Second) - 1
	}
	return t.UnixNano()
}

// find returns the period of an instant.
func (s *Schedule) find(t int64) int {
	return sort.Search(len(s.periods)-1, func(i int) bool { return s.periods[i].start > t }) - 1
}

func (s *Schedule) sum(t int64) time.Duration { return s.until(s.find(t), t) }

// reach returns the first instant before which x is open or, with past, the last
// one before which no more than x is. It is false if s does not know one.
func (s *Schedule) reach(x time.Duration, past bool) (int64, bool) {
	end := len(s.periods) - 1
	i := sort.Search(end, func(i int) bool {
		sum := s.periods[i+1].before
		return sum > x || !past && sum == x
	})
	if i == end || x < 0 {
		return 0, false
	}
	p := s.periods[i]
	lo := p.start + p.offset
	w := s.line.reach(x-p.before+s.line.until(lo), past, lo, s.periods[i+1].start+p.offset)
	return w - p.offset, true
}

// Open reports whether s is open at t.
func (s *Schedule) Open(t time.Time) bool {
	n := nanos(t)
	return s.sum(n+1) > s.sum(n)
}

// Between returns for how long s is open from a up to b. It is zero if b is not
// after a.
func (s *Schedule) Between(a, b time.Time) time.Duration {
	return max(s.sum(nanos(b))-s.sum(nanos(a)), 0)
}

// Add returns the first instant by which s has been open for d since t. If that is
// when it closes, the answer is that instant and not when it next opens. For a
// negative d it is the last instant from which s is open for -d until t. It is
// false if that is more than twenty years away.
func (s *Schedule) Add(t time.Time, d time.Duration) (time.Time, bool) {
	if d == 0 {
		return t, true
	}
	return s.near(t, s.sum(nanos(t))+d, d < 0)
}

// Next returns the first open instant from t on, which may be t. It is false if
// that is more than twenty years away.
func (s *Schedule) Next(t time.Time) (time.Time, bool) {
	return s.near(t, s.sum(nanos(t)), true)
}

// Prev returns the last instant until t, which may be t, that an open one
// precedes: t itself while s is open or closes, otherwise when it last closed. It
// is false if that is more than twenty years away.
func (s *Schedule) Prev(t time.Time) (time.Time, bool) {
	return s.near(t, s.sum(nanos(t)), false)
}

func (s *Schedule) near(t time.Time, x time.Duration, past bool) (time.Time, bool) {
	n, ok := s.reach(x, past)
	u := time.Unix(0, n).In(t.Location())
	if !ok || u.Sub(t).Abs() > horizon {
		return time.Time{}, false
	}
	return u, true
}

// Intervals yields when s opens and closes from a up to b, in order and apart,
// the first and last of them cut at a and b.
func (s *Schedule) Intervals(a, b time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(open, closed time.Time) bool) {
		for w := s.walk(nanos(a), nanos(b)); w.next(); {
			if !yield(time.Unix(0, w.open).In(a.Location()), time.Unix(0, w.closed).In(a.Location())) {
				return
			}
		}
	}
}
