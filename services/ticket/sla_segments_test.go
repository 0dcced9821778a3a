package ticket_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// TestAClockShowsItsLastSegments looks at a ticket as old as can be, under hours with
// as many breaks as can be.
func TestAClockShowsItsLastSegments(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		var times []string
		for hour := range 12 {
			times = append(times, fmt.Sprintf("%02d:00", 2*hour), fmt.Sprintf("%02d:30", 2*hour))
		}
		desk := must(c.CreateSchedule)(t, schedule("desk", "UTC", weekly(shifts(times...), 1, 2, 3, 4, 5, 6, 7))).GetName()
		must(c.CreateSlaPolicy)(t, policy("p", "desk", target(resolution, time.Hour)))
		opened := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
		tk := must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { req.Ticket.OpenTime = timestamppb.New(opened) })).GetName()
		at := opened.AddDate(50, 0, 0)
		clock := c.clock(t, tk, at, resolution)
		segments := clock.GetSegments()
		if n := len(segments); n != 10_000 || !segments[n-1].GetEndTime().AsTime().Equal(at) {
			t.Errorf("%d segments, want the last 10,000", n)
		}
		if got, want := clock.GetElapsed().AsDuration(), at.Sub(opened)/4; got != want {
			t.Errorf("elapsed %v, want %v", got, want)
		}
		contiguous(t, segments)
		previewed := must(c.PreviewSlaDeadline)(t, &ticketv1.PreviewSlaDeadlineRequest{
			Parent: acme, Schedule: desk, Target: durationpb.New(365 * 24 * time.Hour), StartTime: timestamppb.New(opened),
		})
		segments = previewed.GetSegments()
		if len(segments) != 1000 || !segments[0].GetStartTime().AsTime().Equal(opened) {
			t.Errorf("%d segments are previewed, want the first 1,000", len(segments))
		}
		if got, want := previewed.GetDueTime().AsTime(), opened.Add(4*365*24*time.Hour-90*time.Minute); !got.Equal(want) {
			t.Errorf("due at %v, want %v", got, want)
		}
		contiguous(t, segments)
	})
}

// contiguous checks that each segment begins where the one before it ends.
func contiguous(t *testing.T, segments []*ticketv1.SlaInstance_Segment) {
	t.Helper()
	for i := range segments[1:] {
		if end, start := segments[i].GetEndTime().AsTime(), segments[i+1].GetStartTime().AsTime(); !end.Equal(start) {
			t.Fatalf("a segment ends at %v, the next begins at %v", end, start)
		}
	}
}
