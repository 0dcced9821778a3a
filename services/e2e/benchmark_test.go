package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// allDay is a week of the same hours, in pairs, every day.
func allDay(times ...string) (week []*ticketv1.Schedule_WeekDay) { return weekly(7, times...) }

// weekly is a week of the same hours on the first so many days.
func weekly(days int, times ...string) (week []*ticketv1.Schedule_WeekDay) {
	for day := range days {
		d := &ticketv1.Schedule_WeekDay{Day: ticketv1.Schedule_DayOfWeek(1 + day)} //nolint:gosec // a day of the week
		for pair := range slices.Chunk(times, 2) {
			d.Hours = append(d.Hours, &ticketv1.Schedule_Hours{OpenTime: pair[0], CloseTime: pair[1]})
		}
		week = append(week, d)
	}
	return week
}

func target(metric ticketv1.SlaMetric, d time.Duration) *ticketv1.SlaPolicy_Target {
	return &ticketv1.SlaPolicy_Target{Metric: metric, Duration: durationpb.New(d)}
}

func firstResponse(d time.Duration) *ticketv1.SlaPolicy_Target {
	return target(ticketv1.SlaMetric_SLA_METRIC_FIRST_RESPONSE, d)
}

// promise gives a brand hours in Berlin and a policy for all its tickets, which it
// returns.
func (c *clients) promise(t testing.TB, brand string, week []*ticketv1.Schedule_WeekDay, targets ...*ticketv1.SlaPolicy_Target) *ticketv1.SlaPolicy {
	t.Helper()
	desk := must(c.sla.CreateSchedule(t.Context(), &ticketv1.CreateScheduleRequest{Parent: brand, Schedule: &ticketv1.Schedule{
		DisplayName: "The desk", TimeZone: "Europe/Berlin", Week: week,
		Exceptions: []*ticketv1.Schedule_Exception{{Date: "2026-04-06", Title: "Easter Monday"}},
	}}))(t)
	return must(c.sla.CreateSlaPolicy(t.Context(), &ticketv1.CreateSlaPolicyRequest{Parent: brand, SlaPolicy: &ticketv1.SlaPolicy{
		DisplayName: "The promise", Schedule: desk.GetName(), Targets: targets,
	}}))(t)
}

// clock returns the only clock of a metric, after making sure that its segments join up
// and add up.
func (c *clients) clock(t testing.TB, ticket string, at time.Time, metric ticketv1.SlaMetric) *ticketv1.SlaInstance {
	t.Helper()
	all := must(c.sla.GetSlaClock(t.Context(), &ticketv1.GetSlaClockRequest{Name: ticket, AsOfTime: timestamppb.New(at)}))(t)
	i := slices.IndexFunc(all.GetInstances(), func(i *ticketv1.SlaInstance) bool { return i.GetMetric() == metric })
	if i < 0 {
		t.Fatalf("%s has the clocks %v, want one of %v", ticket, all, metric)
	}
	clock, next, ran := all.GetInstances()[i], time.Time{}, time.Duration(0)
	for _, s := range clock.GetSegments() {
		if start := s.GetStartTime().AsTime(); !next.IsZero() && !start.Equal(next) {
			t.Errorf("a segment of %s begins at %v, want %v", clock.GetName(), start, next)
		}
		next = s.GetEndTime().AsTime()
		if s.GetState() == ticketv1.SlaInstance_Segment_STATE_RUNNING {
			ran += next.Sub(s.GetStartTime().AsTime())
		}
	}
	if ran != clock.GetElapsed().AsDuration() {
		t.Errorf("the segments of %s run for %v, and it has counted %v", clock.GetName(), ran, clock.GetElapsed().AsDuration())
	}
	return clock
}

// benchmarks: hours with a lunch break, a customer who is waited for over night, clocks
// that stand still with them, a warning in time, and what another policy would have
// made of it.
func benchmarks(t *testing.T, c *clients) {
	brand := c.brand(t)
	const resolution = ticketv1.SlaMetric_SLA_METRIC_RESOLUTION
	policy := c.promise(t, brand, weekly(5, "09:00", "12:30", "13:30", "18:00"),
		firstResponse(time.Hour), target(ticketv1.SlaMetric_SLA_METRIC_NEXT_RESPONSE, 4*time.Hour), target(resolution, 16*time.Hour))
	warned := c.warnings(t, brand)
	berlin := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour-1, minute, 0, 0, time.UTC) } // in winter

	ticket := c.open(t, brand+"/customers/ann", typev1.Channel_CHANNEL_EMAIL, berlin(10, 11, 0)) // a Tuesday
	if ticket.GetSlaPolicy() != policy.GetName() {
		t.Errorf("the ticket follows %q, want %q", ticket.GetSlaPolicy(), policy.GetName())
	}
	c.asks(t, ticket, berlin(10, 11, 0))
	c.call(t, ticket, berlin(10, 11, 30))
	must(c.tickets.PendTicket(t.Context(), &ticketv1.PendTicketRequest{Name: ticket.GetName(), EventTime: timestamppb.New(berlin(10, 11, 50))}))(t)
	c.asks(t, ticket, berlin(11, 10, 10)) // which brings it back
	c.call(t, ticket, berlin(11, 15, 0))

	clock := c.clock(t, ticket.GetName(), berlin(11, 15, 0), resolution)
	var told []string
	for _, s := range clock.GetSegments() {
		told = append(told, fmt.Sprint(s.GetState(), " ", s.GetEndTime().AsTime().Sub(s.GetStartTime().AsTime()), " ", s.GetReason()))
	}
	want := []string{
		"STATE_RUNNING 50m0s ", "STATE_PAUSED 22h20m0s STATE_PENDING", "STATE_RUNNING 2h20m0s ", "STATE_OFF_HOURS 1h0m0s ", "STATE_RUNNING 1h30m0s ",
	}
	if !slices.Equal(told, want) || clock.GetState() != ticketv1.SlaInstance_STATE_ACTIVE || clock.GetElapsed().AsDuration() != 4*time.Hour+40*time.Minute {
		t.Errorf("the clock is %v, its segments are\n%q, want\n%q", clock, told, want)
	}
	warned(t, ticket.GetName(), berlin(11, 14, 22)) // four fifths of the time for the next response
	c.resolve(t, ticket, berlin(12, 17, 40))
	if clock := c.clock(t, ticket.GetName(), time.Now(), resolution); clock.GetState() != ticketv1.SlaInstance_STATE_MET ||
		clock.GetElapsed().AsDuration() != 15*time.Hour+20*time.Minute {
		t.Errorf("in the end the clock is %v, want it met after 15 h 20 min", clock)
	}
	c.wouldHaveLost(t, brand, &ticketv1.SlaPolicy{DisplayName: "Eight hours", Schedule: policy.GetSchedule(), Targets: []*ticketv1.SlaPolicy_Target{
		target(resolution, 8*time.Hour),
	}}, resolution)
}

// asks records a message of the customer.
func (c *clients) asks(t testing.TB, ticket *ticketv1.Ticket, at time.Time) *ticketv1.Interaction {
	t.Helper()
	return must(c.interactions.CreateInteraction(t.Context(), &ticketv1.CreateInteractionRequest{
		Parent: ticket.GetName(),
		Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_INBOUND,
			Actor: ticketv1.Interaction_ACTOR_CUSTOMER, StartTime: timestamppb.New(at),
		},
	}))(t)
}

// warnings begins to watch the warnings of a brand, where that is possible, and returns
// a function that waits for one about a ticket, of a time.
func (c *clients) warnings(t testing.TB, brand string) func(t testing.TB, ticket string, at time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := c.sla.WatchSlaEvents(ctx, &ticketv1.WatchSlaEventsRequest{Parent: brand, Kinds: []ticketv1.SlaEvent_Kind{ticketv1.SlaEvent_KIND_WARNING}})
	if status.Code(err) == codes.Unimplemented {
		return func(testing.TB, string, time.Time) {}
	}
	if err != nil {
		t.Fatal(err)
	}
	if first := must(stream.Recv())(t); first.GetEvent() != nil || first.GetResumeToken() == "" {
		t.Errorf("the watch begins with %v, want a sign of life", first)
	}
	return func(t testing.TB, ticket string, at time.Time) {
		t.Helper()
		for {
			e := must(stream.Recv())(t).GetEvent()
			if e.GetTicket() == ticket && e.GetKind() == ticketv1.SlaEvent_KIND_WARNING && e.GetEventTime().AsTime().Equal(at) {
				return
			}
		}
	}
}

// wouldHaveLost tries a policy on all tickets of a brand, of which one was met and would
// not have been.
func (c *clients) wouldHaveLost(t testing.TB, brand string, policy *ticketv1.SlaPolicy, metric ticketv1.SlaMetric) {
	t.Helper()
	op := must(c.sla.SimulateSlaPolicy(t.Context(), &ticketv1.SimulateSlaPolicyRequest{
		Parent: brand, SlaPolicy: policy,
		Window: &typev1.Window{StartTime: timestamppb.New(noon.AddDate(0, -1, 0)), EndTime: timestamppb.New(noon.AddDate(0, 3, 0))},
	}))(t)
	eventually(t, func() error {
		op = must(c.operations.WaitOperation(t.Context(), &ticketv1.WaitOperationRequest{Name: op.GetName()}))(t)
		if !op.GetDone() {
			return fmt.Errorf("%s goes on", op.GetName())
		}
		return nil
	})
	var got ticketv1.SimulateSlaPolicyResponse
	if err := op.GetResponse().UnmarshalTo(&got); err != nil {
		t.Fatalf("%v: %v", op, err)
	}
	for _, r := range got.GetResults() {
		if r.GetMetric() == metric {
			if r.GetLostCount() != 1 || r.GetWonCount() != 0 || r.GetCurrent().GetN() != 1 || r.GetSimulated().GetN() != 1 {
				t.Errorf("the simulation says %v, want one clock lost", r)
			}
			return
		}
	}
	t.Errorf("the simulation says %v, and nothing of %v", &got, metric)
}
