package ticket_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket"
)

// A counter is the service as those see it who watch its clocks.
type counter struct {
	client
	ticketv1.SlaServiceClient
	ticketv1.OperationServiceClient
}

func newCounter(t testing.TB, db *sqldb.DB) counter {
	t.Helper()
	s, err := ticket.New(context.Background(), db, ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{})
	s.Register(srv)
	conn := inProcess(t, srv)
	return counter{
		client{
			ticketv1.NewTicketServiceClient(conn), ticketv1.NewInteractionServiceClient(conn),
			ticketv1.NewServiceMetricsServiceClient(conn), s, db,
		},
		ticketv1.NewSlaServiceClient(conn), ticketv1.NewOperationServiceClient(conn),
	}
}

// eachCounter runs f on both databases.
func eachCounter(t *testing.T, f func(t *testing.T, c counter)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) { f(t, newCounter(t, open(t))) })
}

// run lets the service mind its timers and operations until stop is called.
func (c counter) run(t *testing.T) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() { c.service.Work(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 seconds", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

type day = ticketv1.Schedule_DayOfWeek

// shifts are pairs of times such as 09:00 and 17:00; one that ends before it begins is
// marked overnight.
func shifts(times ...string) (all []*ticketv1.Schedule_Hours) {
	for pair := range slices.Chunk(times, 2) {
		all = append(all, &ticketv1.Schedule_Hours{OpenTime: pair[0], CloseTime: pair[1], Overnight: pair[1] < pair[0]})
	}
	return all
}

// weekly is a week of the same hours on some days.
func weekly(h []*ticketv1.Schedule_Hours, days ...day) (week []*ticketv1.Schedule_WeekDay) {
	for _, d := range days {
		week = append(week, &ticketv1.Schedule_WeekDay{Day: d, Hours: h})
	}
	return week
}

var workdays = []day{1, 2, 3, 4, 5}

// schedule is the request for one.
func schedule(id, zone string, week []*ticketv1.Schedule_WeekDay, exceptions ...*ticketv1.Schedule_Exception) *ticketv1.CreateScheduleRequest {
	return &ticketv1.CreateScheduleRequest{Parent: acme, ScheduleId: id, Schedule: &ticketv1.Schedule{
		DisplayName: "The " + id, TimeZone: zone, Week: week, Exceptions: exceptions,
	}}
}

func target(m ticketv1.SlaMetric, d time.Duration) *ticketv1.SlaPolicy_Target {
	return &ticketv1.SlaPolicy_Target{Metric: m, Duration: durationpb.New(d)}
}

// policy is the request for one.
func policy(id, schedule string, targets ...*ticketv1.SlaPolicy_Target) *ticketv1.CreateSlaPolicyRequest {
	req := &ticketv1.CreateSlaPolicyRequest{Parent: acme, SlaPolicyId: id, SlaPolicy: &ticketv1.SlaPolicy{DisplayName: "The " + id, Targets: targets}}
	if schedule != "" {
		req.SlaPolicy.Schedule = acme + "/schedules/" + schedule
	}
	return req
}

const (
	firstResponse = ticketv1.SlaMetric_SLA_METRIC_FIRST_RESPONSE
	nextResponse  = ticketv1.SlaMetric_SLA_METRIC_NEXT_RESPONSE
	resolution    = ticketv1.SlaMetric_SLA_METRIC_RESOLUTION
)

// clocks reads the clocks of a ticket at a time, the zero time for now.
func (c counter) clocks(t *testing.T, ticket string, at time.Time) []*ticketv1.SlaInstance {
	t.Helper()
	req := &ticketv1.GetSlaClockRequest{Name: ticket}
	if !at.IsZero() {
		req.AsOfTime = timestamppb.New(at)
	}
	return must(c.GetSlaClock)(t, req).GetInstances()
}

// clock returns one of them.
func (c counter) clock(t *testing.T, ticket string, at time.Time, m ticketv1.SlaMetric) *ticketv1.SlaInstance {
	t.Helper()
	all := c.clocks(t, ticket, at)
	i := slices.IndexFunc(all, func(i *ticketv1.SlaInstance) bool { return i.GetMetric() == m })
	if i < 0 {
		t.Fatalf("%s has no clock for %v at %v", ticket, m, at)
	}
	return all[i]
}

// summary tells a clock in a line.
func summary(i *ticketv1.SlaInstance) string {
	return fmt.Sprintf("%v-%d %v %v of %v", i.GetMetric(), i.GetEpisode(), i.GetState(), i.GetElapsed().AsDuration(), i.GetTarget().AsDuration())
}

// TestTheHeadOfServiceProvesBenchmarks walks through a story: split shifts in Berlin,
// a customer who is waited for over night, segments that add up, a warning at four
// fifths of the time, and what another policy would have changed.
func TestTheHeadOfServiceProvesBenchmarks(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSchedule)(t, schedule("desk", "Europe/Berlin", weekly(shifts("09:00", "12:30", "13:30", "18:00"), workdays...),
			&ticketv1.Schedule_Exception{Date: "2026-04-06", Title: "Easter Monday"}))
		p := policy("gold", "desk", target(firstResponse, time.Hour), target(nextResponse, 4*time.Hour), target(resolution, 16*time.Hour))
		must(c.CreateSlaPolicy)(t, p)

		berlin := func(day, hour, minute int) time.Time {
			return time.Date(2026, 3, day, hour-1, minute, 0, 0, time.UTC) // in winter
		}
		opened := berlin(10, 11, 0) // a Tuesday
		tk := must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { req.Ticket.OpenTime = timestamppb.New(opened) })).GetName()
		spoken := func(d ticketv1.Interaction_Direction, at time.Time) {
			must(c.CreateInteraction)(t, say(tk, d, at.Sub(noon)))
		}
		spoken(inbound, opened)
		spoken(outbound, berlin(10, 11, 30))
		must(c.PendTicket)(t, &ticketv1.PendTicketRequest{Name: tk, EventTime: timestamppb.New(berlin(10, 11, 50))})
		spoken(inbound, berlin(11, 10, 10))

		if got, want := summary(c.clock(t, tk, time.Time{}, firstResponse)), "SLA_METRIC_FIRST_RESPONSE-1 STATE_MET 30m0s of 1h0m0s"; got != want {
			t.Errorf("first response: %s, want %s", got, want)
		}
		settled := c.clock(t, tk, berlin(11, 15, 0), resolution)
		if got, want := summary(settled), "SLA_METRIC_RESOLUTION-1 STATE_ACTIVE 4h40m0s of 16h0m0s"; got != want {
			t.Errorf("resolution: %s, want %s", got, want)
		}
		var told []string
		for _, s := range settled.GetSegments() {
			told = append(told, fmt.Sprintf("%v %v %s", s.GetState(), s.GetEndTime().AsTime().Sub(s.GetStartTime().AsTime()), cmp.Or(s.GetReason(), s.GetSchedule())))
		}
		desk := acme + "/schedules/desk"
		want := []string{
			"STATE_RUNNING 50m0s " + desk, "STATE_PAUSED 22h20m0s STATE_PENDING", "STATE_RUNNING 2h20m0s " + desk,
			"STATE_OFF_HOURS 1h0m0s " + desk, "STATE_RUNNING 1h30m0s " + desk,
		}
		if !slices.Equal(told, want) {
			t.Errorf("segments:\n%q, want\n%q", told, want)
		}

		next := c.clock(t, tk, berlin(11, 14, 0), nextResponse)
		if got, want := next.GetDueTime().AsTime(), berlin(11, 15, 10); !got.Equal(want) {
			t.Errorf("the next response is due at %v, want %v", got, want)
		}
		warned := false
		for _, e := range c.events(t) {
			if w := e.GetSlaWarning().GetClock().GetInstance(); w.GetMetric() == nextResponse {
				warned = true
				if got, want := e.GetEventTime().AsTime(), berlin(11, 14, 22); !got.Equal(want) {
					t.Errorf("warned of %v, want %v", got, want)
				}
				if got, want := summary(w), "SLA_METRIC_NEXT_RESPONSE-1 STATE_ACTIVE 3h12m0s of 4h0m0s"; got != want {
					t.Errorf("the warning says %s, want %s", got, want)
				}
			}
		}
		if !warned {
			t.Error("there is no warning for the next response")
		}

		spoken(outbound, berlin(11, 15, 0))
		must(c.ResolveTicket)(t, resolve(tk, solved, berlin(12, 17, 40).Sub(noon)))
		if got, want := summary(c.clock(t, tk, time.Time{}, resolution)), "SLA_METRIC_RESOLUTION-1 STATE_MET 15h20m0s of 16h0m0s"; got != want {
			t.Errorf("resolution: %s, want %s", got, want)
		}

		c.run(t)
		tried := policy("", "desk", target(resolution, 8*time.Hour))
		r := c.simulate(t, tried.GetSlaPolicy(), "").GetResults()
		i := slices.IndexFunc(r, func(r *ticketv1.SimulateSlaPolicyResponse_Result) bool { return r.GetMetric() == resolution })
		if i < 0 || r[i].GetLostCount() != 1 || r[i].GetWonCount() != 0 || r[i].GetCurrent().GetN() != 1 {
			t.Errorf("simulated: %v, want one resolution lost", r)
		}
	})
}

// simulate tries a policy on the tickets that a filter picks and returns the answer.
func (c counter) simulate(t *testing.T, p *ticketv1.SlaPolicy, filter string) *ticketv1.SimulateSlaPolicyResponse {
	t.Helper()
	op := must(c.SimulateSlaPolicy)(t, &ticketv1.SimulateSlaPolicyRequest{Parent: acme, SlaPolicy: p, Window: century(), Filter: filter})
	resp := &ticketv1.SimulateSlaPolicyResponse{}
	until(t, "the simulation", func() bool {
		op = must(c.WaitOperation)(t, &ticketv1.WaitOperationRequest{Name: op.GetName()})
		return op.GetDone()
	})
	if op.GetError() != nil {
		t.Fatal(op.GetError())
	}
	if err := op.GetResponse().UnmarshalTo(resp); err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestAScheduleMustBePossible tries what nobody can work by.
func TestAScheduleMustBePossible(t *testing.T) {
	nine := shifts("09:00", "17:00")
	eachCounter(t, func(t *testing.T, c counter) {
		for _, tt := range []struct {
			name  string
			zone  string
			week  []*ticketv1.Schedule_WeekDay
			off   []*ticketv1.Schedule_Exception
			field string // that is refused, "" for none
		}{
			{"usual hours", "Europe/Berlin", weekly(nine, workdays...), nil, ""},
			{"till midnight", "Europe/Berlin", weekly(shifts("09:00", "24:00"), workdays...), nil, ""},
			{"overnight", "Europe/Berlin", weekly(shifts("22:00", "06:00"), workdays...), nil, ""},
			{"a legacy link", "Europe/Kiev", weekly(nine, 1), nil, ""},
			{"a POSIX name", "EST5EDT", weekly(nine, 1), nil, ""},
			{"a leap day", "UTC", weekly(nine, 1), []*ticketv1.Schedule_Exception{{Date: "2028-02-29"}}, ""},
			{
				"close before open", "UTC",
				weekly([]*ticketv1.Schedule_Hours{{OpenTime: "17:00", CloseTime: "09:00"}}, 1), nil, "schedule.week[0].hours[0].close_time",
			},
			{"no length", "UTC", weekly([]*ticketv1.Schedule_Hours{{OpenTime: "09:00", CloseTime: "09:00"}}, 1), nil, "schedule.week[0].hours[0].close_time"},
			{"overlap on a day", "UTC", weekly(shifts("09:00", "12:00", "11:00", "17:00"), 1), nil, "schedule.week[0].hours[1]"},
			{"a day twice", "UTC", append(weekly(nine, 1), weekly(nine, 1)...), nil, "schedule.week[1].hours[0]"},
			{"overlap across midnight", "UTC", append(weekly(shifts("22:00", "06:00"), 1), weekly(shifts("05:00", "12:00"), 2)...), nil, "schedule.week[1].hours[0]"},
			{"overlap across the week", "UTC", append(weekly(shifts("22:00", "06:00"), 6), weekly(shifts("05:00", "12:00"), 7)...), nil, "schedule.week[1].hours[0]"},
			{"never open", "UTC", nil, nil, "schedule.week"},
			{"never open on a day", "UTC", []*ticketv1.Schedule_WeekDay{{Day: 1}}, nil, "schedule.week[0].hours"},
			{"no such date", "UTC", weekly(nine, 1), []*ticketv1.Schedule_Exception{{Date: "2026-02-30"}}, "schedule.exceptions[0].date"},
			{"a date twice", "UTC", weekly(nine, 1), []*ticketv1.Schedule_Exception{{Date: "2026-02-03"}, {Date: "2026-02-03"}}, "schedule.exceptions[1].date"},
			{"no zone", "", weekly(nine, 1), nil, "schedule.time_zone"},
			{"the host's zone", "Local", weekly(nine, 1), nil, "schedule.time_zone"},
			{"another planet", "Mars/Phobos", weekly(nine, 1), nil, "schedule.time_zone"},
			{"a path", "../../etc/passwd", weekly(nine, 1), nil, "schedule.time_zone"},
			{"a path within", "America/../UTC", weekly(nine, 1), nil, "schedule.time_zone"},
		} {
			_, err := c.CreateSchedule(t.Context(), schedule("", tt.zone, tt.week, tt.off...))
			if tt.field == "" {
				if err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
				continue
			}
			refused(t, err, codes.InvalidArgument)
			if got := offending(t, err); !slices.Equal(got, []string{tt.field}) {
				t.Errorf("%s: refused for %q, want %q", tt.name, got, tt.field)
			}
		}
		for _, d := range []time.Duration{0, -time.Second, 10 * 366 * 24 * time.Hour} {
			_, err := c.CreateSlaPolicy(t.Context(), policy("", "", target(resolution, d)))
			refused(t, err, codes.InvalidArgument)
		}
		_, err := c.CreateSlaPolicy(t.Context(), policy("", "", target(resolution, time.Hour), target(resolution, time.Minute)))
		refused(t, err, codes.InvalidArgument)
		_, err = c.CreateSlaPolicy(t.Context(), policy("", "none", target(resolution, time.Hour)))
		refused(t, err, codes.NotFound)
	})
}

// TestADeadlineFollowsTheClockOnTheWall asks for deadlines around the edges of zones.
func TestADeadlineFollowsTheClockOnTheWall(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		for _, tt := range []struct {
			zone, open, close string
			start             string
			target            time.Duration
			want              string
		}{
			{"UTC", "09:00", "17:00", "2026-03-06T16:30:00Z", time.Hour, "2026-03-09T09:30:00Z"},
			{"UTC", "09:00", "17:00", "2026-03-06T16:59:30Z", time.Hour, "2026-03-09T09:59:30Z"},
			{"America/New_York", "02:30", "10:00", "2026-03-08T05:00:00Z", time.Hour, "2026-03-08T08:00:00Z"},
			{"America/Havana", "00:00", "08:00", "2026-03-08T04:00:00Z", 2 * time.Hour, "2026-03-08T07:00:00Z"},
			{"America/Santiago", "00:30", "08:00", "2026-09-06T03:00:00Z", 2 * time.Hour, "2026-09-06T06:00:00Z"},
		} {
			days := workdays
			if tt.zone != "UTC" {
				days = append(days, 6, 7)
			}
			name := must(c.CreateSchedule)(t, schedule("", tt.zone, weekly(shifts(tt.open, tt.close), days...))).GetName()
			start, err := time.Parse(time.RFC3339, tt.start)
			if err != nil {
				t.Fatal(err)
			}
			got := must(c.PreviewSlaDeadline)(t, &ticketv1.PreviewSlaDeadlineRequest{
				Parent: acme, Schedule: name, Target: durationpb.New(tt.target), StartTime: timestamppb.New(start),
			})
			if at := got.GetDueTime().AsTime().Format(time.RFC3339); at != tt.want {
				t.Errorf("%s %s-%s: %v from %s is %s, want %s", tt.zone, tt.open, tt.close, tt.target, tt.start, at, tt.want)
			}
			var ran time.Duration
			at := start
			for _, s := range got.GetSegments() {
				if !s.GetStartTime().AsTime().Equal(at) {
					t.Errorf("%s: a segment begins at %v, want %v", tt.zone, s.GetStartTime().AsTime(), at)
				}
				at = s.GetEndTime().AsTime()
				if s.GetState() == ticketv1.SlaInstance_Segment_STATE_RUNNING {
					ran += at.Sub(s.GetStartTime().AsTime())
				}
			}
			if ran != tt.target || !at.Equal(got.GetDueTime().AsTime()) {
				t.Errorf("%s: segments of %v till %v, want %v till the end", tt.zone, ran, at, tt.target)
			}
		}
		urgently := target(firstResponse, time.Minute)
		urgently.Priority = urgent
		must(c.CreateSlaPolicy)(t, policy("p", "", urgently, target(firstResponse, time.Hour)))
		soon := must(c.PreviewSlaDeadline)(t, &ticketv1.PreviewSlaDeadlineRequest{
			Parent: acme, SlaPolicy: acme + "/slaPolicies/p", Metric: firstResponse, Priority: urgent,
		})
		if got := soon.GetTarget().AsDuration(); got != time.Minute {
			t.Errorf("what is urgent has %v, want a minute", got)
		}
		now := must(c.PreviewSlaDeadline)(t, &ticketv1.PreviewSlaDeadlineRequest{Parent: acme, SlaPolicy: acme + "/slaPolicies/p", Metric: firstResponse})
		if left := time.Until(now.GetDueTime().AsTime()); left < 59*time.Minute || left > time.Hour {
			t.Errorf("an hour from now is %v away", left)
		}
		_, err := c.PreviewSlaDeadline(t.Context(), &ticketv1.PreviewSlaDeadlineRequest{Parent: acme, SlaPolicy: acme + "/slaPolicies/p", Metric: resolution})
		refused(t, err, codes.InvalidArgument)
	})
}

// century is a window that holds all tickets.
func century() *typev1.Window {
	return &typev1.Window{StartTime: timestamppb.New(noon.AddDate(-20, 0, 0)), EndTime: timestamppb.New(noon.AddDate(80, 0, 0))}
}

// offending returns the fields that an error names.
func offending(t *testing.T, err error) (paths []string) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				paths = append(paths, v.GetField())
			}
		}
	}
	return paths
}
