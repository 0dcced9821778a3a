package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// TestGlances looks at a brand in all the ways that the gateway knows beside the two views.
func TestGlances(t *testing.T) {
	each(t, func(t *testing.T, s *suite) {
		for _, glance := range []struct {
			name string
			test func(*testing.T, *suite, *clients)
		}{
			{"who is well served and disappointed all the same", quadrants},
			{"a partner is held against everybody else", partnerScorecard},
			{"a function answers for the touchpoints it owns", functionScorecard},
			{"how often customers have to ask, and whether that has changed", contactRate},
			{"what a brand has in each service", dataCoverage},
			{"a customer of two names is one customer on the screen", mergedOverview},
			{"a customer of many names is one customer, too", manyNames},
			{"a watcher sees a view again when its figures change", watchedViews},
			{"who writes and then looks sees what was written", ownWrites},
			{"a figure is held against its target", targets},
		} {
			t.Run(glance.name, func(t *testing.T) { glance.test(t, s, s.door()) })
		}
	})
}

// lives records touchpoints of a definition for the customer, an hour apart from noon on.
func (c *clients) lives(t testing.TB, customer, definition string, outcomes ...typev1.Expectation) {
	t.Helper()
	batch := &journeyv1.BatchRecordTouchpointsRequest{Parent: brandOf(customer)}
	for i, e := range outcomes {
		batch.Requests = append(batch.Requests, &journeyv1.RecordTouchpointRequest{Parent: customer, Touchpoint: &journeyv1.Touchpoint{
			Definition: brandOf(customer) + "/touchpointDefinitions/" + definition, Expectation: e, Source: "test",
			EventId: fmt.Sprint(customer, definition, i), EventTime: timestamppb.New(noon.Add(time.Duration(i) * time.Hour)),
		}})
	}
	must(c.touchpoints.BatchRecordTouchpoints(t.Context(), batch))(t)
}

func quadrants(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	for i := range 40 {
		customer := fmt.Sprintf("%s/customers/c%02d", brand, i)
		service, rest := met, met
		if i%4 == 1 || i%4 == 3 {
			rest = unmet
		}
		if i%4 >= 2 {
			service = unmet
		}
		c.lives(t, customer, "support-interaction", service)
		c.lives(t, customer, "website-visit", rest, rest, rest)
	}
	c.lives(t, brand+"/customers/unserved", "website-visit", met)
	half := 0.5
	ask := &gatewayv1.ListQuadrantCustomersRequest{Parent: brand, Window: february, ServiceThreshold: &half, ExperienceThreshold: &half, PageSize: 7}
	first := must(c.views.ListQuadrantCustomers(t.Context(), ask))(t)
	for i, q := range first.GetQuadrants() {
		if q.GetCustomers() != 10 || q.GetShare().GetValue() != 0.25 || q.GetShare().GetN() != 40 || q.GetShare().GetMethod() != typev1.Method_METHOD_GOODMAN {
			t.Errorf("quadrant %d = %v, want 10 of 40", i, q)
		}
	}
	if b := first.GetBasis(); b.GetIncluded() != 40 || len(b.GetExcluded()) != 1 || b.GetExcluded()[0].GetCount() != 1 {
		t.Errorf("basis = %v, want 40, and the unserved one left out", b)
	}
	ask.Quadrants = []journeyv1.Quadrant{journeyv1.Quadrant_QUADRANT_SERVICE_HIGH}
	seen := map[string]bool{}
	last := ""
	for page := 0; page < 10; page++ {
		r := must(c.views.ListQuadrantCustomers(t.Context(), ask))(t)
		for _, one := range r.GetCustomers() {
			if one.GetServiceValue() <= one.GetExperienceValue() || one.GetQuadrant() != ask.GetQuadrants()[0] || one.GetCustomer() <= last || one.GetTouchpoints() != 4 {
				t.Errorf("after %s comes %v", last, one)
			}
			last = one.GetCustomer()
			seen[last] = true
		}
		if ask.PageToken = r.GetNextPageToken(); ask.PageToken == "" {
			break
		}
	}
	if len(seen) != 10 {
		t.Errorf("the pages have %d customers, want 10", len(seen))
	}
	free := must(c.views.ListQuadrantCustomers(t.Context(), &gatewayv1.ListQuadrantCustomersRequest{Parent: brand}))(t)
	if free.ServiceThreshold == nil || free.GetServiceThreshold() != 0.75 || free.GetExperienceThreshold() != (0.75*3+0)/4 {
		t.Errorf("the medians are %v and %v", free.GetServiceThreshold(), free.GetExperienceThreshold())
	}
}

// helped opens n tickets of a partner, of which so many are resolved.
func (c *clients) helped(t testing.TB, brand, partner string, n, resolved int) {
	t.Helper()
	for i := range n {
		ticket := must(c.tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{Parent: brand, Ticket: &ticketv1.Ticket{
			Customer: fmt.Sprint(brand, "/customers/", partner, i), Subject: "Help", OpenTime: timestamppb.New(noon), Partner: brand + "/partners/" + partner,
			Channel: typev1.Channel_CHANNEL_PHONE,
		}}))(t)
		if i < resolved {
			c.resolve(t, ticket, noon.Add(time.Hour))
		}
	}
}

// meets records that a customer met a partner.
func (c *clients) meets(t testing.TB, brand, partner string, i int, felt typev1.Emotion, e typev1.Expectation) {
	t.Helper()
	must(c.touchpoints.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{
		Parent: fmt.Sprint(brand, "/customers/", partner, i),
		Touchpoint: &journeyv1.Touchpoint{
			Definition: brand + "/touchpointDefinitions/delivery", EventTime: timestamppb.New(noon), Expectation: e, Emotion: felt,
			Source: "test", EventId: fmt.Sprint(partner, i), Attributes: map[string]string{"partner": partner},
		},
	}))(t)
}

func partnerScorecard(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	for _, id := range []string{"slow", "swift"} {
		must(c.directory.CreatePartner(t.Context(), &ticketv1.CreatePartnerRequest{
			Parent: brand, PartnerId: id, Partner: &ticketv1.Partner{DisplayName: id},
		}))(t)
	}
	c.helped(t, brand, "slow", 40, 10)
	c.helped(t, brand, "swift", 40, 38)
	ces := c.survey(t, brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	for i := range 60 {
		partner, rating := "slow", int32(2+i%3) //nolint:gosec // 2 to 4
		if i%2 == 0 {
			partner, rating = "swift", int32(5+i%3) //nolint:gosec // 5 to 7
		}
		c.answer(t, ces, fmt.Sprint(brand, "/customers/", partner, i), rating, &surveyv1.Response{
			SubmitTime: timestamppb.New(noon), Attribution: &surveyv1.Attribution{Partner: brand + "/partners/" + partner},
		})
	}
	for i := range 20 {
		c.meets(t, brand, "slow", i, typev1.Emotion(min(4+i/5, 5)), unmet) //nolint:gosec // neutral or frustration
		c.meets(t, brand, "swift", i, typev1.Emotion_EMOTION_JOY, met)
		c.meets(t, brand, "slow", 20+i, typev1.Emotion_EMOTION_UNKNOWN, unmet)
	}
	var card *gatewayv1.PartnerScorecard
	eventually(t, func() (err error) {
		card, err = c.views.GetPartnerScorecard(t.Context(), &gatewayv1.GetPartnerScorecardRequest{
			Name: brand + "/partners/slow/scorecard", Window: february,
		})
		if got := card.GetBasis().GetIncluded(); err == nil && got != 40+30+40+10 {
			err = fmt.Errorf("%d are counted, want 40 tickets, 30 answers, 40 touchpoints, and 10 resolutions", got)
		}
		return err
	})
	whole(t, card.GetParts())
	felt := card.GetEmotions()
	if len(felt) != 2 || felt[0].GetEmotion() != typev1.Emotion_EMOTION_NEUTRAL || felt[0].GetShare().GetValue() != 0.25 ||
		felt[1].GetEmotion() != typev1.Emotion_EMOTION_FRUSTRATION || felt[1].GetShare().GetValue() != 0.75 || felt[1].GetShare().GetN() != 20 {
		t.Errorf("customers felt %v, want a quarter of 20 nothing and the others frustration", felt)
	}
	if m := find(t, card.GetTouchpoints(), typev1.Metric_METRIC_UNMET_SHARE); m.GetEstimate().GetValue() != 0.8 || m.GetEstimate().GetN() != 50 {
		t.Errorf("unmet = %v, want all of 40 and none of 10", m)
	}
	rate := comparison(t, card.GetService(), typev1.Metric_METRIC_RESOLUTION_RATE)
	if rate.GetMeasure().GetEstimate().GetValue() != 0.25 || rate.GetRest().GetValue() != 0.95 || rate.GetVerdict() != gatewayv1.Verdict_VERDICT_LOWER || rate.GetPValue() > 0.001 {
		t.Errorf("resolution = %v, want 0.25, lower than 0.95", rate)
	}
	ease := comparison(t, card.GetService(), typev1.Metric_METRIC_CES)
	if ease.GetMeasure().GetEstimate().GetValue() != 3 || math.Abs(ease.GetRest().GetValue()-6) > 1e-9 || ease.GetVerdict() != gatewayv1.Verdict_VERDICT_LOWER {
		t.Errorf("effort = %v, want 3, lower than 6", ease)
	}
	if math.Abs(ease.GetRest().GetUpper()-6-(ease.GetMeasure().GetEstimate().GetUpper()-3)) > 1e-6 {
		t.Errorf("two samples alike have the intervals %v and %v", ease.GetMeasure().GetEstimate(), ease.GetRest())
	}
	if p90 := comparison(t, card.GetService(), typev1.Metric_METRIC_RESOLUTION_TIME_P90); p90.GetVerdict() != gatewayv1.Verdict_VERDICT_INSUFFICIENT {
		t.Errorf("a percentile is compared: %v", p90)
	}
	if len(card.GetStandardized()) == 0 {
		t.Error("nothing is compared as if all had had the same tickets")
	}
	_, err := c.views.GetPartnerScorecard(t.Context(), &gatewayv1.GetPartnerScorecardRequest{Name: brand + "/partners/nobody/scorecard"})
	refused(t, err, codes.NotFound, "NOT_FOUND")
}

func comparison(t testing.TB, all []*gatewayv1.Comparison, metric typev1.Metric) *gatewayv1.Comparison {
	t.Helper()
	for _, c := range all {
		if c.GetMeasure().GetMetric() == metric {
			return c
		}
	}
	t.Fatalf("there is no %v among %v", metric, all)
	return nil
}

func functionScorecard(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	for i := range 20 {
		customer := fmt.Sprint(brand, "/customers/f", i)
		c.lives(t, customer, "website-visit", met, met, unmet)
		c.lives(t, customer, "delivery", unmet, unmet)
		c.lives(t, customer, "support-interaction", met)
	}
	card := must(c.views.GetFunctionScorecard(t.Context(), &gatewayv1.GetFunctionScorecardRequest{
		Parent: brand, Window: february, Function: typev1.Function_FUNCTION_LOGISTICS,
	}))(t)
	bad := comparison(t, card.GetExperience(), typev1.Metric_METRIC_UNMET_SHARE)
	if bad.GetMeasure().GetEstimate().GetValue() != 1 || bad.GetMeasure().GetEstimate().GetN() != 40 || bad.GetRest().GetValue() != 0.25 || bad.GetVerdict() != gatewayv1.Verdict_VERDICT_HIGHER {
		t.Errorf("unmet = %v, want 1 of 40, higher than 0.25 of 80", bad)
	}
	if outcome := comparison(t, card.GetExperience(), typev1.Metric_METRIC_OUTCOME_MEAN); math.Abs(outcome.GetRest().GetValue()-0.75*0.75) > 1e-9 {
		t.Errorf("outcome = %v, want a rest of 0.5625", outcome)
	}
	if len(card.GetTouchpoints()) != 1 || card.GetTouchpoints()[0].GetTouchpointDefinition() != brand+"/touchpointDefinitions/delivery" || !card.GetTouchpoints()[0].GetBroken() {
		t.Errorf("touchpoints = %v, want the broken delivery alone", card.GetTouchpoints())
	}
	if len(card.GetService()) != 0 || len(card.GetParts()) != 1 {
		t.Errorf("logistics answers for %v of %v", card.GetService(), card.GetParts())
	}
	support := must(c.views.GetFunctionScorecard(t.Context(), &gatewayv1.GetFunctionScorecardRequest{
		Parent: brand, Window: february, Function: typev1.Function_FUNCTION_SUPPORT,
	}))(t)
	whole(t, support.GetParts())
	if len(support.GetService()) == 0 {
		t.Error("support answers for no tickets")
	}
}

func contactRate(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	january := &typev1.Window{StartTime: timestamppb.New(february.GetStartTime().AsTime().AddDate(0, -1, 0)), EndTime: february.GetStartTime()}
	batch := &journeyv1.BatchRecordTouchpointsRequest{Parent: brand}
	for i := range 100 {
		for month, at := range []time.Time{noon, noon.AddDate(0, -1, 0)} {
			batch.Requests = append(batch.Requests, &journeyv1.RecordTouchpointRequest{
				Parent: fmt.Sprint(brand, "/customers/c", i), Touchpoint: &journeyv1.Touchpoint{
					Definition: brand + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(at), Source: "web", EventId: fmt.Sprint(month, i),
				},
			})
		}
	}
	must(c.touchpoints.BatchRecordTouchpoints(t.Context(), batch))(t)
	for i := range 12 {
		c.open(t, fmt.Sprint(brand, "/customers/c", i), typev1.Channel_CHANNEL_PHONE, noon)
		if i < 4 {
			c.open(t, fmt.Sprint(brand, "/customers/c", i), typev1.Channel_CHANNEL_PHONE, noon)
			c.open(t, fmt.Sprint(brand, "/customers/c", i), typev1.Channel_CHANNEL_EMAIL, noon.AddDate(0, -1, 0))
		}
	}
	got := must(c.views.GetContactRate(t.Context(), &gatewayv1.GetContactRateRequest{
		Parent: brand, Window: february, Baseline: january, GroupBy: []string{"issue_kind"},
	}))(t)
	r := got.GetRate()
	if got.GetCustomers() != 100 || got.GetBaselineCustomers() != 100 || r.GetTickets() != 16 || r.GetBaselineTickets() != 4 ||
		r.GetRate().GetValue() != 16 || r.GetBaselineRate().GetValue() != 4 || r.GetRatio().GetValue() != 4 || r.GetVerdict() != gatewayv1.Verdict_VERDICT_HIGHER {
		t.Errorf("rate = %v of %d customers, want 16 of 100 against 4", r, got.GetCustomers())
	}
	if math.Abs(r.GetPValue()-0.0118180) > 1e-6 { // 2 · P(X >= 16), X of 20 at a half
		t.Errorf("p = %v", r.GetPValue())
	}
	if math.Abs(r.GetRate().GetLower()-9.14531) > 1e-4 || math.Abs(r.GetRate().GetUpper()-25.98300) > 1e-4 { // Garwood's, of 16
		t.Errorf("interval = %v", r.GetRate())
	}
	if len(got.GetGroups()) != 1 || got.GetGroups()[0].GetKeys()[0].GetValue() != "ISSUE_KIND_BILLING" || got.GetGroups()[0].GetTickets() != 16 {
		t.Errorf("groups = %v", got.GetGroups())
	}
	young := must(c.views.GetContactRate(t.Context(), &gatewayv1.GetContactRateRequest{Parent: c.brand(t)}))(t)
	if young.GetRate().GetVerdict() != gatewayv1.Verdict_VERDICT_INSUFFICIENT || young.GetRate().GetRate().Value != nil {
		t.Errorf("a brand without data has the rate %v", young.GetRate())
	}
}

func dataCoverage(t *testing.T, _ *suite, c *clients) {
	brand := c.seed(t)
	got := must(c.views.GetDataCoverage(t.Context(), &gatewayv1.GetDataCoverageRequest{Parent: brand}))(t)
	whole(t, got.GetParts())
	for i, want := range []int64{seedTickets, 2 * seedTickets, seedVisits + 2*seedTickets + 1} {
		cover := got.GetCoverages()[i]
		if cover.GetCount() != want || cover.GetWindow() == nil || cover.GetAge().AsDuration() <= 0 || cover.GetReadTime() == nil || len(cover.GetChannels()) == 0 {
			t.Errorf("coverage = %v, want %d", cover, want)
		}
		for _, g := range cover.GetChannels() {
			want -= int64(g.GetMeasures()[0].GetEstimate().GetValue())
			for _, m := range g.GetMeasures()[1:] { // of another subject
				want -= int64(m.GetEstimate().GetValue())
			}
		}
		if want != 0 {
			t.Errorf("the channels of %v lack %d", cover.GetPart(), want)
		}
	}
	empty := must(c.views.GetDataCoverage(t.Context(), &gatewayv1.GetDataCoverageRequest{Parent: c.brand(t)}))(t)
	for _, cover := range empty.GetCoverages() {
		if cover.GetCount() != 0 || cover.GetWindow() != nil || cover.GetAge() != nil {
			t.Errorf("nothing is covered by %v", cover)
		}
	}
}

func mergedOverview(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	home, device, other := brand+"/customers/home", brand+"/customers/device", brand+"/customers/other"
	closed := c.open(t, home, typev1.Channel_CHANNEL_PHONE, noon)
	c.resolve(t, closed, noon.Add(time.Hour))
	waiting := c.open(t, device, typev1.Channel_CHANNEL_EMAIL, noon)
	c.open(t, other, typev1.Channel_CHANNEL_EMAIL, noon)
	nps := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	c.answer(t, nps, device, 9, &surveyv1.Response{SubmitTime: timestamppb.New(noon)})
	asked := must(c.invitations.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{
		Parent: nps.GetName(), Invitation: &surveyv1.Invitation{Customer: home, Channel: typev1.Channel_CHANNEL_EMAIL},
	}))(t)
	c.lives(t, device, "website-visit", met)
	c.lived(t, home, 1)
	must(c.customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: home, Sources: []string{device}}))(t)
	must(c.customers.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: home, Consents: []*journeyv1.Consent{{Purpose: "calls", Granted: true}}}))(t)
	for _, name := range []string{home, device} {
		o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: name + "/overview"}))(t)
		whole(t, o.GetParts())
		if len(o.GetTickets()) != 2 || len(o.GetOpenTickets()) != 1 || o.GetOpenTickets()[0].GetName() != waiting.GetName() || len(o.GetResponses()) != 1 {
			t.Errorf("%s: tickets %v, responses %v, want those of both names", name, o.GetTickets(), o.GetResponses())
		}
		if p := o.GetPendingInvitations(); len(p) != 1 || p[0].GetName() != asked.GetName() || p[0].GetToken() != "" {
			t.Errorf("%s: pending %v, want %v without a token", name, p, asked.GetName())
		}
		who := o.GetCustomer()
		if who.GetName() != home || len(who.GetMergedCustomers()) != 1 || len(who.GetConsents()) != 1 || len(o.GetTouchpoints()) != 2 || o.GetScore() == nil {
			t.Errorf("%s: is %v with %d touchpoints", name, who, len(o.GetTouchpoints()))
		}
	}
	batch := must(c.views.BatchGetCustomerOverviews(t.Context(), &gatewayv1.BatchGetCustomerOverviewsRequest{
		Parent: brand, Names: []string{device + "/overview", brand + "/customers/nobody/overview", other + "/overview", home + "/overview"},
	}))(t)
	whole(t, batch.GetParts())
	for i, want := range []struct {
		customer             string
		open, answers, score int
	}{{home, 1, 1, 1}, {"", 0, 0, 0}, {other, 1, 0, 0}, {home, 1, 1, 1}} {
		o := batch.GetOverviews()[i]
		if len(o.GetOpenTickets()) != want.open || len(o.GetResponses()) != want.answers || (o.GetScore() != nil) != (want.score == 1) ||
			want.customer != other && o.GetCustomer().GetName() != want.customer { // nobody has met the other yet
			t.Errorf("overview %d = %v, want %v", i, o, want)
		}
	}
}

func watchedViews(t *testing.T, _ *suite, c *clients) {
	brand := c.seed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ask := &gatewayv1.WatchViewsRequest{Parent: brand, Window: february, MinInterval: durationpb.New(time.Second)}
	stream := must(c.views.WatchViews(ctx, ask))(t)
	first := must(stream.Recv())(t)
	if first.GetChange() != gatewayv1.WatchViewsResponse_CHANGE_SNAPSHOT || first.GetResumeToken() == "" {
		t.Fatalf("the watch begins with %v", first)
	}
	holds(t, first.GetViews().GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedVisits+2*seedTickets)
	c.lives(t, brand+"/customers/late", "website-visit", met)
	next := must(stream.Recv())(t)
	if next.GetChange() != gatewayv1.WatchViewsResponse_CHANGE_UPDATED {
		t.Fatalf("after a touchpoint comes %v", next)
	}
	holds(t, next.GetViews().GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, seedVisits+2*seedTickets+1)

	ask.ResumeToken = next.GetResumeToken()
	short, end := context.WithTimeout(ctx, 2500*time.Millisecond)
	defer end()
	quiet := must(c.views.WatchViews(short, ask))(t)
	if m, err := quiet.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("while nothing changes comes %v, %v", m, err)
	}
	again := must(c.views.WatchViews(ctx, ask))(t)
	c.lives(t, brand+"/customers/later", "website-visit", met)
	for {
		m := must(again.Recv())(t)
		if m.GetChange() != gatewayv1.WatchViewsResponse_CHANGE_UPDATED {
			t.Fatalf("a resumed watch begins with %v", m)
		}
		if find(t, m.GetViews().GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT).GetEstimate().GetValue() == seedVisits+2*seedTickets+2 {
			break
		}
	}
	ask.Window = nil
	other := must(c.views.WatchViews(ctx, ask))(t)
	_, err := other.Recv()
	refused(t, err, codes.InvalidArgument, "")
}

func ownWrites(t *testing.T, s *suite, c *clients) {
	brand := c.brand(t)
	ann := brand + "/customers/ann"
	for i := range 25 {
		ticket := c.open(t, ann, typev1.Channel_CHANNEL_PHONE, noon)
		var header metadata.MD
		must(c.tickets.ResolveTicket(t.Context(), &ticketv1.ResolveTicketRequest{
			Name: ticket.GetName(), Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: timestamppb.New(noon),
		}, grpc.Header(&header)))(t)
		revisions := header.Get("concentric-revision")
		if len(revisions) != 1 {
			t.Fatalf("the answer says the revisions %v", revisions)
		}
		views := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand, MinRevisions: revisions}))(t)
		whole(t, views.GetParts())
		if n := views.GetContainment(); n.GetServiceTouchpoints() != int64(i+1) || !n.GetHolds() {
			t.Fatalf("after %d resolutions the view has %v", i+1, n)
		}
		o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview", MinRevisions: revisions}))(t)
		if len(o.GetTouchpoints()) != min(i+1, 20) {
			t.Fatalf("after %d resolutions the overview has %d touchpoints", i+1, len(o.GetTouchpoints()))
		}
	}
	ahead := []string{"ticket_resolved.7zzzzzzzzzzzzzzzzzzzzzzzzz"} // nobody has heard of it
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	views := must(c.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: brand, MinRevisions: ahead}))(t)
	for _, p := range views.GetParts() {
		want := gatewayv1.PartState_STATE_STALE
		if p.GetPart() == gatewayv1.Part_PART_TICKET {
			want = gatewayv1.PartState_STATE_OK
		}
		if p.GetState() != want || p.GetReadTime() == nil {
			t.Errorf("part = %v, want %v", p, want)
		}
	}
	if views.GetContainment() == nil {
		t.Error("what is stale is missing")
	}
	_, err := c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand, MinRevisions: []string{"nonsense"}})
	refused(t, err, codes.InvalidArgument, "")
	if got, err := revisionOverREST(t, s.web(), ann); err != nil || !strings.HasPrefix(got, "ticket_created.") {
		t.Errorf("over REST the revision is %q, %v", got, err)
	}
}

// revisionOverREST opens a ticket in JSON and returns what the header says.
func revisionOverREST(t testing.TB, web, customer string) (string, error) {
	t.Helper()
	url := web + "/v1/" + brandOf(customer) + "/tickets"
	req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"customer": "`+customer+`", "subject": "Help", "channel": "CHANNEL_PHONE"}`)))(t)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return "", errors.Join(err, fmt.Errorf("%d %s", res.StatusCode, body))
	}
	return res.Header.Get("Concentric-Revision"), nil
}
