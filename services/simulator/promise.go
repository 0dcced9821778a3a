package simulator

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// What the brand promises those who ask for help, and when it counts.
const (
	opening  = "opening-hours"
	standard = "standard"
)

func (w *world) schedule() *ticketv1.Schedule {
	s := &ticketv1.Schedule{DisplayName: "Opening hours", TimeZone: "Etc/UTC"}
	for d := ticketv1.Schedule_DAY_OF_WEEK_MONDAY; d <= ticketv1.Schedule_DAY_OF_WEEK_SUNDAY; d++ {
		s.Week = append(s.Week, &ticketv1.Schedule_WeekDay{
			Day: d, Hours: []*ticketv1.Schedule_Hours{{OpenTime: "08:00", CloseTime: "22:00"}},
		})
	}
	return s
}

func (w *world) policy() *ticketv1.SlaPolicy {
	target := func(m ticketv1.SlaMetric, d time.Duration) *ticketv1.SlaPolicy_Target {
		return &ticketv1.SlaPolicy_Target{Metric: m, Duration: durationpb.New(d)}
	}
	return &ticketv1.SlaPolicy{
		DisplayName: "Standard", Schedule: name.Join(w.brand, "schedules", opening), BotCounts: true,
		Targets: []*ticketv1.SlaPolicy_Target{
			target(ticketv1.SlaMetric_SLA_METRIC_FIRST_RESPONSE, 6*time.Hour),
			target(ticketv1.SlaMetric_SLA_METRIC_RESOLUTION, 20*time.Hour),
		},
	}
}

// promise makes the schedule and the policy, as far as they are not there.
func promise(ctx context.Context, conn grpc.ClientConnInterface, w *world) error {
	sla := ticketv1.NewSlaServiceClient(conn)
	_, err := sla.CreateSchedule(ctx, &ticketv1.CreateScheduleRequest{
		Parent: w.brand, Schedule: w.schedule(), ScheduleId: opening, RequestId: w.requestID("CreateSchedule", opening),
	})
	if err != nil && !exists(err) {
		return fmt.Errorf("create schedule %s: %w", opening, err)
	}
	_, err = sla.CreateSlaPolicy(ctx, &ticketv1.CreateSlaPolicyRequest{
		Parent: w.brand, SlaPolicy: w.policy(), SlaPolicyId: standard, RequestId: w.requestID("CreateSlaPolicy", standard),
	})
	if err != nil && !exists(err) {
		return fmt.Errorf("create policy %s: %w", standard, err)
	}
	return nil
}
