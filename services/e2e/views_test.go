package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// february is the window of the stories about views.
var february = &typev1.Window{
	StartTime: timestamppb.New(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)),
	EndTime:   timestamppb.New(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
}

// What seed makes in February.
const (
	seedTickets = 10 // half by telephone, half by e-mail; each a call and a resolution
	seedVisits  = 60 // by thirty customers, ten of whom had a ticket
)

// seed makes a brand with a February in which all was well, and a little on the
// edges of it: the first instant is in, the first one after is not.
func (c *clients) seed(t testing.TB) string {
	t.Helper()
	brand := c.brand(t)
	ces := c.survey(t, brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	nps := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	for i := range seedTickets {
		customer := fmt.Sprint(brand, "/customers/c", i)
		channel := typev1.Channel_CHANNEL_PHONE
		if i%2 == 1 {
			channel = typev1.Channel_CHANNEL_EMAIL
		}
		ticket := c.open(t, customer, channel, noon)
		call := c.call(t, ticket, noon.Add(time.Hour))
		c.resolve(t, ticket, noon.Add(2*time.Hour))
		at := timestamppb.New(noon.Add(24 * time.Hour))
		c.answer(t, ces, customer, int32(4+i%4), &surveyv1.Response{ //nolint:gosec // 4 to 7
			SubmitTime: at, Attribution: &surveyv1.Attribution{Interaction: call.GetName(), Channel: channel},
		})
		c.answer(t, nps, customer, int32(10*(i%2)), &surveyv1.Response{SubmitTime: at}) //nolint:gosec // 0 or 10
	}
	batch := &journeyv1.BatchRecordTouchpointsRequest{Parent: brand}
	visit := func(customer string, at time.Time) {
		batch.Requests = append(batch.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: customer,
			Touchpoint: &journeyv1.Touchpoint{
				Definition: brand + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(at), Source: "web",
				EventId: fmt.Sprint(len(batch.GetRequests())), Expectation: typev1.Expectation_EXPECTATION_MET,
			},
		})
	}
	for i := range seedVisits - 1 {
		visit(fmt.Sprint(brand, "/customers/c", i%30), noon.Add(time.Duration(i)*time.Hour))
	}
	visit(brand+"/customers/c29", february.GetStartTime().AsTime())
	visit(brand+"/customers/late", february.GetEndTime().AsTime())
	must(c.touchpoints.BatchRecordTouchpoints(t.Context(), batch))(t)
	for i := range seedTickets {
		for _, p := range c.lived(t, fmt.Sprint(brand, "/customers/c", i), 4) {
			if p.GetInteraction() != "" {
				c.measured(t, p.GetName())
			}
		}
	}
	return brand
}

// compareViews: the two circles are about the same window, and each says the same
// alone as beside the other.
func compareViews(t *testing.T, c *clients) {
	brand := c.seed(t)
	ask := &gatewayv1.CompareViewsRequest{Parent: brand, Window: february, GroupBy: []string{"channel"}}
	both := must(c.views.CompareViews(t.Context(), ask))(t)
	whole(t, both.GetParts())
	same(t, both.GetWindow(), february)
	for circle, basis := range map[string]*typev1.Basis{"service": both.GetService().GetBasis(), "experience": both.GetExperience().GetBasis()} {
		same(t, basis.GetWindow(), february)
		same(t, basis.GetAsOfTime(), february.GetEndTime())
		if basis.GetReadTime() == nil || len(basis.GetSources()) != 2 {
			t.Errorf("the basis of the %s view is %v", circle, basis)
		}
	}
	service, experience := both.GetService().GetMeasures(), both.GetExperience().GetMeasures()
	holds(t, service, typev1.Metric_METRIC_TICKET_COUNT, seedTickets)
	holds(t, service, typev1.Metric_METRIC_RESOLUTION_RATE, 1)
	holds(t, service, typev1.Metric_METRIC_CES, 5.3)
	holds(t, service, typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50, 3600)
	holds(t, experience, typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedVisits+2*seedTickets)
	holds(t, experience, typev1.Metric_METRIC_EXPECTATION_MET_SHARE, 1)
	holds(t, experience, typev1.Metric_METRIC_SERVICE_TOUCHPOINT_SHARE, 0.25)
	same(t, both.GetExperience().GetNesting(), &journeyv1.Nesting{
		Touchpoints: seedVisits + 2*seedTickets, ServiceTouchpoints: 2 * seedTickets, Customers: 30, ServiceCustomers: seedTickets,
	})
	for _, m := range service {
		if m.GetSubject() != typev1.Subject_SUBJECT_SERVICE {
			t.Errorf("the service view has %v about %v", m.GetMetric(), m.GetSubject())
		}
	}

	sums(t, both.GetService().GetGroups(), typev1.Metric_METRIC_TICKET_COUNT, seedTickets, "CHANNEL_EMAIL", "CHANNEL_PHONE")
	sums(t, both.GetExperience().GetGroups(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedVisits+2*seedTickets,
		"", "CHANNEL_EMAIL", "CHANNEL_PHONE", "CHANNEL_WEB") // of some answers nobody knows the channel
	c.alone(t, ask, both)
	c.narrowed(t, brand)
}

// alone asks for each view by itself and expects what stood beside the other.
func (c *clients) alone(t testing.TB, ask *gatewayv1.CompareViewsRequest, both *gatewayv1.CompareViewsResponse) {
	t.Helper()
	inner := must(c.views.GetServiceView(t.Context(), &gatewayv1.GetServiceViewRequest{
		Parent: ask.GetParent(), Window: ask.GetWindow(), GroupBy: ask.GetGroupBy(),
	}))(t).GetService()
	outer := must(c.views.GetExperienceView(t.Context(), &gatewayv1.GetExperienceViewRequest{
		Parent: ask.GetParent(), Window: ask.GetWindow(), GroupBy: ask.GetGroupBy(),
	}))(t).GetExperience()
	for _, basis := range []*typev1.Basis{
		inner.GetBasis(), outer.GetBasis(), both.GetService().GetBasis(), both.GetExperience().GetBasis(),
	} {
		basis.ReadTime = nil
	}
	same(t, inner, both.GetService())
	same(t, outer, both.GetExperience())
}

// narrowed looks at one channel only, and then at what one part alone can group by.
func (c *clients) narrowed(t testing.TB, brand string) {
	t.Helper()
	phone := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{
		Parent: brand, Window: february, Population: &typev1.Population{Channels: []typev1.Channel{typev1.Channel_CHANNEL_PHONE}},
		GroupBy: []string{"issue_kind"},
	}))(t)
	holds(t, phone.GetService().GetMeasures(), typev1.Metric_METRIC_TICKET_COUNT, seedTickets/2)
	holds(t, phone.GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedTickets)
	sums(t, phone.GetService().GetGroups(), typev1.Metric_METRIC_TICKET_COUNT, seedTickets/2, "ISSUE_KIND_BILLING")
	if groups := phone.GetExperience().GetGroups(); len(groups) != 0 {
		t.Errorf("touchpoints are grouped by the issue of a ticket: %v", groups)
	}

	all := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand}))(t)
	if w := all.GetWindow(); !w.GetStartTime().AsTime().Equal(february.GetStartTime().AsTime()) || !w.GetEndTime().AsTime().After(february.GetEndTime().AsTime()) {
		t.Errorf("the span of the data is %v", w)
	}
	holds(t, all.GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedVisits+2*seedTickets+1)
}

// sums fails unless the groups are the ones that are wanted, in this order, and
// their counts add up to total.
func sums(t testing.TB, groups []*typev1.MeasureGroup, metric typev1.Metric, total float64, want ...string) {
	t.Helper()
	var got []string
	for _, g := range groups {
		got = append(got, g.GetKeys()[0].GetValue())
		for _, m := range g.GetMeasures() {
			if m.GetMetric() == metric {
				total -= m.GetEstimate().GetValue()
			}
		}
	}
	if !slices.Equal(got, want) || total != 0 {
		t.Errorf("%v is grouped into %v, want %v; %v are left over", metric, got, want, total)
	}
}

// emptyViews: nothing is not zero, and zero is not nothing.
func emptyViews(t *testing.T, c *clients) {
	brand := c.seed(t)
	full := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand, Window: february}))(t)
	service, experience := full.GetService().GetMeasures(), full.GetExperience().GetMeasures()
	holds(t, service, typev1.Metric_METRIC_BACKLOG, 0)
	holds(t, service, typev1.Metric_METRIC_REOPEN_RATE, 0)
	holds(t, experience, typev1.Metric_METRIC_UNMET_SHARE, 0)
	holds(t, experience, typev1.Metric_METRIC_DELIGHT_RATE, 0)
	holds(t, experience, typev1.Metric_METRIC_NPS, 0) // as many promoters as detractors

	before := proto.CloneOf(february)
	before.StartTime = timestamppb.New(february.GetStartTime().AsTime().AddDate(-1, 0, 0))
	before.EndTime = february.GetStartTime()
	empty := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand, Window: before, GroupBy: []string{"channel"}}))(t)
	whole(t, empty.GetParts())
	service, experience = empty.GetService().GetMeasures(), empty.GetExperience().GetMeasures()
	holds(t, service, typev1.Metric_METRIC_TICKET_COUNT, 0)
	holds(t, experience, typev1.Metric_METRIC_TOUCHPOINT_COUNT, 0)
	lacks(t, service, typev1.Metric_METRIC_RESOLUTION_RATE, typev1.Quality_QUALITY_NO_DATA)
	lacks(t, service, typev1.Metric_METRIC_RESOLUTION_TIME_P50, typev1.Quality_QUALITY_NO_DATA)
	lacks(t, experience, typev1.Metric_METRIC_UNMET_SHARE, typev1.Quality_QUALITY_NO_DATA)
	lacks(t, experience, typev1.Metric_METRIC_JOURNEY_SCORE, typev1.Quality_QUALITY_NO_DATA)
	if len(empty.GetService().GetGroups())+len(empty.GetExperience().GetGroups()) != 0 {
		t.Errorf("an empty window has groups: %v", empty)
	}
	same(t, empty.GetExperience().GetNesting(), &journeyv1.Nesting{})

	young := c.brand(t)
	nothing := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: young}))(t)
	whole(t, nothing.GetParts())
	if nothing.GetWindow() != nil {
		t.Errorf("a brand without data has the window %v", nothing.GetWindow())
	}
	lacks(t, nothing.GetService().GetMeasures(), typev1.Metric_METRIC_RESOLUTION_RATE, typev1.Quality_QUALITY_NO_DATA)
	o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: young + "/customers/nobody/overview"}))(t)
	same(t, o, &gatewayv1.CustomerOverview{Name: o.GetName(), Parts: o.GetParts()})
	whole(t, o.GetParts())
}
