package survey_test

import (
	"fmt"
	"math"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	csat  = surveyv1.Question_KIND_CSAT5
	email = typev1.Channel_CHANNEL_EMAIL
)

// report reports what became of an invitation.
func (c client) report(t *testing.T, v *surveyv1.Invitation, e surveyv1.InvitationEvent) {
	t.Helper()
	_, err := c.RecordInvitationEvent(t.Context(), &surveyv1.RecordInvitationEventRequest{Name: v.GetName(), Event: e, EventTime: stamp(50)})
	if err != nil {
		t.Fatal(err)
	}
}

// choose is an answer to a choice question.
func choose(question string, ids ...string) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: ids}}}
}

func expected(e typev1.Expectation) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: id(surveyv1.Question_KIND_EXPECTATION), Value: &surveyv1.Answer_Expectation{Expectation: e}}
}

// satisfied submits 35 answers by mail, 28 of them satisfied, and 90 by phone, of which
// 45 are.
func (c client) satisfied(t *testing.T, survey string) {
	t.Helper()
	c.fill(t, 125, func(i int) *surveyv1.SubmitResponseRequest {
		rating, channel := int32(2), email
		if i < 28 || i >= 35 && i < 80 {
			rating = 4
		}
		if i >= 35 {
			channel = phone
		}
		req := submission(survey, rate(csat, rating))
		req.Response.Attribution, req.Response.SubmitTime = &surveyv1.Attribution{Channel: channel}, stamp(i)
		return req
	})
}

// byChannel weighs by channel: so many customers were to be asked by mail and by phone.
func byChannel(email, phone float64) *surveyv1.Strata {
	return &surveyv1.Strata{Dimensions: []string{"channel"}, Strata: []*surveyv1.Stratum{
		{Values: []string{"CHANNEL_EMAIL"}, Size: email}, {Values: []string{"CHANNEL_PHONE"}, Size: phone},
	}}
}

func TestWeightsMakeUpForWhoDidNotAnswer(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(csat, open))
		c.satisfied(t, name)
		raw := c.query(t)
		near(t, "raw", by(raw.GetMeasures(), typev1.Metric_METRIC_CSAT, service).GetEstimate().Value, .584)
		for range 3 { // in no stratum
			req := submission(name, rate(csat, 1))
			req.Response.Attribution = &surveyv1.Attribution{Channel: chat}
			c.submit(t, req)
		}
		got := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.Strata = byChannel(700, 300) })
		e := by(got.GetMeasures(), typev1.Metric_METRIC_CSAT, service).GetEstimate()
		near(t, "weighted", e.Value, .71)
		if e.GetN() != 125 || math.Abs(e.GetEffectiveN()-200./3) > 1e-9 || e.GetMethod() != typev1.Method_METHOD_WILSON {
			t.Errorf("estimate = %v, want 125 answers that count for 66.7", e)
		}
		mean := by(got.GetMeasures(), typev1.Metric_METRIC_CSAT_MEAN, service).GetEstimate()
		near(t, "mean", mean.Value, .7*(28*4+7*2)/35.+.3*3)
		same(t, "basis", got.GetBasis(), &typev1.Basis{
			Window: got.GetBasis().GetWindow(), ReadTime: got.GetBasis().GetReadTime(), Sources: []string{"survey"},
			Included: 125, Excluded: []*typev1.Exclusion{{Reason: "NO_STRATUM", Count: 3}},
		})
		if by(got.GetMeasures(), typev1.Metric_METRIC_RESPONSE_COUNT, service) != nil {
			t.Error("a count was weighted")
		}
		got = c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) {
			r.Strata, r.GroupBy = byChannel(1, 0), []string{"survey"}
		})
		near(t, "of one survey, by mail", by(group(got, name), typev1.Metric_METRIC_CSAT, service).GetEstimate().Value, .8)
		for what, wrong := range map[string]*surveyv1.Strata{
			"a negative size": byChannel(-1, 2), "no size": byChannel(0, 0), "NaN": byChannel(math.NaN(), 1), "infinity": byChannel(math.Inf(1), 1),
			"too much":           byChannel(math.MaxFloat64, math.MaxFloat64),
			"an unknown channel": {Dimensions: []string{"channel"}, Strata: []*surveyv1.Stratum{{Values: []string{"CHANNEL_SMOKE"}, Size: 1}}},
			"too few values":     {Dimensions: []string{"channel", "stage"}, Strata: []*surveyv1.Stratum{{Values: []string{"CHANNEL_CHAT"}, Size: 1}}},
			"one stratum twice":  {Dimensions: []string{"stage"}, Strata: []*surveyv1.Stratum{{Values: []string{""}, Size: 1}, {Values: []string{""}, Size: 1}}},
			"another brand's":    {Dimensions: []string{"partner"}, Strata: []*surveyv1.Stratum{{Values: []string{"brands/other/partners/p"}, Size: 1}}},
		} {
			_, err := c.QuerySurveyMetrics(t.Context(), &surveyv1.QuerySurveyMetricsRequest{Parent: acme, Strata: wrong})
			refused(t, what, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}

func TestChoicesAreSharesOfThoseWhoAnswered(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_EXPECTATION)
		v.Questions = append(v.Questions, &surveyv1.Question{QuestionId: "why", Kind: surveyv1.Question_KIND_MULTI, Choices: []*surveyv1.Question_Choice{
			{ChoiceId: "price", Text: "The price"}, {ChoiceId: "speed", Text: "How quick it was"}, {ChoiceId: "never", Text: "Something else"},
		}})
		name := c.create(t, "s", v)
		for i := range 10 {
			e := typev1.Expectation(1 + min(i, 2)) // 1 UNMET, 1 MET, 8 EXCEEDED
			req := submission(name, expected(e), choose("why", []string{"price", "speed"}[:1+i%2]...))
			req.Response.Attribution = &surveyv1.Attribution{Channel: []typev1.Channel{phone, chat}[i%2]}
			c.submit(t, req)
		}
		got := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.GroupBy = []string{"choice"} })
		near(t, "exceeded", by(got.GetMeasures(), typev1.Metric_METRIC_ANSWERED_EXCEEDED_SHARE, service).GetEstimate().Value, .8)
		near(t, "unmet", by(got.GetMeasures(), typev1.Metric_METRIC_ANSWERED_UNMET_SHARE, service).GetEstimate().Value, .1)
		if len(got.GetGroups()) != 2 || len(group(got, "price")) != 1 {
			t.Fatalf("groups = %v, want a share for each choice that was taken", got.GetGroups())
		}
		near(t, "price", group(got, "price")[0].GetEstimate().Value, 1)
		near(t, "speed", group(got, "speed")[0].GetEstimate().Value, .5)
		got = c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.GroupBy = []string{"choice", "channel"} })
		near(t, "speed by phone", group(got, "speed", "CHANNEL_PHONE")[0].GetEstimate().Value, 0)
		near(t, "speed on chat", by(group(got, "speed", "CHANNEL_CHAT"), typev1.Metric_METRIC_CHOICE_SHARE, service).GetEstimate().Value, 1)
		if m := by(c.query(t).GetMeasures(), typev1.Metric_METRIC_CHOICE_SHARE, service); m != nil {
			t.Errorf("%v, want no share of choices that nobody names", m)
		}
	})
}

func TestAFilterPicksTheAnswers(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(csat))
		for i := range 12 {
			req := submission(name, rate(csat, int32(1+i%2*4)))
			req.Response.Attribution = &surveyv1.Attribution{Channel: phone, Partner: fmt.Sprintf("%s/partners/p%d", acme, i%2), Agent: acme + "/agents/a"}
			req.Response.Attributes = map[string]string{"tier": []string{"gold", "tin"}[i%2]}
			c.submit(t, req)
		}
		for text, want := range map[string]float64{
			`partner = "` + acme + `/partners/p0"`:                        1,
			`attributes.tier = tin AND survey_revision = 1`:               5,
			`channel = PHONE AND NOT attributes.tier = gold`:              5,
			`agent = "` + acme + `/agents/a" AND survey = "` + name + `"`: 3,
			`partner:* AND -team:* AND -stage:*`:                          3,
		} {
			got := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.Filter, r.GroupBy = text, []string{"channel"} })
			near(t, text, by(got.GetMeasures(), typev1.Metric_METRIC_CSAT_MEAN, service).GetEstimate().Value, want)
			near(t, text+" by phone", by(group(got, "CHANNEL_PHONE"), typev1.Metric_METRIC_CSAT_MEAN, service).GetEstimate().Value, want)
		}
		_, err := c.QuerySurveyMetrics(t.Context(), &surveyv1.QuerySurveyMetricsRequest{Parent: acme, Filter: "customer = ann"})
		refused(t, "a customer", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	})
}

// compare asks whether a metric differs.
func (c client) compare(t *testing.T, m typev1.Metric, a, b *surveyv1.CompareSurveyMetricsRequest_Side) *surveyv1.CompareSurveyMetricsResponse {
	t.Helper()
	got, err := c.CompareSurveyMetrics(t.Context(), &surveyv1.CompareSurveyMetricsRequest{Parent: acme, Metric: m, A: a, B: b})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func on(channel typev1.Channel) *surveyv1.CompareSurveyMetricsRequest_Side {
	return &surveyv1.CompareSurveyMetricsRequest_Side{Population: &typev1.Population{Channels: []typev1.Channel{channel}}}
}

func TestSidesAreComparedWithTheirDoubt(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		c.satisfied(t, c.create(t, "s", ask(csat)))
		got := c.compare(t, typev1.Metric_METRIC_CSAT, on(email), on(phone))
		near(t, "a", got.GetA().GetEstimate().Value, .8)
		near(t, "difference", got.GetDifference().Value, -.3)
		// Newcombe's method 10 of 45/90 and 28/35.
		if d := got.GetDifference(); math.Abs(d.GetLower()+.4419) > 1e-4 || math.Abs(d.GetUpper()+.1116) > 1e-4 || d.GetN() != 125 || d.GetConfidenceLevel() != .95 {
			t.Errorf("difference = %v", d)
		}
		if got.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_B_LOWER || got.GetPValue() > .01 || got.GetPValue() < 1e-4 {
			t.Errorf("verdict %v, p %v, want lower", got.GetVerdict(), got.GetPValue())
		}
		back := c.compare(t, typev1.Metric_METRIC_CSAT, on(phone), on(email))
		if back.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_B_HIGHER || back.GetPValue() != got.GetPValue() {
			t.Errorf("the other way %v, p %v", back.GetVerdict(), back.GetPValue())
		}
		self := c.compare(t, typev1.Metric_METRIC_CSAT_MEAN, on(phone), on(phone))
		if self.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_NOT_DISTINGUISHABLE || self.GetPValue() != 1 {
			t.Errorf("with itself %v, p %v", self.GetVerdict(), self.GetPValue())
		}
		none := c.compare(t, typev1.Metric_METRIC_CSAT, on(phone), on(chat))
		if none.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_INSUFFICIENT || none.GetDifference() != nil || none.PValue != nil ||
			none.GetB().GetEstimate().GetQuality() != typev1.Quality_QUALITY_NO_DATA || none.GetB().GetSubject() != service {
			t.Errorf("with nothing = %v", none)
		}
		for _, m := range []typev1.Metric{typev1.Metric_METRIC_RESPONSE_COUNT, typev1.Metric_METRIC_CHOICE_SHARE, typev1.Metric_METRIC_BACKLOG} {
			_, err := c.CompareSurveyMetrics(t.Context(), &surveyv1.CompareSurveyMetricsRequest{Parent: acme, Metric: m, A: on(phone), B: on(email)})
			refused(t, m.String(), err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}

func TestServiceAndExperienceAreNeverCompared(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		inner := c.create(t, "inner", v)
		v.Subject = experience
		outer := c.create(t, "outer", v)
		for range 6 {
			c.submit(t, submission(inner, rate(nps, 9)))
			c.submit(t, submission(outer, rate(nps, 2)))
		}
		side := func(subject typev1.Subject, surveys ...string) *surveyv1.CompareSurveyMetricsRequest_Side {
			return &surveyv1.CompareSurveyMetricsRequest_Side{Subject: subject, Surveys: surveys}
		}
		for what, tt := range map[string][2]*surveyv1.CompareSurveyMetricsRequest_Side{
			"two surveys":            {side(0, inner), side(0, outer)},
			"two subjects":           {side(service), side(experience)},
			"a survey and a subject": {side(experience), side(0, inner)},
			"one side of both":       {side(0, inner, outer), side(service)},
			"everything":             {side(0), side(service)},
			"at odds with itself":    {side(experience, inner), side(experience)},
		} {
			_, err := c.CompareSurveyMetrics(t.Context(), &surveyv1.CompareSurveyMetricsRequest{
				Parent: acme, Metric: typev1.Metric_METRIC_NPS, A: tt[0], B: tt[1],
			})
			refused(t, what, err, codes.FailedPrecondition, "MIXED_SUBJECT")
		}
		got := c.compare(t, typev1.Metric_METRIC_NPS, side(service), side(0, inner))
		if got.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_NOT_DISTINGUISHABLE || got.GetA().GetSubject() != service {
			t.Errorf("one subject = %v", got)
		}
		_, err := c.CompareSurveyMetrics(t.Context(), &surveyv1.CompareSurveyMetricsRequest{
			Parent: acme, Metric: typev1.Metric_METRIC_NPS, A: side(service), B: side(0, acme+"/surveys/none"),
		})
		refused(t, "an unknown survey", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestASideSpeaksOfOneSubject(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		inner := c.create(t, "inner", ask(csat))
		v := ask(nps)
		v.Subject = experience
		outer := c.create(t, "outer", v)
		for range 6 {
			c.submit(t, submission(inner, rate(csat, 4)))
			c.submit(t, submission(outer, rate(nps, 9)))
		}
		got := c.compare(t, typev1.Metric_METRIC_CSAT, &surveyv1.CompareSurveyMetricsRequest_Side{}, &surveyv1.CompareSurveyMetricsRequest_Side{
			Population: &typev1.Population{Channels: []typev1.Channel{chat}},
		})
		if got.GetA().GetSubject() != service || got.GetBasisA().GetIncluded() != 6 || got.GetBasisB().GetIncluded() != 0 ||
			len(got.GetBasisB().GetExcluded()) != 1 || got.GetBasisB().GetExcluded()[0].GetCount() != 6 {
			t.Errorf("compared = %v, want a basis of service alone", got)
		}
	})
}

func TestAnUnknownSurveyIsNotOneWithoutData(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		none := acme + "/surveys/none"
		ctx := t.Context()
		watch, err := c.WatchResponses(ctx, &surveyv1.WatchResponsesRequest{Parent: acme, Survey: none})
		if err == nil {
			_, err = watch.Recv()
		}
		refused(t, "watching", err, codes.NotFound, "NOT_FOUND")
		for what, call := range map[string]func(survey string) error{
			"metrics": func(survey string) error {
				_, err := c.QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{Parent: acme, Surveys: []string{survey}})
				return err
			},
			"funnel": func(survey string) error {
				_, err := c.GetResponseFunnel(ctx, &surveyv1.GetResponseFunnelRequest{Parent: acme, Surveys: []string{survey}})
				return err
			},
			"sample size": func(survey string) error {
				_, err := c.EstimateSampleSize(ctx, &surveyv1.EstimateSampleSizeRequest{
					Parent: acme, Metric: typev1.Metric_METRIC_NPS, Margin: 5, Surveys: []string{survey},
				})
				return err
			},
			"invitations": func(survey string) error {
				_, err := c.ListInvitations(ctx, &surveyv1.ListInvitationsRequest{Parent: survey})
				return err
			},
			"responses": func(survey string) error {
				_, err := c.ListResponses(ctx, &surveyv1.ListResponsesRequest{Parent: acme, Survey: survey})
				return err
			},
		} {
			refused(t, what, call(none), codes.NotFound, "NOT_FOUND")
			if err := call(c.create(t, "s-"+what[:3], ask(nps))); err != nil {
				t.Errorf("%s of a survey without data: %v", what, err)
			}
		}
	})
}

func TestSampleSizesAreThePublishedOnes(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		size := func(change func(*surveyv1.EstimateSampleSizeRequest)) (*surveyv1.EstimateSampleSizeResponse, error) {
			req := &surveyv1.EstimateSampleSizeRequest{Parent: acme, Metric: typev1.Metric_METRIC_NPS, Margin: 10}
			change(req)
			return c.EstimateSampleSize(t.Context(), req)
		}
		for margin, want := range map[float64][2]int64{10: {266, 382}, 5: {1073, 1534}, 15: {117, 168}} {
			for i, variance := range []float64{.7, 1} {
				got, err := size(func(r *surveyv1.EstimateSampleSizeRequest) { r.Margin, r.Variance = margin, &variance })
				if err != nil || got.GetResponses() != want[i] || got.GetWorstCase() || got.Invitations != nil {
					t.Errorf("margin %g, variance %g: %v, %v, want %d", margin, variance, got, err, want[i])
				}
			}
		}
		got, err := size(func(*surveyv1.EstimateSampleSizeRequest) {})
		if err != nil || got.GetResponses() != 382 || !got.GetWorstCase() || got.GetVariance() != 1 {
			t.Errorf("without answers: %v, %v, want the worst case", got, err)
		}
		name := c.create(t, "s", ask(nps))
		for i := range 40 { // half promoters, a quarter detractors; half of those asked answer
			asked := c.decide(t, occasion(name, i))
			req := submission(name, rate(nps, []int32{9, 8, 10, 0}[i%4]))
			req.Response.Invitation, req.Response.SubmitTime = asked.GetName(), stamp(i)
			c.submit(t, req)
			c.report(t, c.decide(t, occasion(name, 100+i)), surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED)
		}
		got, err = size(func(*surveyv1.EstimateSampleSizeRequest) {})
		if err != nil || got.GetVariance() != .75-.0625 || got.GetWorstCase() || got.GetResponses() != 262 || got.GetInvitations() != 524 {
			t.Errorf("of 40 answers: %v, %v, want 262 and twice as many asked", got, err)
		}
		near(t, "rate", got.GetResponseRate().Value, .5)
		tooMuch := 1.01
		for what, change := range map[string]func(*surveyv1.EstimateSampleSizeRequest){
			"too large a variance": func(r *surveyv1.EstimateSampleSizeRequest) { r.Variance = &tooMuch },
			"too small a margin":   func(r *surveyv1.EstimateSampleSizeRequest) { r.Margin = 1e-9 },
			"a count":              func(r *surveyv1.EstimateSampleSizeRequest) { r.Metric = typev1.Metric_METRIC_RESPONSE_COUNT },
		} {
			_, err := size(change)
			refused(t, what, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
		v := ask(nps)
		v.Subject = experience
		c.submit(t, submission(c.create(t, "outer", v), rate(nps, 9)))
		_, err = size(func(*surveyv1.EstimateSampleSizeRequest) {})
		refused(t, "several subjects", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		got, err = size(func(r *surveyv1.EstimateSampleSizeRequest) { r.Subject = service })
		if err != nil || got.GetResponses() != 262 {
			t.Errorf("of one subject: %v, %v", got, err)
		}
	})
}

func TestTheFunnelNestsItsSteps(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.Channels = []typev1.Channel{phone}
		name := c.create(t, "s", v)
		for i, event := range []surveyv1.InvitationEvent{0, 1, 2, 2, 3, 4, 5, 6} {
			asked := c.decide(t, occasion(name, i))
			if event != 0 {
				c.report(t, asked, event)
			}
		}
		req := submission(name, rate(nps, 9))
		req.Response.Invitation, req.Response.SubmitTime = c.decide(t, occasion(name, 20)).GetName(), stamp(60)
		c.submit(t, req)
		c.decide(t, occasion(name, 20)) // a duplicate
		elsewhere := occasion(name, 21)
		elsewhere.Channel = chat
		c.decide(t, elsewhere)
		v.Subject, v.Channels = experience, nil
		c.decide(t, occasion(c.create(t, "outer", v), 0))
		got, err := c.GetResponseFunnel(t.Context(), &surveyv1.GetResponseFunnelRequest{Parent: acme, GroupBy: []string{"survey", "origin"}})
		if err != nil {
			t.Fatal(err)
		}
		inner := &surveyv1.ResponseFunnel{
			Subject: service, Eligible: 10, Invited: 9, Delivered: 6, Displayed: 4, Started: 2, Completed: 1,
			NotAsked: []*typev1.Exclusion{{Reason: "CHANNEL_UNSUPPORTED", Count: 1}},
		}
		outer := &surveyv1.ResponseFunnel{Subject: experience, Eligible: 1, Invited: 1}
		if len(got.GetFunnels()) != 2 || len(got.GetGroups()) != 2 {
			t.Fatalf("funnels = %v", got)
		}
		near(t, "rate", got.GetFunnels()[0].GetResponseRate().Value, 1./9) // the one answer came without a report
		keys := func(survey string) []*typev1.GroupKey {
			return []*typev1.GroupKey{{Dimension: "survey", Value: survey}, {Dimension: "origin", Value: "ORIGIN_CHECK"}}
		}
		for i, want := range []*surveyv1.ResponseFunnel{inner, outer} {
			want.ResponseRate = got.GetFunnels()[i].GetResponseRate()
			same(t, "funnel", got.GetFunnels()[i], want)
		}
		for i, want := range []*surveyv1.ResponseFunnel{outer, inner} {
			want = proto.CloneOf(want)
			want.Keys = keys([]string{acme + "/surveys/outer", name}[i])
			same(t, "group", got.GetGroups()[i], want)
		}
		if b := got.GetBasis(); b.GetIncluded() != 11 || len(b.GetExcluded()) != 1 || b.GetExcluded()[0].GetReason() != "DUPLICATE" || b.GetExcluded()[0].GetCount() != 1 {
			t.Errorf("basis = %v, want a duplicate to be left out", b)
		}
	})
}
