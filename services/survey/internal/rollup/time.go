package rollup

import "time"

// A Period is a day, counted from 1970 in UTC, or a month, counted likewise.
type Period = int64

const dayMicros = 86_400_000_000

// DayOf returns the day of a time in microseconds since 1970.
func DayOf(us int64) Period {
	day := us / dayMicros
	if us%dayMicros < 0 {
		day--
	}
	return day
}

// StartOf returns the first microsecond of a day.
func StartOf(day Period) int64 { return day * dayMicros }

// MonthOf returns the month of a day.
func MonthOf(day Period) Period {
	t := time.Unix(day*86400, 0).UTC()
	return int64(t.Year()-1970)*12 + int64(t.Month()) - 1
}

// FirstDay returns the first day of a month.
func FirstDay(month Period) Period {
	return time.Date(1970, time.January+time.Month(month), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// A Range is from one number up to, and without, another: of months, of days, or of
// microseconds.
type Range struct{ From, To int64 }

// Fresh tells which days may be read from their roll-ups.
type Fresh struct {
	Through Period          // the first day that was not rolled up yet
	Stale   map[Period]bool // days whose observations have changed since
}

// Day reports whether the roll-up of a day equals its observations.
func (f Fresh) Day(day Period) bool { return day < f.Through && !f.Stale[day] }

// month reports whether the roll-up of a month does.
func (f Fresh) month(month Period) bool {
	to := FirstDay(month + 1)
	if to > f.Through {
		return false
	}
	for day := FirstDay(month); day < to && len(f.Stale) > 0; day++ {
		if f.Stale[day] {
			return false
		}
	}
	return true
}

// A Plan says from where to read the observations of a window. The ranges of a sort
// are apart and in ascending order.
type Plan struct {
	Months []Range
	Days   []Range // whole days: those at the ends may begin before the window
	Raw    []Range // microseconds
}

// NewPlan returns the plan for a window. Without wholeMonths only days are used.
func (f Fresh) NewPlan(window Range, wholeMonths bool) Plan {
	var p Plan
	last := DayOf(window.To - 1)
	for day := DayOf(window.From); day <= last; {
		if day >= f.Through {
			extend(&p.Raw, Range{max(StartOf(day), window.From), window.To})
			return p
		}
		month := MonthOf(day)
		next := FirstDay(month + 1)
		if wholeMonths && StartOf(FirstDay(month)) >= window.From && StartOf(next) <= window.To && f.month(month) {
			extend(&p.Months, Range{month, month + 1})
			day = next
			continue
		}
		for ; day < min(next, f.Through) && day <= last; day++ {
			if f.Day(day) {
				extend(&p.Days, Range{day, day + 1})
			} else {
				extend(&p.Raw, Range{max(StartOf(day), window.From), min(StartOf(day+1), window.To)})
			}
		}
	}
	return p
}

// extend adds r to the last range if it goes on from there.
func extend(all *[]Range, r Range) {
	if n := len(*all); n > 0 && (*all)[n-1].To == r.From {
		(*all)[n-1].To = r.To
		return
	}
	*all = append(*all, r)
}
