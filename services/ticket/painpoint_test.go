package ticket_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// week is the window of the tests' tickets, after a week with others.
func week() *typev1.Window {
	return &typev1.Window{StartTime: timestamppb.New(noon), EndTime: timestamppb.New(noon.Add(7 * 24 * time.Hour))}
}

// asks opens n tickets about kind some hours after noon, of which failed end unsolved
// and the others solved, each a minute after it was opened.
func (c client) asks(t *testing.T, kind ticketv1.Ticket_IssueKind, n, failed int, hour int) {
	t.Helper()
	for i := range n {
		tk := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.IssueKind, r.Ticket.OpenTime = kind, timestamppb.New(hours(hour))
			r.Ticket.CauseTouchpoint = fmt.Sprintf("%s/touchpoints/parcel-%d", ann, i%3)
			r.Ticket.Avoidable = i%2 == 0
		}))
		outcome := solved
		if i < failed {
			outcome = ticketv1.Ticket_OUTCOME_UNSOLVED
		}
		must(c.ResolveTicket)(t, resolve(tk.GetName(), outcome, time.Duration(hour)*time.Hour+time.Minute))
	}
}

func TestPainPointsBeginWhereMostTicketsFailed(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		const refund, delivery, billing = ticketv1.Ticket_ISSUE_KIND_REFUND, ticketv1.Ticket_ISSUE_KIND_DELIVERY, ticketv1.Ticket_ISSUE_KIND_BILLING
		c.asks(t, delivery, 12, 9, 5)
		c.asks(t, delivery, 6, 0, -30) // the week before
		c.asks(t, refund, 20, 3, 6)
		c.asks(t, billing, 2, 2, 7) // too few to tell
		list := func(size int32, token string) *ticketv1.ListPainPointsResponse {
			return must(c.ListPainPoints)(t, &ticketv1.ListPainPointsRequest{Parent: acme, Window: week(), PageSize: size, PageToken: token})
		}
		all := list(0, "")
		if len(all.GetPainPoints()) != 3 || all.GetBasis().GetIncluded() != 34 || all.GetNextPageToken() != "" {
			t.Fatalf("answer = %v, want three pain points of 34 tickets", all)
		}
		first, last := all.GetPainPoints()[0], all.GetPainPoints()[2]
		if first.GetIssueKind() != delivery || first.GetTicketCount() != 12 || first.GetFailedCount() != 9 ||
			first.GetShare().GetValue() != 12.0/34 || first.GetFailedShare().GetValue() != .75 || first.GetAvoidableShare().GetValue() != .5 ||
			first.GetResolutionTime().GetValue() != 60 || first.GetTrend().GetValue() != 2 || first.GetTrend().GetLower() > 1 {
			t.Errorf("first = %v, want deliveries", first)
		}
		if causes := first.GetCauses(); len(causes) != 1 || causes[0] != "parcel" || len(first.GetProblems()) != 0 {
			t.Errorf("causes = %q, problems = %q", causes, first.GetProblems())
		}
		if last.GetIssueKind() != billing || last.GetFailedShare().Value != nil || last.GetTicketCount() != 2 {
			t.Errorf("last = %v, want the two of billing without a share", last)
		}
		one := list(2, "")
		two := list(2, one.GetNextPageToken())
		if len(one.GetPainPoints()) != 2 || len(two.GetPainPoints()) != 1 || two.GetNextPageToken() != "" {
			t.Errorf("pages = %v, %v", one, two)
		}
		equal(t, "first of the pages", one.GetPainPoints()[0], first)
		equal(t, "last of the pages", two.GetPainPoints()[0], last)
		_, err := c.ListPainPoints(t.Context(), &ticketv1.ListPainPointsRequest{Parent: acme, PageToken: one.GetNextPageToken()})
		refused(t, err, codes.InvalidArgument)
	})
}

func TestPartnersAreComparedAsIfTheyHadTheSameTickets(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for i := range 40 {
			tk := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
				r.Ticket.Partner = []string{"", acme + "/partners/bpo"}[i%2]
				r.Ticket.OpenTime = timestamppb.New(hours(i))
			}))
			outcome := solved
			if i%2 == 1 && i%8 != 1 {
				outcome = ticketv1.Ticket_OUTCOME_UNSOLVED
			}
			must(c.ResolveTicket)(t, resolve(tk.GetName(), outcome, time.Duration(i+1+i%2)*time.Hour))
		}
		resp := must(c.ComparePartners)(t, &ticketv1.ComparePartnersRequest{Parent: acme, Window: week()})
		if len(resp.GetComparisons()) != 3 || resp.GetBasis().GetIncluded() != 40 {
			t.Fatalf("answer = %v, want three comparisons of 40 tickets", resp)
		}
		solvedFirst, slowest := resp.GetComparisons()[0], resp.GetComparisons()[2]
		if e := solvedFirst.GetEntries(); solvedFirst.GetMetric() != typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION || len(e) != 2 ||
			e[0].GetPartner() != "" || e[1].GetPartner() != acme+"/partners/bpo" || e[0].GetAdjusted().GetValue() != 1 || e[1].GetRaw().GetValue() != .25 {
			t.Errorf("comparison = %v, want the brand's own people first", solvedFirst)
		}
		if p := solvedFirst.GetPairs(); len(p) != 1 || !p[0].GetDistinguishable() || p[0].GetOther() != acme+"/partners/bpo" || p[0].GetDifference().GetValue() != .75 {
			t.Errorf("pairs = %v, want a difference of 3/4", p)
		}
		if e := slowest.GetEntries()[1]; slowest.GetMetric() != typev1.Metric_METRIC_RESOLUTION_TIME_P90 || e.GetAdjusted().GetValue() != 7200 {
			t.Errorf("comparison = %v, want two hours of the partner", slowest)
		}
		if e := resp.GetComparisons()[1].GetEntries()[0]; e.GetRank() != 0 || e.GetRaw().GetQuality() != typev1.Quality_QUALITY_NO_DATA {
			t.Errorf("entry = %v, want no clocks", e)
		}
		_, err := c.ComparePartners(t.Context(), &ticketv1.ComparePartnersRequest{Parent: acme, Partners: []string{acme + "/partners/none"}})
		refused(t, err, codes.NotFound)
	})
}
