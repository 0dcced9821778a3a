package almanac

// Fresh tells which days may be read from their roll-ups.
type Fresh struct {
	Through Period          // the first day that was not rolled up yet
	Stale   map[Period]bool // days of which something has changed since, or may have by itself
}

// Day reports whether the roll-up of a day equals what it was made of.
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

// A Plan says from where to read what happened in a window. The ranges of a sort
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
