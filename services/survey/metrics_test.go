package survey_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	service    = typev1.Subject_SUBJECT_SERVICE
	experience = typev1.Subject_SUBJECT_EXPERIENCE
	phone      = typev1.Channel_CHANNEL_PHONE
	chat       = typev1.Channel_CHANNEL_CHAT
)

func (c client) query(t *testing.T, change ...func(*surveyv1.QuerySurveyMetricsRequest)) *surveyv1.QuerySurveyMetricsResponse {
	t.Helper()
	req := &surveyv1.QuerySurveyMetricsRequest{Parent: acme}
	for _, f := range change {
		f(req)
	}
	got, err := c.QuerySurveyMetrics(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// by returns the measure of a metric and subject, nil if there is none.
func by(all []*typev1.Measure, m typev1.Metric, s typev1.Subject) *typev1.Measure {
	for _, one := range all {
		if one.GetMetric() == m && one.GetSubject() == s {
			return one
		}
	}
	return nil
}

// group returns the measures of the group with these values.
func group(answer *surveyv1.QuerySurveyMetricsResponse, values ...string) []*typev1.Measure {
	for _, g := range answer.GetGroups() {
		var got []string
		for _, k := range g.GetKeys() {
			got = append(got, k.GetValue())
		}
		if slices.Equal(got, values) {
			return g.GetMeasures()
		}
	}
	return nil
}

// fill submits what the functions make of n responses, many at a time.
func (c client) fill(t testing.TB, n int, of func(i int) *surveyv1.SubmitResponseRequest) {
	t.Helper()
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := worker; i < n; i += 16 {
				if _, err := c.SubmitResponse(t.Context(), of(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// near fails unless got is there and is want.
func near(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.IsNaN(*got) || math.Abs(*got-want) > 1e-9 {
		t.Errorf("%s = %v, want %v", what, deref(got), want)
	}
}

func deref(v *float64) any {
	if v == nil {
		return "nothing"
	}
	return *v
}

func TestSubjectsAreNeverPooled(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps, open)
		inner := c.create(t, "inner", v)
		v.Subject = experience
		outer := c.create(t, "outer", v)
		c.fill(t, 36, func(i int) *surveyv1.SubmitResponseRequest { // Rocks 2016: 19, 9, 8
			rating := int32(10)
			if i >= 19 {
				rating = 7
			}
			if i >= 28 {
				rating = 0
			}
			req := submission(inner, rate(nps, rating))
			req.Response.SubmitTime = stamp(i)
			return req
		})
		c.fill(t, 6, func(i int) *surveyv1.SubmitResponseRequest {
			req := submission(outer, rate(nps, 0))
			if i == 5 {
				req = submission(outer, say("no"))
			}
			req.Response.SubmitTime = stamp(i)
			return req
		})
		got := c.query(t)
		var order []string
		for _, m := range got.GetMeasures() {
			order = append(order, fmt.Sprint(int32(m.GetMetric()), m.GetSubject().Number()))
		}
		if want := []string{"1 1", "1 2", "10 1", "10 2"}; !slices.Equal(order, want) {
			t.Errorf("measures = %v, want %v", order, want)
		}
		published(t, by(got.GetMeasures(), typev1.Metric_METRIC_NPS, service))
		near(t, "NPS of the experience", by(got.GetMeasures(), typev1.Metric_METRIC_NPS, experience).GetEstimate().Value, -100)
		near(t, "responses", by(got.GetMeasures(), typev1.Metric_METRIC_RESPONSE_COUNT, experience).GetEstimate().Value, 6)
		basis := got.GetBasis()
		want := &typev1.Basis{
			Window:   &typev1.Window{StartTime: stamp(0), EndTime: timestamppb.New(stamp(35).AsTime().Add(time.Microsecond))},
			Included: 41, Excluded: []*typev1.Exclusion{{Reason: "NO_RATING", Count: 1}}, Sources: []string{"survey"}, ReadTime: basis.GetReadTime(),
		}
		same(t, "basis", basis, want)
		for subject, counts := range map[typev1.Subject][2]int64{experience: {5, 1}, service: {36, 0}} {
			one := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.Subjects = []typev1.Subject{subject} })
			want := proto.CloneOf(one.GetBasis())
			want.Included, want.Excluded = counts[0], nil
			if counts[1] > 0 {
				want.Excluded = []*typev1.Exclusion{{Reason: "NO_RATING", Count: counts[1]}}
			}
			same(t, "basis of one subject", one.GetBasis(), want)
			if by(one.GetMeasures(), typev1.Metric_METRIC_NPS, experience+service-subject) != nil {
				t.Errorf("one subject = %v, want nothing about the other", one)
			}
		}
	})
}

// published fails unless m is the NPS of Rocks 2016: 19 promoters and 8 detractors of 36.
func published(t *testing.T, m *typev1.Measure) {
	t.Helper()
	e := m.GetEstimate()
	for name, tt := range map[string]struct {
		got  *float64
		want float64
	}{"value": {e.Value, 30.6}, "lower": {e.Lower, 2.9}, "upper": {e.Upper, 53.5}} {
		if tt.got == nil || math.Abs(*tt.got-tt.want) > .05 {
			t.Errorf("%s = %v, want %v", name, deref(tt.got), tt.want)
		}
	}
	if e.GetN() != 36 || e.GetMethod() != typev1.Method_METHOD_ADJUSTED_WALD || e.GetUnit() != typev1.Unit_UNIT_POINTS || e.GetQuality() != typev1.Quality_QUALITY_OK {
		t.Errorf("estimate = %v", e)
	}
	if h := m.GetHistogram(); len(h) != 11 || h[0].GetCount() != 8 || h[1].GetCount() != 0 || h[1].GetValue() != 1 || h[10].GetCount() != 19 {
		t.Errorf("histogram = %v, want every point", h)
	}
}

func TestWithoutDataThereIsNothingButACount(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		got := c.query(t)
		same(t, "answer", got, &surveyv1.QuerySurveyMetricsResponse{Basis: &typev1.Basis{Sources: []string{"survey"}, ReadTime: got.GetBasis().GetReadTime()}})
		got = c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) {
			r.Subjects, r.GroupBy = []typev1.Subject{service}, []string{"channel"}
			r.Window = &typev1.Window{StartTime: stamp(0), EndTime: stamp(1)}
		})
		if len(got.GetMeasures()) != 1 || len(got.GetGroups()) != 0 {
			t.Fatalf("answer = %v, want one count", got)
		}
		near(t, "responses", by(got.GetMeasures(), typev1.Metric_METRIC_RESPONSE_COUNT, service).GetEstimate().Value, 0)
		span, err := c.GetDataSpan(t.Context(), &surveyv1.GetDataSpanRequest{Parent: acme})
		if err != nil || span.GetWindow() != nil {
			t.Errorf("span = %v, %v, want none", span, err)
		}
	})
}

func TestFourAnswersAreWithheldAndFiveAreShown(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(surveyv1.Question_KIND_CSAT5, ease))
		for n := range 10 {
			req := submission(name, rate(surveyv1.Question_KIND_CSAT5, 4), rate(ease, 5))
			req.Response.SubmitTime = stamp(n)
			c.submit(t, req)
			got := c.query(t)
			for metric, least := range map[typev1.Metric]int{
				typev1.Metric_METRIC_CSAT: 5, typev1.Metric_METRIC_CSAT_MEAN: 5, typev1.Metric_METRIC_CES_EASY_SHARE: 5, typev1.Metric_METRIC_CES: 10,
			} {
				m := by(got.GetMeasures(), metric, service)
				e, shown := m.GetEstimate(), n+1 >= least
				if (e.Value != nil) != shown || (e.Lower != nil) != shown || (len(m.GetHistogram()) > 0) != shown || e.GetN() != int64(n+1) ||
					(e.GetQuality() == typev1.Quality_QUALITY_SUPPRESSED) == shown {
					t.Errorf("%v of %d answers = %v, want shown %t", metric, n+1, m, shown)
				}
			}
		}
	})
}

func TestTheResponseRateSpeaksForThoseAsked(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for i := range 14 {
			ask := occasion(name, i)
			if i%2 == 0 {
				ask.Channel = chat
			}
			asked := c.decide(t, ask)
			c.decide(t, ask) // a duplicate asks nobody
			switch {
			case i < 4:
				if i > 0 { // the first says itself that it arrived
					c.report(t, asked, surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED)
				}
				req := submission(name, rate(nps, 9))
				req.Response.Invitation, req.Response.SubmitTime = asked.GetName(), stamp(100)
				c.submit(t, req)
			case i < 12:
				c.report(t, asked, surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED)
			case i == 12:
				c.report(t, asked, surveyv1.InvitationEvent_INVITATION_EVENT_BOUNCED)
			}
		}
		c.submit(t, submission(name, rate(nps, 9))) // of somebody who was not asked
		got := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) { r.GroupBy = []string{"channel"} })
		rate := by(got.GetMeasures(), typev1.Metric_METRIC_RESPONSE_RATE, service).GetEstimate()
		near(t, "rate", rate.Value, 3./11)
		if rate.GetN() != 11 || rate.GetMethod() != typev1.Method_METHOD_WILSON || rate.GetUnit() != typev1.Unit_UNIT_RATIO {
			t.Errorf("rate = %v", rate)
		}
		near(t, "rate on chat", by(group(got, "CHANNEL_CHAT"), typev1.Metric_METRIC_RESPONSE_RATE, service).GetEstimate().Value, 1./5)
		near(t, "responses without a channel", by(group(got, ""), typev1.Metric_METRIC_RESPONSE_COUNT, service).GetEstimate().Value, 5)
		for what, change := range map[string]func(*surveyv1.QuerySurveyMetricsRequest){
			"later": func(r *surveyv1.QuerySurveyMetricsRequest) {
				r.Window = &typev1.Window{StartTime: stamp(50), EndTime: stamp(200)}
			},
			"by stage": func(r *surveyv1.QuerySurveyMetricsRequest) {
				r.Population = &typev1.Population{Stages: []typev1.Stage{4}}
			},
			"elsewhere": func(r *surveyv1.QuerySurveyMetricsRequest) { r.Surveys = []string{c.create(t, "other", ask(nps))} },
		} {
			if m := by(c.query(t, change).GetMeasures(), typev1.Metric_METRIC_RESPONSE_RATE, service); m != nil {
				t.Errorf("%s: %v, want no rate", what, m)
			}
		}
		span, err := c.GetDataSpan(t.Context(), &surveyv1.GetDataSpanRequest{Parent: acme})
		if err != nil || !proto.Equal(span.GetWindow().GetStartTime(), stamp(100)) {
			t.Errorf("span = %v, %v, want it to start with the first response", span, err)
		}
	})
}

func TestWhatBouncedDoesNotLowerTheResponseRate(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		rates := func() (of, funnel *typev1.Estimate) {
			got, err := c.GetResponseFunnel(t.Context(), &surveyv1.GetResponseFunnelRequest{Parent: acme})
			if err != nil {
				t.Fatal(err)
			}
			all := c.query(t, func(*surveyv1.QuerySurveyMetricsRequest) {}).GetMeasures()
			return by(all, typev1.Metric_METRIC_RESPONSE_RATE, service).GetEstimate(), got.GetFunnels()[0].GetResponseRate()
		}
		answer := func(asked *surveyv1.Invitation) {
			req := submission(name, rate(nps, 9))
			req.Response.Invitation, req.Response.SubmitTime = asked.GetName(), stamp(100)
			c.submit(t, req)
		}
		for i := range 2 {
			answer(c.decide(t, occasion(name, i)))
			c.report(t, c.decide(t, occasion(name, 10+i)), surveyv1.InvitationEvent_INVITATION_EVENT_BOUNCED)
		}
		for i, want := range []int64{4, 5, 2} { // while no delivery is known, and once they are of most answers
			if i > 0 {
				asked := c.decide(t, occasion(name, 20+i))
				c.report(t, asked, surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED)
				answer(asked)
			}
			if all, funnel := rates(); all.GetN() != want || funnel.GetN() != want {
				t.Errorf("rate = %v, of the funnel %v, want it over %d", all, funnel, want)
			}
		}
	})
}

func TestWhatAFilterCannotPlaceIsCounted(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for i, a := range []*surveyv1.Attribution{
			{Channel: phone, Stage: 4}, {Channel: phone, Stage: 3}, {Channel: phone}, {Channel: chat, Stage: 4}, {Stage: 4}, nil,
		} {
			req := submission(name, rate(nps, 9))
			req.Response.Attribution, req.Response.SubmitTime = a, stamp(i)
			c.submit(t, req)
		}
		got := c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) {
			r.Population = &typev1.Population{Channels: []typev1.Channel{phone}, Stages: []typev1.Stage{4}}
		}).GetBasis()
		want := proto.CloneOf(got)
		want.Included, want.Excluded = 1, []*typev1.Exclusion{{Reason: "NO_CHANNEL", Count: 2}, {Reason: "NO_STAGE", Count: 1}}
		want.Population = &typev1.Population{Channels: []typev1.Channel{phone}, Stages: []typev1.Stage{4}}
		same(t, "basis", got, want)
		got = c.query(t, func(r *surveyv1.QuerySurveyMetricsRequest) {
			r.Population, r.Subjects = want.GetPopulation(), []typev1.Subject{experience}
		}).GetBasis()
		want = proto.CloneOf(got)
		want.Included, want.Excluded = 0, nil
		same(t, "basis of the other subject", got, want)
	})
}

func TestABreakdownHasItsLimit(t *testing.T) {
	const questions = 50
	each(t, func(t *testing.T, c client) {
		v := ask(slices.Repeat([]surveyv1.Question_Kind{nps}, questions)...)
		for i, q := range v.GetQuestions() {
			q.QuestionId = fmt.Sprint("q", i)
		}
		name := c.create(t, "s", v)
		answered := func(i, answers int) *surveyv1.SubmitResponseRequest {
			req := submission(name)
			for q := range answers {
				a := rate(nps, 9)
				a.QuestionId = fmt.Sprint("q", q)
				req.Response.Answers = append(req.GetResponse().GetAnswers(), a)
			}
			req.Response.Attributes = map[string]string{"order": fmt.Sprint(i)}
			return req
		}
		c.fill(t, fault.MaxGroups/questions, func(i int) *surveyv1.SubmitResponseRequest { return answered(i, questions) })
		by := func(r *surveyv1.QuerySurveyMetricsRequest) { r.GroupBy = []string{"attributes.order", "question"} }
		if got := len(c.query(t, by).GetGroups()); got != fault.MaxGroups {
			t.Errorf("%d groups, want %d", got, fault.MaxGroups)
		}
		c.submit(t, answered(-1, 1))
		req := &surveyv1.QuerySurveyMetricsRequest{Parent: acme}
		by(req)
		_, err := c.QuerySurveyMetrics(t.Context(), req)
		refused(t, "one group more", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if got := wrong(err); !slices.Equal(got, []string{"group_by"}) {
			t.Errorf("complaints about %v, want group_by", got)
		}
	})
}

// TestThePublishedNPS submits the answers of a real survey.
func TestThePublishedNPS(t *testing.T) {
	ratings := column(t, "nps/nps.csv", "nps")
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		c.fill(t, len(ratings), func(i int) *surveyv1.SubmitResponseRequest {
			req := submission(name, rate(nps, ratings[i]))
			req.Response.SubmitTime = stamp(i)
			return req
		})
		e := by(c.query(t).GetMeasures(), typev1.Metric_METRIC_NPS, service).GetEstimate()
		near(t, "NPS", e.Value, 53.60191191532946)
		if e.GetN() != 2929 || e.GetLower() > 51.25 || e.GetLower() < 51.1 || e.GetUpper() < 55.85 || e.GetUpper() > 55.97 {
			t.Errorf("estimate = %v, want 2,929 answers and about 51.2 to 55.9", e)
		}
	})
}

// column returns the whole numbers of a column of a CSV file in the shared data,
// empty cells left out. Without the data the test is skipped.
func column(t *testing.T, file, name string) (all []int32) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data")
	f, err := os.Open(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIPPED: no sample data at %s; it is not published with this repository", dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], name)
	for _, row := range rows[1:] {
		if row[at] == "" {
			continue
		}
		n, err := strconv.ParseInt(row[at], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, int32(n))
	}
	return all
}
