package sla

// A walk goes along the open intervals of a schedule. It starts before the first.
type walk struct {
	schedule     *Schedule
	end          int64 // of the walk
	open, closed int64 // the present interval, after next has returned true

	at     int64 // how far the walk has come
	period int   // the one that holds at
}

func (s *Schedule) walk(from, to int64) walk {
	return walk{schedule: s, end: to, at: from, period: s.find(from)}
}

// next moves to the next interval. It is false if there is none before the end.
func (w *walk) next() bool {
	found := false
	for w.at < w.end {
		p := &w.schedule.periods[w.period]
		end := min(w.end, w.schedule.periods[w.period+1].start)
		if !w.through(p, end, &found) {
			return true
		}
		w.period++
	}
	return found
}

// through goes on in one period. It is false once the present interval has ended.
func (w *walk) through(p *period, end int64, found *bool) bool {
	for w.at < end {
		number := floor(w.at+p.offset, int64(day))
		midnight := number*int64(day) - p.offset
		today, _ := w.schedule.line.at(number)
		for _, s := range today.spans {
			open, closed := max(midnight+int64(s.Start), w.at), min(midnight+int64(s.End), end)
			switch {
			case open >= closed:
				continue
			case !*found:
				w.open, *found = open, true
			case open > w.closed:
				return false
			}
			w.closed, w.at = closed, closed
		}
		if *found && w.closed < min(midnight+int64(day), end) {
			return false
		}
		w.at = min(midnight+int64(day), end)
	}
	return true
}
