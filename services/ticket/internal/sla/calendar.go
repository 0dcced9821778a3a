package sla

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour

	firstYear, lastYear = 1950, 2199 // what a schedule knows
)

// A Span is a stretch of wall-clock time, from Start up to but without End, as
// offsets from midnight. Start is before 24:00. An End after 24:00 reaches into
// the next date, so the night shift is {22h, 30h}.
type Span struct{ Start, End time.Duration }

// A Date is a day of the Gregorian calendar in no particular zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// String returns d as 2006-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// number returns the days from 1970-01-01 to d.
func (d Date) number() int64 {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / int64(day/time.Second)
}

func (d Date) compare(e Date) int { return cmp.Compare(d.number(), e.number()) }

// A Calendar says when a team works, in the words of a wall clock.
type Calendar struct {
	Zone   string          // of the IANA database, such as Europe/Berlin
	Week   [7][]Span       // by [time.Weekday]: the spans that start on that day
	Days   map[Date][]Span // replace the week's spans that start on that date; none is a holiday
	Breaks map[Date][]Span // taken from whatever is open
}

// An Invalid error says which part of a calendar cannot be.
type Invalid struct{ Field, Problem string }

// Error names the field and the problem.
func (e *Invalid) Error() string { return e.Field + ": " + e.Problem }

// Compile returns the schedule of c, which it does not keep. The error is an
// [*Invalid]: for a zone that is unknown or that of the host, a span that is
// empty, too long or overlaps another of the week or of its date, a date that
// is not in the calendar or not from 1950 to 2199, and for a week that is never
// open. Where a date's own spans meet those of its neighbors, both are open.
func Compile(c Calendar) (*Schedule, error) {
	zone, err := location(c.Zone)
	if err != nil {
		return nil, err
	}
	if err := c.checkWeek(); err != nil {
		return nil, err
	}
	if err := checkDates("days", c.Days); err != nil {
		return nil, err
	}
	if err := checkDates("breaks", c.Breaks); err != nil {
		return nil, err
	}
	return newSchedule(newLine(c), zone), nil
}

// location loads a zone by its own name, never that which the host calls its own.
func location(name string) (*time.Location, error) {
	unknown := &Invalid{"zone", fmt.Sprintf("%q is not a zone of the IANA database", name)}
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"", "Local", "localtime", "posixrules", "posix", "right"}, top) {
		return nil, unknown
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknown
	}
	return zone, nil
}

func (c *Calendar) checkWeek() error {
	type placed struct {
		field string
		Span
	}
	var all []placed
	for weekday, spans := range c.Week {
		for i, s := range spans {
			field := fmt.Sprintf("week[%d][%d]", weekday, i)
			if err := s.check(field); err != nil {
				return err
			}
			midnight := time.Duration(weekday) * day
			all = append(all, placed{field, Span{midnight + s.Start, midnight + s.End}})
		}
	}
	if len(all) == 0 {
		return &Invalid{"week", "is never open"}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.Start, b.Start) })
	end := all[0].End
	for _, s := range all[1:] {
		if s.Start < end {
			return &Invalid{s.field, "overlaps another span"}
		}
		end = s.End
	}
	if all[0].Start+7*day < end {
		return &Invalid{all[0].field, "overlaps another span"}
	}
	return nil
}

func checkDates(name string, dates map[Date][]Span) error {
	for _, date := range slices.SortedFunc(maps.Keys(dates), Date.compare) {
		field := fmt.Sprintf("%s[%s]", name, date)
		if date.Year < firstYear || date.Year > lastYear {
			return &Invalid{field, fmt.Sprintf("is not from %d to %d", firstYear, lastYear)}
		}
		if y, m, d := time.Date(date.Year, date.Month, date.Day, 0, 0, 0, 0, time.UTC).Date(); (Date{y, m, d}) != date {
			return &Invalid{field, "is not a date"}
		}
		for i, s := range dates[date] {
			field := fmt.Sprintf("%s[%d]", field, i)
			if err := s.check(field); err != nil {
				return err
			}
			if slices.ContainsFunc(dates[date][:i], s.overlaps) {
				return &Invalid{field, "overlaps another span"}
			}
		}
	}
	return nil
}

func (s Span) check(field string) error {
	switch {
	case s.Start < 0 || s.Start >= day:
		return &Invalid{field, "does not start from 00:00 to before 24:00"}
	case s.End <= s.Start:
		return &Invalid{field, "does not end after its start"}
	case s.End > 2*day:
		return &Invalid{field, "ends after 24:00 of the next day"}
	}
	return nil
}

func (s Span) overlaps(t Span) bool { return s.Start < t.End && t.Start < s.End }
