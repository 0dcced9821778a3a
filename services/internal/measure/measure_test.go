package measure

import (
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

func TestEstimateKeepsZeroAndHidesTheUnknown(t *testing.T) {
	zero := Estimate(stats.Wilson(0, 40), typev1.Unit_UNIT_RATIO)
	if zero.Value == nil || zero.GetValue() != 0 || zero.Upper == nil || zero.GetConfidenceLevel() != 0.95 {
		t.Errorf("a share of 0 = %v, want a value and an interval", zero)
	}
	few := Estimate(stats.Wilson(2, 3), typev1.Unit_UNIT_RATIO)
	if few.Value != nil || few.Lower != nil || few.GetN() != 3 || few.GetQuality() != typev1.Quality_QUALITY_SUPPRESSED {
		t.Errorf("a share of 3 = %v, want it suppressed and counted", few)
	}
}

func TestEveryMethodAndQualityHasItsName(t *testing.T) {
	for m := stats.MethodNone; m <= stats.MethodGoodman; m++ {
		if methods[m] == typev1.Method_METHOD_UNSPECIFIED {
			t.Errorf("method %d has no name", m)
		}
	}
	for q := stats.QualityNoData; q <= stats.QualityOK; q++ {
		if qualities[q] == typev1.Quality_QUALITY_UNSPECIFIED {
			t.Errorf("quality %d has no name", q)
		}
	}
}

func TestExclusionsAreSortedAndNeverEmpty(t *testing.T) {
	got := Exclusions(map[string]int64{"NOT_RESOLVED": 2, "NEGATIVE_DURATION": 65, "NOT_ANSWERED": 0})
	if len(got) != 2 || got[0].GetReason() != "NEGATIVE_DURATION" || got[1].GetCount() != 2 {
		t.Errorf("Exclusions = %v", got)
	}
}
