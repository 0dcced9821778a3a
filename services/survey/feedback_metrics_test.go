package survey_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// figures returns what is measured of feedback, by the values of the keys.
func (v voice) figures(t *testing.T, req *surveyv1.QueryFeedbackMetricsRequest) (map[string]map[typev1.Metric]*typev1.Measure, *typev1.Basis) {
	t.Helper()
	req.Parent = acme
	got, err := v.QueryFeedbackMetrics(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[typev1.Metric]*typev1.Measure{}
	for _, g := range got.GetGroups() {
		var keys []string
		for i, k := range g.GetKeys() {
			if want := append([]string{"solicitation"}, req.GetGroupBy()...)[i]; k.GetDimension() != want {
				t.Errorf("key %d is %s, want %s", i, k.GetDimension(), want)
			}
			keys = append(keys, k.GetValue())
		}
		id := strings.TrimPrefix(strings.Join(keys, " "), "SOLICITATION_")
		all[id] = map[typev1.Metric]*typev1.Measure{}
		for _, m := range g.GetMeasures() {
			if m.GetSubject() != 0 {
				t.Errorf("%s has the subject %v", m.GetMetric(), m.GetSubject())
			}
			all[id][m.GetMetric()] = m
		}
	}
	return all, got.GetBasis()
}

func TestSolicitationsAreNeverPooled(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		for i := range 40 {
			f := heard([]string{"It is very good.", "It is very bad.", "It is a table for my room.", "Produto muito bom"}[i%4], time.Duration(i)*time.Hour)
			f.Rating, f.PublicReach = proto.Int32(int32(1+i%5)), proto.Int64(int64(100*i)) //nolint:gosec // small
			if i == 2 {
				f.Text = "Produto muito bom"
			}
			if i%10 == 0 {
				f.RatingScale, f.PublicReach = &surveyv1.Scale{Min: 0, Max: 10, HigherIsBetter: true}, nil
			}
			if i >= 36 {
				f.Solicitation = surveyv1.Feedback_SOLICITATION_SOLICITED
			}
			v.say(t, fmt.Sprint("f", i), f)
		}
		for i := range 8 {
			n := fmt.Sprint(acme, "/feedback/f", i)
			if _, err := v.AssignFeedbackAction(t.Context(), &surveyv1.AssignFeedbackActionRequest{Name: n, Owner: typev1.Function_FUNCTION_PRODUCT}); err != nil {
				t.Fatal(err)
			}
			if i < 6 {
				_, err := v.CompleteFeedbackAction(t.Context(), &surveyv1.CompleteFeedbackActionRequest{
					Name: n, Outcome: surveyv1.FeedbackAction_OUTCOME_FIXED, EventTime: timestamppb.New(noon.Add(time.Duration(i+i+1) * time.Hour)),
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		all, basis := v.figures(t, &surveyv1.QueryFeedbackMetricsRequest{})
		if len(all) != 2 || basis.GetIncluded() != 40 || len(basis.GetExcluded()) != 1 || basis.GetExcluded()[0].GetReason() != "OTHER_SCALE" ||
			basis.GetExcluded()[0].GetCount() != 4 || !basis.GetWindow().GetStartTime().AsTime().Equal(noon) {
			t.Errorf("%d groups on %v", len(all), basis)
		}
		un := all["UNSOLICITED"]
		for _, tt := range []struct {
			metric  typev1.Metric
			value   float64
			n       int64
			method  typev1.Method
			quality typev1.Quality
		}{
			{typev1.Metric_METRIC_FEEDBACK_COUNT, 36, 36, typev1.Method_METHOD_EXACT, typev1.Quality_QUALITY_OK},
			{typev1.Metric_METRIC_POSITIVE_SHARE, 9.0 / 26, 26, typev1.Method_METHOD_WILSON, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_NEGATIVE_SHARE, 9.0 / 26, 26, typev1.Method_METHOD_WILSON, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_SENTIMENT_MEAN, 9 * (0.4927 - 0.5849) / 26, 26, typev1.Method_METHOD_STUDENT_T, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_UNREADABLE_SHARE, 10.0 / 36, 36, typev1.Method_METHOD_WILSON, typev1.Quality_QUALITY_OK},
			{typev1.Metric_METRIC_FEEDBACK_RATING_MEAN, 102.0 / 32, 32, typev1.Method_METHOD_STUDENT_T, typev1.Quality_QUALITY_OK},
			{typev1.Metric_METRIC_PUBLIC_REACH, 57_000, 32, typev1.Method_METHOD_EXACT, typev1.Quality_QUALITY_OK},
			{typev1.Metric_METRIC_REPUTATION, 100 * (12_400.0 - 15_300) / (12_400 + 15_300), 16, typev1.Method_METHOD_NONE, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_ACTION_RATE, 8.0 / 36, 36, typev1.Method_METHOD_WILSON, typev1.Quality_QUALITY_OK},
			{typev1.Metric_METRIC_ACTION_COMPLETED_SHARE, 6.0 / 8, 8, typev1.Method_METHOD_WILSON, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_TIME_TO_CLOSE_P50, 3.5 * 3600, 6, typev1.Method_METHOD_EXACT, typev1.Quality_QUALITY_SMALL_SAMPLE},
			{typev1.Metric_METRIC_TIME_TO_CLOSE_P90, 5.5 * 3600, 6, typev1.Method_METHOD_NONE, typev1.Quality_QUALITY_SMALL_SAMPLE},
		} {
			e := un[tt.metric].GetEstimate()
			if math.Abs(e.GetValue()-tt.value) > 1e-9 || e.GetN() != tt.n || e.GetMethod() != tt.method || e.GetQuality() != tt.quality {
				t.Errorf("%v is %v, want %v of %d by %v, %v", tt.metric, e, tt.value, tt.n, tt.method, tt.quality)
			}
		}
		few := all["SOLICITED"]
		if e := few[typev1.Metric_METRIC_POSITIVE_SHARE].GetEstimate(); e.GetQuality() != typev1.Quality_QUALITY_SUPPRESSED || e.Value != nil {
			t.Errorf("a share of three is %v, want it withheld", e)
		}
		if m := few[typev1.Metric_METRIC_FEEDBACK_RATING_MEAN]; m.GetEstimate().Value != nil || m.GetHistogram() != nil {
			t.Errorf("the ratings of four are %v, want them withheld", m)
		}
		if few[typev1.Metric_METRIC_ACTION_COMPLETED_SHARE] != nil || few[typev1.Metric_METRIC_TIME_TO_CLOSE_P50] != nil {
			t.Error("what nothing is known of is measured")
		}
		half, basis := v.figures(t, &surveyv1.QueryFeedbackMetricsRequest{
			Window: &typev1.Window{StartTime: timestamppb.New(noon), EndTime: timestamppb.New(noon.Add(20 * time.Hour))}, Filter: "label = POSITIVE",
		})
		if n := half["UNSOLICITED"][typev1.Metric_METRIC_FEEDBACK_COUNT].GetEstimate().GetN(); len(half) != 1 || n != 5 || basis.GetIncluded() != 5 {
			t.Errorf("in half the window are %d of %v", n, basis)
		}
	})
}

func TestEveryFigureOfFeedbackIsThatOfARecount(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		random := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // a test repeats
		var all []*surveyv1.Feedback
		for i := range 120 {
			f := heard([]string{"It is very good.", "It is very bad.", "It is a table for my room.", "Produto muito bom, chegou antes"}[random.IntN(4)], time.Duration(random.IntN(1000))*time.Minute)
			f.Solicitation, f.Source = surveyv1.Feedback_Solicitation(1+random.IntN(3)), surveyv1.Feedback_Source(1+random.IntN(3)) //nolint:gosec // small
			f.Channel, f.Stage = typev1.Channel(random.IntN(3)), typev1.Stage(random.IntN(3))                                       //nolint:gosec // small
			f.Cluster = []string{"", "app crash", "delivery"}[random.IntN(3)]
			if random.IntN(2) == 0 {
				f.Attributes = map[string]string{"tenure": fmt.Sprint(random.IntN(2))}
			}
			f = v.say(t, fmt.Sprint("f", i), f)
			if random.IntN(3) == 0 {
				var err error
				f, err = v.AssignFeedbackAction(t.Context(), &surveyv1.AssignFeedbackActionRequest{
					Name: f.GetName(), Owner: typev1.Function(1 + random.IntN(3)), //nolint:gosec // small
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, f)
		}
		keyOf := map[string]func(*surveyv1.Feedback) string{
			"source":   func(f *surveyv1.Feedback) string { return f.GetSource().String() },
			"language": (*surveyv1.Feedback).GetLanguage,
			"cluster":  (*surveyv1.Feedback).GetCluster,
			"channel": func(f *surveyv1.Feedback) string {
				return strings.TrimPrefix(f.GetChannel().String(), typev1.Channel_CHANNEL_UNSPECIFIED.String())
			},
			"stage": func(f *surveyv1.Feedback) string {
				return strings.TrimPrefix(f.GetStage().String(), typev1.Stage_STAGE_UNSPECIFIED.String())
			},
			"label": func(f *surveyv1.Feedback) string { return f.GetSentiment().GetLabel().String() },
			"owner": func(f *surveyv1.Feedback) string {
				return strings.TrimPrefix(f.GetAction().GetOwner().String(), typev1.Function_FUNCTION_UNSPECIFIED.String())
			},
			"attributes.tenure": func(f *surveyv1.Feedback) string { return f.GetAttributes()["tenure"] },
		}
		for _, by := range [][]string{
			nil,
			{"source"},
			{"language"},
			{"cluster"},
			{"channel"},
			{"stage"},
			{"label"},
			{"owner"},
			{"attributes.tenure"},
			{"label", "cluster"},
			{"attributes.tenure", "owner"},
		} {
			want := map[string]int64{}
			for _, f := range all {
				keys := []string{strings.TrimPrefix(f.GetSolicitation().String(), "SOLICITATION_")}
				for _, d := range by {
					keys = append(keys, keyOf[d](f))
				}
				want[strings.Join(keys, " ")]++
			}
			got, _ := v.figures(t, &surveyv1.QueryFeedbackMetricsRequest{GroupBy: slices.Clone(by)})
			if len(got) != len(want) {
				t.Errorf("by %v there are %d groups, want %d", by, len(got), len(want))
			}
			for keys, n := range want {
				if e := got[keys][typev1.Metric_METRIC_FEEDBACK_COUNT].GetEstimate(); e.GetN() != n {
					t.Errorf("by %v %q are %d, want %d", by, keys, e.GetN(), n)
				}
			}
		}
	})
}

func TestWithoutFeedbackThereIsNothingToMeasure(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		all, basis := v.figures(t, &surveyv1.QueryFeedbackMetricsRequest{})
		if len(all) != 0 || basis.GetIncluded() != 0 || basis.Window != nil || basis.GetReadTime() == nil {
			t.Errorf("there is %v on %v", all, basis)
		}
	})
}
