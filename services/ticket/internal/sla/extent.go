package sla

import (
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// MaxSegments is how many segments of an instance [Clocks] returns.
const MaxSegments = 10_000

// An extent says how many segments of an instance are wanted, from one end or the
// other. The zero extent wants none.
type extent struct{ first, last int }

// A piece is a stretch of an instance in one state of the ticket, or a run of states
// in which the clock is not paused.
type piece struct {
	from, to int64
	paused   lifecycle.State // zero if it was not
}

// wanted returns an instant before which no segments are wanted, as there are enough
// whole ones after it; start if all are.
func (m *measurer) wanted(start int64) int64 {
	if m.extent == (extent{}) {
		return math.MaxInt64
	}
	hours := (m.pieces[len(m.pieces)-1].to - start) / int64(time.Hour)
	if m.extent.last == 0 || hours < int64(m.extent.last) { // nobody opens every hour
		return start
	}
	n := 0
	for i := len(m.pieces) - 1; i >= 0; i-- {
		p := m.pieces[i]
		if p.paused != 0 {
			continue
		}
		for j, to := during(m.schedules, p.to), p.to; p.from < to; j-- {
			s, from := &m.schedules[j], p.from
			if j > 0 {
				from = max(from, s.from)
			}
			if s.schedule != nil && from < to {
				back, k := s.schedule.back(from, to, m.extent.last-n)
				if n += k; n > m.extent.last {
					return back
				}
			}
			to = min(to, from)
		}
	}
	return start
}

// back returns an instant from which until to s makes more than n segments, or from if
// there are not so many, and how many it makes at least: the one at the end may be a
// part of what follows.
func (s *Schedule) back(from, to int64, n int) (at int64, segments int) {
	for span := int64(28 * day); ; span *= 2 {
		at = max(from, to-span)
		opened := 0
		for w := s.walk(at, to); w.next(); {
			opened++
		}
		if segments = max(2*opened-2, 0); segments > n || at == from {
			return at, segments
		}
	}
}

// full reports whether there is one segment more than is wanted, so that those before
// it are whole.
func (m *measurer) full() bool {
	return m.extent.first > 0 && len(m.segments)-m.first > m.extent.first
}

// trim drops the segments of the present instance that are not wanted.
func (m *measurer) trim() {
	n := len(m.segments) - m.first
	switch e := m.extent; {
	case e.first > 0 && n > e.first:
		m.segments = m.segments[:m.first+e.first]
	case e.last > 0 && n > e.last:
		kept := copy(m.segments[m.first:], m.segments[len(m.segments)-e.last:])
		m.segments = m.segments[:m.first+kept]
	}
}
