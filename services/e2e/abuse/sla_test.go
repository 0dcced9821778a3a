package abuse

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

type (
	scheduleRequest = ticketv1.CreateScheduleRequest
	hours           = ticketv1.Schedule_Hours
)

// agreementRows are about policies and business hours.
func agreementRows() []row {
	const closing, duration = "schedule.week[0].hours[0].close_time", "sla_policy.targets[0].duration"
	rows := []row{
		with("T20", "another brand's policy", "", notFound, func(r *create) { r.Ticket.SlaPolicy = "brands/other/slaPolicies/gold" }),
		with("T21", "a policy that nobody has", "", notFound, func(r *create) { r.Ticket.SlaPolicy = acme + "/slaPolicies/none" }),
		lasting("T22", "a policy of no time", duration, 0),
		lasting("T22", "a policy of less than no time", duration, -time.Second),
		lasting("T23", "a policy of ten years", duration, 10*365*24*time.Hour),
		opened("T24", "closed before it opens", closing, func(r *scheduleRequest) {
			r.Schedule.Week[0].Hours = []*hours{{OpenTime: "17:00", CloseTime: "09:00"}}
		}),
		opened("T25", "hours that overlap", "schedule.week[0].hours[1]", func(r *scheduleRequest) {
			r.Schedule.Week[0].Hours = []*hours{{OpenTime: "09:00", CloseTime: "13:00"}, {OpenTime: "12:59", CloseTime: "17:00"}}
		}),
		opened("T26", "25:00 as the end of a day", closing, func(r *scheduleRequest) { r.Schedule.Week[0].Hours[0].CloseTime = "25:00" }),
		each("T26", "24:00 is the end of the day", tillMidnight),
		opened("T27", "no week", "schedule.week", func(r *scheduleRequest) { r.Schedule.Week = nil }),
		opened("T27", "a week without hours", "schedule.week[0].hours", func(r *scheduleRequest) {
			r.Schedule.Week = []*ticketv1.Schedule_WeekDay{{Day: ticketv1.Schedule_DAY_OF_WEEK_MONDAY}}
		}),
		opened("T28", "a holiday on February 30", "schedule.exceptions[0].date", func(r *scheduleRequest) {
			r.Schedule.Exceptions = []*ticketv1.Schedule_Exception{{Date: "2026-02-30"}}
		}),
	}
	for id, zones := range map[string][]string{
		"T29": {"Mars/Phobos"}, "T30": {"", "Local"}, "T31": {"../../etc/passwd", "America/../UTC"},
	} {
		for _, zone := range zones {
			rows = append(rows, opened(id, "the time zone "+zone, "schedule.time_zone", func(r *scheduleRequest) { r.Schedule.TimeZone = zone }))
		}
	}
	for id, zone := range map[string]string{"T32": "Europe/Kiev", "T33": "EST5EDT"} {
		rows = append(rows, both(id, "the time zone "+zone, ask{
			req: scheduled(func(r *scheduleRequest) { r.Schedule.TimeZone = zone }),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if got := m.(*ticketv1.Schedule).GetTimeZone(); got != zone {
					t.Errorf("time zone = %s, want %s", got, zone)
				}
			},
		}))
	}
	return append(rows, wallRows()...)
}

// lasting is a policy that is refused for its duration.
func lasting(id, name, field string, d time.Duration) row {
	return both(id, name, ask{
		req:  agreed(func(r *ticketv1.CreateSlaPolicyRequest) { r.SlaPolicy.Targets[0].Duration = durationpb.New(d) }),
		code: invalid, field: field,
	})
}

// opened is a schedule that is refused for a field.
func opened(id, name, field string, spoil func(*scheduleRequest)) row {
	return both(id, name, ask{req: scheduled(spoil), code: invalid, field: field})
}

// tillMidnight: of hours till 24:00 the last second counts, and what is left goes on
// with the next day.
func tillMidnight(t *testing.T, s *suite, way surface) {
	w := wall{"Europe/Berlin", "22:00", "24:00"}
	start := time.Date(2026, 3, 10, 22, 30, 0, 0, time.UTC) // half past eleven in Berlin
	if got, want := w.deadline(t, s, way, start, 30*time.Minute), start.Add(30*time.Minute); !got.Equal(want) {
		t.Errorf("half an hour ends at %s, want %s", got, want)
	}
	if got, want := w.deadline(t, s, way, start, 31*time.Minute), start.Add(22*time.Hour+31*time.Minute); !got.Equal(want) {
		t.Errorf("31 minutes end at %s, want %s", got, want)
	}
}

// wallRows compare deadlines where a zone skips or repeats an hour with those of
// somebody who looks at the clock on the wall every second.
func wallRows() []row {
	var rows []row
	for _, tt := range []struct {
		id, name string
		wall     wall
		start    string
	}{
		{"T34", "opening within the hour that New York skips", wall{"America/New_York", "02:30", "10:00"}, "2026-03-08T06:59:59Z"},
		{"T34", "asked as New York has skipped an hour", wall{"America/New_York", "01:00", "10:00"}, "2026-03-08T07:00:00Z"},
		{"T34", "closing within the hour that New York repeats", wall{"America/New_York", "00:00", "01:30"}, "2026-11-01T04:10:00Z"},
		{"T35", "Havana's day without midnight", wall{"America/Havana", "00:00", "08:00"}, "2026-03-08T04:30:00Z"},
		{"T35", "Santiago's day without midnight", wall{"America/Santiago", "00:30", "08:00"}, "2026-09-06T03:00:00Z"},
	} {
		rows = append(rows, each(tt.id, tt.name, func(t *testing.T, s *suite, way surface) {
			start, err := time.Parse(time.RFC3339, tt.start)
			if err != nil {
				t.Fatal(err)
			}
			for _, target := range []time.Duration{time.Second, 29*time.Minute + 30*time.Second, 3 * time.Hour, 20 * time.Hour} {
				if got, want := tt.wall.deadline(t, s, way, start, target), tt.wall.stepped(t, start, target); !got.Equal(want) {
					t.Errorf("%s from %s ends at %s, want %s", target, start, got, want)
				}
			}
		}))
	}
	return rows
}

// A wall is a place that is open every day from one time to another.
type wall struct{ zone, opens, closes string }

// deadline asks the suite when target is used up.
func (w wall) deadline(t *testing.T, s *suite, way surface, start time.Time, target time.Duration) time.Time {
	t.Helper()
	schedule := must[*ticketv1.Schedule](t, s, scheduled(func(r *scheduleRequest) {
		r.Schedule.TimeZone, r.Schedule.Week = w.zone, nil
		for day := range 7 {
			r.Schedule.Week = append(r.Schedule.Week, &ticketv1.Schedule_WeekDay{
				Day: ticketv1.Schedule_DayOfWeek(1 + day), Hours: []*hours{{OpenTime: w.opens, CloseTime: w.closes}},
			})
		}
	}))
	got := s.create(t, way, "", &ticketv1.PreviewSlaDeadlineRequest{
		Parent: acme, Schedule: schedule.GetName(), Target: durationpb.New(target), StartTime: timestamppb.New(start),
	})
	return got.msg.(*ticketv1.PreviewSlaDeadlineResponse).GetDueTime().AsTime()
}

// stepped counts the open seconds from start until target is used up.
func (w wall) stepped(t *testing.T, start time.Time, target time.Duration) time.Time {
	t.Helper()
	zone, err := time.LoadLocation(w.zone)
	if err != nil {
		t.Fatal(err)
	}
	for at := start; ; at = at.Add(time.Second) {
		if clock := at.In(zone).Format("15:04"); clock >= w.opens && clock < w.closes {
			if target -= time.Second; target < time.Second {
				return at.Add(time.Second)
			}
		}
	}
}
