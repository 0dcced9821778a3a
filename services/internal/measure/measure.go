// Package measure turns what a service counted into the measures of the contract.
// Ticket, survey and journey share it, so that one client reads all their numbers.
package measure

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Confidence is the level of every interval.
const Confidence = 0.95

var methods = [...]typev1.Method{
	stats.MethodNone:         typev1.Method_METHOD_NONE,
	stats.MethodWilson:       typev1.Method_METHOD_WILSON,
	stats.MethodAdjustedWald: typev1.Method_METHOD_ADJUSTED_WALD,
	stats.MethodStudentT:     typev1.Method_METHOD_STUDENT_T,
	stats.MethodDelta:        typev1.Method_METHOD_DELTA,
	stats.MethodExact:        typev1.Method_METHOD_EXACT,
	stats.MethodBetaBinomial: typev1.Method_METHOD_BETA_BINOMIAL,
	stats.MethodNormalNormal: typev1.Method_METHOD_NORMAL_NORMAL,
	stats.MethodSketch:       typev1.Method_METHOD_SKETCH,
	stats.MethodWoodruff:     typev1.Method_METHOD_WOODRUFF,
	stats.MethodGoodman:      typev1.Method_METHOD_GOODMAN,
}

var qualities = [...]typev1.Quality{
	stats.QualityNoData:      typev1.Quality_QUALITY_NO_DATA,
	stats.QualitySuppressed:  typev1.Quality_QUALITY_SUPPRESSED,
	stats.QualitySmallSample: typev1.Quality_QUALITY_SMALL_SAMPLE,
	stats.QualityOK:          typev1.Quality_QUALITY_OK,
}

// Estimate converts e. A value that is unknown stays absent, so that zero is one.
func Estimate(e stats.Estimate, unit typev1.Unit) *typev1.Estimate {
	p := &typev1.Estimate{
		N: e.N, EffectiveN: e.EffectiveN,
		Method: methods[e.Method], Quality: qualities[e.Quality], Unit: unit,
	}
	if e.Known {
		p.Value = &e.Value
	}
	if e.Known && e.Interval {
		p.Lower, p.Upper, p.ConfidenceLevel = &e.Lower, &e.Upper, Confidence
	}
	return p
}

// Count is the estimate of a full count: exact, whatever its size, and without an
// interval.
func Count(n int64) *typev1.Estimate {
	v := float64(n)
	return &typev1.Estimate{
		Value: &v, N: n, EffectiveN: v,
		Method: typev1.Method_METHOD_EXACT, Quality: typev1.Quality_QUALITY_OK, Unit: typev1.Unit_UNIT_COUNT,
	}
}

// Exclusions lists the counts above zero, by reason in ascending order.
func Exclusions(counts map[string]int64) []*typev1.Exclusion {
	var all []*typev1.Exclusion
	for reason, n := range counts {
		if n > 0 {
			all = append(all, &typev1.Exclusion{Reason: reason, Count: n})
		}
	}
	slices.SortFunc(all, func(a, b *typev1.Exclusion) int { return cmp.Compare(a.GetReason(), b.GetReason()) })
	return all
}

// Key returns the value of one group key, for sorting and for maps.
func Key(keys []*typev1.GroupKey) string {
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = k.GetValue()
	}
	return strings.Join(values, "\x00")
}

// Sort puts groups into the order of their keys.
func Sort(groups []*typev1.MeasureGroup) {
	slices.SortFunc(groups, func(a, b *typev1.MeasureGroup) int { return cmp.Compare(Key(a.GetKeys()), Key(b.GetKeys())) })
}

// Window makes a window of [start, end).
func Window(start, end time.Time) *typev1.Window {
	return &typev1.Window{StartTime: timestamppb.New(start), EndTime: timestamppb.New(end)}
}

// Emotions returns the share of each emotion that was seen, in the order of the enum; unknown
// ones do not count.
func Emotions(counts map[typev1.Emotion]int64) []*journeyv1.EmotionShare {
	var all []*journeyv1.EmotionShare
	var seen []int64
	for emotion := typev1.Emotion_EMOTION_JOY; emotion < typev1.Emotion_EMOTION_UNKNOWN; emotion++ {
		if n := counts[emotion]; n > 0 {
			all, seen = append(all, &journeyv1.EmotionShare{Emotion: emotion}), append(seen, n)
		}
	}
	for i, share := range stats.Goodman(seen) {
		all[i].Share = Estimate(share, typev1.Unit_UNIT_RATIO)
	}
	return all
}
