package insight

import (
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Stages returns the stages of the journey as of asOf, and the weakest.
func (g *Group) Stages(asOf int64) *journeyv1.StageScores {
	var (
		all           journeyv1.StageScores
		lowest, other stats.Estimate // the two lowest means
		weakest       typev1.Stage
	)
	for i, s := range g.result(asOf).Stages {
		e := shown(s.Estimate())
		p := &journeyv1.StageScore{Stage: typev1.Stage(i + 1), Mean: ratio(e), Weight: s.Share, Support: s.Support, N: s.N} //nolint:gosec // 1 to 5
		all.Stages = append(all.Stages, p)
		switch {
		case !e.Known:
		case !lowest.Known || e.Value < lowest.Value:
			lowest, other, weakest = e, lowest, p.GetStage()
		case !other.Known || e.Value < other.Value:
			other = e
		}
	}
	if other.Known {
		all.Weakest = &journeyv1.WeakestStage{
			Stage: weakest, Mean: ratio(lowest), Distinguishable: stats.Subtract(other, lowest).Distinguishable,
		}
	}
	return &all
}

// Emotions counts what customers felt. The zero value is empty.
type Emotions struct {
	counts map[typev1.Emotion]int64
}

// Add takes one; unknown ones do not count.
func (e *Emotions) Add(emotion typev1.Emotion) {
	if emotion == typev1.Emotion_EMOTION_UNSPECIFIED || emotion == typev1.Emotion_EMOTION_UNKNOWN {
		return
	}
	if e.counts == nil {
		e.counts = map[typev1.Emotion]int64{}
	}
	e.counts[emotion]++
}

// Shares returns the share of each that was seen, in the order of the enum.
func (e *Emotions) Shares() []*journeyv1.EmotionShare { return measure.Emotions(e.counts) }

// Gap returns how far what was felt is from target. There is none without a target.
func (e *Emotions) Gap(target typev1.Emotion) *journeyv1.EmotionGap {
	if target == typev1.Emotion_EMOTION_UNSPECIFIED {
		return nil
	}
	var all int64
	for _, n := range e.counts {
		all += n
	}
	felt := e.counts[target]
	return &journeyv1.EmotionGap{
		TargetEmotion: target, Felt: ratio(stats.Wilson(felt, all)), Gap: ratio(stats.Wilson(all-felt, all)),
	}
}
