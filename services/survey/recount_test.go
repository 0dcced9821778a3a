package survey_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// TestEveryFigureIsThatOfARecount breaks random responses down in many ways and
// counts each figure again, response by response.
func TestEveryFigureIsThatOfARecount(t *testing.T) {
	const n = 400
	each(t, func(t *testing.T, c client) {
		kinds := []surveyv1.Question_Kind{nps, 2, 3, 4, 5, ease, open}
		surveys := map[string]*surveyv1.Survey{}
		for i := range 3 {
			v := ask(kinds...)
			v.Subject = typev1.Subject(i%2 + 1)
			for q := range v.GetQuestions() {
				if (q+i)%3 > 0 {
					v.Questions[q].TouchpointDefinition = fmt.Sprintf("%s/touchpointDefinitions/d%d", acme, (q+i)%3)
				}
			}
			surveys[c.create(t, fmt.Sprint("s", i), v)] = v
		}
		random := rand.New(rand.NewPCG(1, 2))
		var all []*surveyv1.SubmitResponseRequest
		for range n {
			all = append(all, draw(random, kinds))
		}
		c.fill(t, n, func(i int) *surveyv1.SubmitResponseRequest { return all[i] })

		dims := []string{"channel", "stage", "phase", "survey", "question", "touchpoint_definition", "partner", "team", "agent", "attributes.tenure", "attributes.none"}
		for range 60 {
			req := &surveyv1.QuerySurveyMetricsRequest{Parent: acme}
			req.Subjects = []typev1.Subject{service, experience}[:random.IntN(3)]
			if random.IntN(3) == 0 {
				req.Subjects = []typev1.Subject{experience}
			}
			random.Shuffle(len(dims), func(i, j int) { dims[i], dims[j] = dims[j], dims[i] })
			req.GroupBy = slices.Clone(dims[:random.IntN(4)])
			if random.IntN(2) == 0 {
				req.Window = &typev1.Window{StartTime: stamp(random.IntN(50)), EndTime: stamp(50 + random.IntN(51))}
			}
			if random.IntN(3) == 0 {
				req.Surveys = []string{acme + "/surveys/s0", acme + "/surveys/s2"}
			}
			if random.IntN(3) == 0 {
				req.Population = &typev1.Population{Channels: []typev1.Channel{phone, chat}}
			}
			if random.IntN(3) == 0 {
				req.Population = &typev1.Population{Stages: []typev1.Stage{2, 4}}
			}
			got, err := c.QuerySurveyMetrics(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			recount(t, req, got, all, surveys)
		}
	})
}

// draw returns a random response to one of three surveys.
func draw(random *rand.Rand, kinds []surveyv1.Question_Kind) *surveyv1.SubmitResponseRequest {
	r := &surveyv1.Response{Survey: fmt.Sprintf("%s/surveys/s%d", acme, random.IntN(3)), SubmitTime: stamp(random.IntN(100))}
	for len(r.GetAnswers()) == 0 {
		for _, k := range kinds {
			switch {
			case random.IntN(3) == 0:
			case k == open:
				r.Answers = append(r.Answers, say("x"))
			case k == nps:
				r.Answers = append(r.Answers, rate(k, random.Int32N(11)))
			default:
				r.Answers = append(r.Answers, rate(k, 1+random.Int32N(5)))
			}
		}
	}
	if random.IntN(8) == 0 {
		r.Answers = []*surveyv1.Answer{say("x")}
	}
	if random.IntN(5) > 0 {
		r.Attribution = &surveyv1.Attribution{
			Channel: typev1.Channel(random.IntN(4)), Stage: typev1.Stage(random.IntN(5)), Phase: typev1.Phase(random.IntN(3)),
			Partner: fmt.Sprintf("%s/partners/p%d", acme, random.IntN(2)), Agent: fmt.Sprintf("%s/agents/a%d", acme, random.IntN(3)),
		}
	}
	if random.IntN(3) > 0 {
		r.Attributes = map[string]string{"tenure": []string{"<1 y", "é", "31-60"}[random.IntN(3)], "x": fmt.Sprint(random.IntN(2))}
	}
	return &surveyv1.SubmitResponseRequest{Parent: acme, Response: r}
}

// A tally is what a group must say, by metric and subject.
type tally map[[2]int32][]int32

// recount computes the figures of req the plain way and compares.
func recount(t *testing.T, req *surveyv1.QuerySurveyMetricsRequest, got *surveyv1.QuerySurveyMetricsResponse, all []*surveyv1.SubmitResponseRequest, surveys map[string]*surveyv1.Survey) {
	t.Helper()
	whole, groups, included := tally{}, map[string]tally{}, int64(0)
	if one := req.GetSubjects(); len(one) == 1 {
		whole[[2]int32{int32(typev1.Metric_METRIC_RESPONSE_COUNT), int32(one[0])}] = nil
	}
	for _, one := range all {
		r, s := one.GetResponse(), surveys[one.GetResponse().GetSurvey()]
		if !inside(req, r, s) {
			continue
		}
		seen := map[string]bool{}
		rated := false
		for _, a := range r.GetAnswers() {
			q := s.GetQuestions()[slices.IndexFunc(s.GetQuestions(), func(q *surveyv1.Question) bool { return q.GetQuestionId() == a.GetQuestionId() })]
			key := place(req, r, q)
			if groups[key] == nil {
				groups[key] = tally{}
			}
			if !seen[key] {
				groups[key].count(s.GetSubject())
			}
			seen[key] = true
			if q.GetKind() != open {
				rated = true
				whole.rate(s.GetSubject(), q.GetKind(), a.GetRating())
				groups[key].rate(s.GetSubject(), q.GetKind(), a.GetRating())
			}
		}
		whole.count(s.GetSubject())
		if rated {
			included++
		}
	}
	if got.GetBasis().GetIncluded() != included {
		t.Errorf("%v: included %d, want %d", req, got.GetBasis().GetIncluded(), included)
	}
	whole.compare(t, fmt.Sprint(req), got.GetMeasures())
	breakdown(t, req, got, groups)
}

// breakdown fails unless the groups of got, in order, say what groups do.
func breakdown(t *testing.T, req *surveyv1.QuerySurveyMetricsRequest, got *surveyv1.QuerySurveyMetricsResponse, groups map[string]tally) {
	t.Helper()
	if len(req.GetGroupBy()) == 0 {
		clear(groups)
	}
	if len(got.GetGroups()) != len(groups) {
		t.Errorf("%v: %d groups, want %d", req, len(got.GetGroups()), len(groups))
	}
	last := ""
	for i, g := range got.GetGroups() {
		var values []string
		for d, k := range g.GetKeys() {
			values = append(values, k.GetValue())
			if k.GetDimension() != req.GetGroupBy()[d] {
				t.Errorf("%v: key %v, want dimension %s", req, k, req.GetGroupBy()[d])
			}
		}
		key := strings.Join(values, "\x00")
		if i > 0 && key <= last {
			t.Errorf("%v: group %q comes after %q", req, key, last)
		}
		last = key
		groups[key].compare(t, fmt.Sprint(req, values), g.GetMeasures())
	}
}

// inside reports whether r is in the window and population of req.
func inside(req *surveyv1.QuerySurveyMetricsRequest, r *surveyv1.Response, s *surveyv1.Survey) bool {
	at, a, p := r.GetSubmitTime().AsTime(), r.GetAttribution(), req.GetPopulation()
	if w := req.GetWindow(); w != nil && (at.Before(w.GetStartTime().AsTime()) || !at.Before(w.GetEndTime().AsTime())) {
		return false
	}
	return (len(req.GetSubjects()) == 0 || slices.Contains(req.GetSubjects(), s.GetSubject())) &&
		(len(req.GetSurveys()) == 0 || slices.Contains(req.GetSurveys(), r.GetSurvey())) &&
		(len(p.GetChannels()) == 0 || slices.Contains(p.GetChannels(), a.GetChannel())) &&
		(len(p.GetStages()) == 0 || slices.Contains(p.GetStages(), a.GetStage()))
}

// place returns the key of the group that an answer belongs to.
func place(req *surveyv1.QuerySurveyMetricsRequest, r *surveyv1.Response, q *surveyv1.Question) string {
	enum := func(n int32, name string) string {
		if n == 0 {
			return ""
		}
		return name
	}
	a := r.GetAttribution()
	var values []string
	for _, d := range req.GetGroupBy() {
		values = append(values, map[string]string{
			"channel":               enum(int32(a.GetChannel()), a.GetChannel().String()),
			"stage":                 enum(int32(a.GetStage()), a.GetStage().String()),
			"phase":                 enum(int32(a.GetPhase()), a.GetPhase().String()),
			"survey":                r.GetSurvey(),
			"question":              q.GetQuestionId(),
			"touchpoint_definition": q.GetTouchpointDefinition(),
			"partner":               a.GetPartner(),
			"team":                  a.GetTeam(),
			"agent":                 a.GetAgent(),
			"attributes.tenure":     r.GetAttributes()["tenure"],
		}[d])
	}
	return strings.Join(values, "\x00")
}

func (w tally) count(s typev1.Subject) {
	key := [2]int32{int32(typev1.Metric_METRIC_RESPONSE_COUNT), int32(s)}
	w[key] = append(w[key], 1)
}

func (w tally) rate(s typev1.Subject, k surveyv1.Question_Kind, rating int32) {
	for _, m := range map[surveyv1.Question_Kind][]typev1.Metric{
		nps:                             {typev1.Metric_METRIC_NPS},
		surveyv1.Question_KIND_CSAT5:    {typev1.Metric_METRIC_CSAT, typev1.Metric_METRIC_CSAT_MEAN},
		surveyv1.Question_KIND_STAR5:    {typev1.Metric_METRIC_STAR, typev1.Metric_METRIC_STAR_TOP2_SHARE},
		surveyv1.Question_KIND_CES_V2:   {typev1.Metric_METRIC_CES, typev1.Metric_METRIC_CES_EASY_SHARE},
		surveyv1.Question_KIND_CES_V1:   {typev1.Metric_METRIC_CES_V1},
		surveyv1.Question_KIND_CES_EASE: {typev1.Metric_METRIC_CES, typev1.Metric_METRIC_CES_EASY_SHARE},
	}[k] {
		key := [2]int32{int32(m), int32(s)}
		w[key] = append(w[key], rating)
	}
}

// compare fails unless measures says what w does.
func (w tally) compare(t *testing.T, what string, measures []*typev1.Measure) {
	t.Helper()
	if len(measures) != len(w) {
		t.Errorf("%s: %d measures, want %d", what, len(measures), len(w))
	}
	for _, m := range measures {
		ratings := w[[2]int32{int32(m.GetMetric()), int32(m.GetSubject())}]
		e := m.GetEstimate()
		if e.GetN() != int64(len(ratings)) {
			t.Errorf("%s: n of %v = %d, want %d", what, m.GetMetric(), e.GetN(), len(ratings))
		}
		if e.Value == nil {
			continue
		}
		near(t, fmt.Sprint(what, m.GetMetric()), e.Value, plain(m.GetMetric(), ratings))
		for _, h := range m.GetHistogram() {
			n := 0
			for _, r := range ratings {
				if r == h.GetValue() {
					n++
				}
			}
			if int64(n) != h.GetCount() {
				t.Errorf("%s: %v has %d answers of %d, want %d", what, m.GetMetric(), h.GetCount(), h.GetValue(), n)
			}
		}
	}
}

// plain is the textbook formula of a metric.
func plain(m typev1.Metric, ratings []int32) float64 {
	var sum, from4, from5, from9, to6 float64
	for _, r := range ratings {
		sum += float64(r)
		for limit, n := range map[int32]*float64{4: &from4, 5: &from5, 9: &from9} {
			if r >= limit {
				*n++
			}
		}
		if r <= 6 {
			to6++
		}
	}
	n := float64(len(ratings))
	switch m {
	case typev1.Metric_METRIC_NPS:
		return 100 * (from9 - to6) / n
	case typev1.Metric_METRIC_CSAT, typev1.Metric_METRIC_STAR_TOP2_SHARE:
		return from4 / n
	case typev1.Metric_METRIC_CES_EASY_SHARE:
		return from5 / n
	case typev1.Metric_METRIC_RESPONSE_COUNT:
		return n
	}
	return sum / n
}

func TestTheSameDataGivesTheSameAnswer(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps, ease))
		c.fill(t, 60, func(i int) *surveyv1.SubmitResponseRequest {
			req := submission(name, rate(nps, int32(i%11)), rate(ease, int32(1+i%7)))
			req.Response.Attributes = map[string]string{"tenure": fmt.Sprint(i % 5)}
			return req
		})
		by := func(r *surveyv1.QuerySurveyMetricsRequest) { r.GroupBy = []string{"attributes.tenure", "question"} }
		first, again := c.query(t, by), c.query(t, by)
		first.Basis.ReadTime = again.GetBasis().GetReadTime()
		same(t, "answer", first, again)
	})
}
