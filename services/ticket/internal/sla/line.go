package sla

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// A line is the open time of a calendar along a clock on the wall that is never
// put forward or back. An instant on it is the nanoseconds since 1970 that a
// clock of UTC would show at that wall-clock time.
type line struct {
	week    [7]hours         // the ordinary days, by weekday
	before  [7]time.Duration // what is open in a week before each of them
	total   time.Duration    // what is open in a week
	special []hours          // the dates that are not ordinary, in order
}

// The hours of a day are when it is open.
type hours struct {
	number int64         // days since 1970-01-01; zero on ordinary days
	spans  []Span        // within 0..24h, in order, apart
	total  time.Duration // of the spans
	extra  time.Duration // by how much special dates before this one exceed ordinary ones
}

func newLine(c Calendar) *line {
	l := &line{}
	for weekday := range l.week {
		yesterday := c.Week[(weekday+6)%7]
		l.week[weekday] = newHours(0, open(c.Week[weekday], yesterday))
		l.before[weekday] = l.total
		l.total += l.week[weekday].total
	}
	days, breaks := byNumber(c.Days), byNumber(c.Breaks)
	starting := func(number int64) []Span {
		if spans, ok := days[number]; ok {
			return spans
		}
		_, weekday := weekOf(number)
		return c.Week[weekday]
	}
	var numbers []int64
	for _, dates := range []map[int64][]Span{days, breaks} {
		for number := range dates {
			numbers = append(numbers, number, number+1)
		}
	}
	slices.Sort(numbers)
	var extra time.Duration
	for _, number := range slices.Compact(numbers) {
		d := newHours(number, without(
			open(starting(number), starting(number-1)),
			open(breaks[number], breaks[number-1])))
		d.extra = extra
		_, weekday := weekOf(number)
		extra += d.total - l.week[weekday].total
		l.special = append(l.special, d)
	}
	return l
}

func byNumber(dates map[Date][]Span) map[int64][]Span {
	numbers := make(map[int64][]Span, len(dates))
	for d, spans := range dates {
		numbers[d.number()] = spans
	}
	return numbers
}

func newHours(number int64, spans []Span) hours {
	d := hours{number: number, spans: spans}
	for _, s := range spans {
		d.total += s.End - s.Start
	}
	return d
}

// open returns the part of a day covered by the spans that start on it and on
// the day before, sorted and merged.
func open(today, yesterday []Span) []Span {
	var all []Span
	for _, s := range today {
		all = append(all, Span{s.Start, min(s.End, day)})
	}
	for _, s := range yesterday {
		if s.End > day {
			all = append(all, Span{0, s.End - day})
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && s.Start <= merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, s.End)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// without returns spans less the breaks. Both are sorted and apart.
func without(spans, breaks []Span) []Span {
	for _, b := range breaks {
		var rest []Span
		for _, s := range spans {
			if s.Start < b.Start {
				rest = append(rest, Span{s.Start, min(s.End, b.Start)})
			}
			if s.End > b.End {
				rest = append(rest, Span{max(s.Start, b.End), s.End})
			}
		}
		spans = rest
	}
	return spans
}

// weekOf returns the week of a day, counted from that of 1970-01-01, and the
// weekday, Sunday first.
func weekOf(number int64) (week, weekday int64) {
	const thursday = 4 // was 1970-01-01
	week = floor(number+thursday, 7)
	return week, number + thursday - week*7
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// at returns what is open on the day given, and all that is open before it
// since the first Sunday before 1970.
func (l *line) at(number int64) (*hours, time.Duration) {
	week, weekday := weekOf(number)
	sum := time.Duration(week)*l.total + l.before[weekday]
	i := sort.Search(len(l.special), func(i int) bool { return l.special[i].number >= number })
	switch {
	case i < len(l.special) && l.special[i].number == number:
		return &l.special[i], sum + l.special[i].extra
	case i > 0:
		last := &l.special[i-1]
		_, its := weekOf(last.number)
		sum += last.extra + last.total - l.week[its].total
	}
	return &l.week[weekday], sum
}

// until returns what is open before the wall-clock instant w.
func (l *line) until(w int64) time.Duration {
	number := floor(w, int64(day))
	d, sum := l.at(number)
	offset := time.Duration(w - number*int64(day))
	for _, s := range d.spans {
		if offset <= s.Start {
			break
		}
		sum += min(offset, s.End) - s.Start
	}
	return sum
}

// reach returns the first instant in [lo, hi] before which x is open or, with
// past, the last one before which no more than x is. It is hi if that is not
// before hi.
func (l *line) reach(x time.Duration, past bool, lo, hi int64) int64 {
	reached := func(sum time.Duration) bool { return sum > x || !past && sum == x }
	from := floor(lo, int64(day))
	number := from + int64(sort.Search(int(floor(hi, int64(day))-from)+1, func(i int) bool {
		d, sum := l.at(from + int64(i))
		return reached(sum + d.total)
	}))
	d, sum := l.at(number)
	for _, s := range d.spans {
		length := s.End - s.Start
		if reached(sum + length) {
			w := number*int64(day) + int64(s.Start+x-sum)
			return min(max(w, lo), hi)
		}
		sum += length
	}
	return hi
}
