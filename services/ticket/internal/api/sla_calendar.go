package api

import (
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// compile makes of a schedule what clocks count by. What cannot be is a fault on a
// field of the contract's.
func compile(s store.Schedule) (*sla.Schedule, error) {
	c := calendar{
		Calendar: sla.Calendar{Zone: s.TimeZone, Days: make(map[sla.Date][]sla.Span, len(s.Exceptions))},
		paths:    map[string]string{"zone": "schedule.time_zone", "week": "schedule.week"},
	}
	for i, d := range s.Week {
		weekday := time.Weekday(d.Day % 7)
		for j, h := range d.Hours {
			path := fmt.Sprintf("schedule.week[%d].hours[%d]", i, j)
			span, err := newSpan(h, path)
			if err != nil {
				return nil, err
			}
			c.paths[fmt.Sprintf("week[%d][%d]", weekday, len(c.Week[weekday]))] = path
			c.Week[weekday] = append(c.Week[weekday], span)
		}
	}
	for i, e := range s.Exceptions {
		if err := c.except(e, fmt.Sprintf("schedule.exceptions[%d]", i)); err != nil {
			return nil, err
		}
	}
	compiled, err := sla.Compile(c.Calendar)
	return compiled, c.explain(err)
}

// A calendar knows which field of the contract each of its parts comes from.
type calendar struct {
	sla.Calendar
	paths map[string]string
}

// except adds a date that has hours of its own.
func (c *calendar) except(e store.DayOff, path string) error {
	var (
		date  sla.Date
		month int
	)
	if _, err := fmt.Sscanf(e.Date, "%4d-%2d-%2d", &date.Year, &month, &date.Day); err != nil {
		return fault.Invalid(fault.Field{Path: path + ".date", Reason: "date.invalid", Description: "is not a date"})
	}
	date.Month = time.Month(month)
	if _, twice := c.Days[date]; twice {
		return fault.Invalid(fault.Field{Path: path + ".date", Reason: "date.twice", Description: "is there already"})
	}
	spans := make([]sla.Span, 0, len(e.Hours))
	for i, h := range e.Hours {
		at := fmt.Sprintf("%s.hours[%d]", path, i)
		span, err := newSpan(h, at)
		if err != nil {
			return err
		}
		c.paths[fmt.Sprintf("days[%s][%d]", date, i)] = at
		spans = append(spans, span)
	}
	c.paths[fmt.Sprintf("days[%s]", date)] = path + ".date"
	c.Days[date] = spans
	return nil
}

// newSpan makes a span of hours.
func newSpan(h store.Hours, path string) (sla.Span, error) {
	span := sla.Span{Start: clock(h.Open), End: clock(h.Close)}
	if h.Overnight {
		span.End += 24 * time.Hour
	}
	if span.End <= span.Start {
		return span, fault.Invalid(fault.Field{Path: path + ".close_time", Reason: "hours.order", Description: "must be after open_time unless the hours are overnight"})
	}
	return span, nil
}

// clock returns the time since midnight of HH:MM or HH:MM:SS, whose form the contract
// has seen to.
func clock(s string) time.Duration {
	var t time.Duration
	for i, unit := 0, time.Hour; i+1 < len(s); i, unit = i+3, unit/60 {
		t += time.Duration(s[i]-'0')*10*unit + time.Duration(s[i+1]-'0')*unit
	}
	return t
}

// explain turns what a calendar cannot have into a fault.
func (c *calendar) explain(err error) error {
	e, ok := errors.AsType[*sla.Invalid](err)
	if !ok {
		return err
	}
	return fault.Invalid(fault.Field{Path: c.paths[e.Field], Reason: "schedule.invalid", Description: e.Problem})
}
