package person

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

const (
	active      = journeyv1.Customer_ACTIVITY_STATUS_ACTIVE
	idle        = journeyv1.Customer_ACTIVITY_STATUS_IDLE
	lapsed      = journeyv1.Customer_ACTIVITY_STATUS_LAPSED
	reactivated = journeyv1.Customer_ACTIVITY_STATUS_REACTIVATED
)

func TestActivity(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ago := func(days int, engaged bool) Sight {
		return Sight{now.Add(time.Duration(-days) * 24 * time.Hour), engaged}
	}
	for _, tt := range []struct {
		name   string
		sights []Sight
		want   journeyv1.Customer_ActivityStatus
		due    int // days after the last sight; 0 for never
	}{
		{"nobody was seen", nil, 0, 0},
		{"seen lately", []Sight{ago(1, false)}, active, 90},
		{"seen 89 days ago", []Sight{ago(89, true)}, active, 90},
		{"seen 90 days ago", []Sight{ago(90, true)}, idle, 365},
		{"seen 364 days ago", []Sight{ago(364, true)}, idle, 365},
		{"seen a year ago", []Sight{ago(365, true)}, lapsed, 0},
		{"seen again after 90 days", []Sight{ago(1, false), ago(91, true)}, reactivated, 90},
		{"seen again after less", []Sight{ago(2, false), ago(91, true)}, active, 90},
		{"seen again, and bought once", []Sight{ago(1, true), ago(2, false), ago(200, true), ago(201, true)}, reactivated, 90},
		{"seen again, and bought twice", []Sight{ago(1, true), ago(2, true), ago(200, true)}, active, 90},
		{"seen again, then idle", []Sight{ago(95, false), ago(200, true)}, idle, 365},
		{"two pauses: the last counts", []Sight{ago(1, true), ago(100, true), ago(101, true), ago(300, true)}, reactivated, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, due := Activity(tt.sights, now)
			var want time.Time
			if tt.due > 0 {
				want = tt.sights[0].Time.Add(time.Duration(tt.due) * 24 * time.Hour)
			}
			if got != tt.want || !due.Equal(want) {
				t.Errorf("Activity = %v until %v, want %v until %v", got, due, tt.want, want)
			}
		})
	}
}

// The latest sights tell as much as all of them once they are settled.
func TestSettledSightsAreEnough(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		at := now
		all := make([]Sight, rapid.IntRange(1, 30).Draw(t, "sights"))
		for i := range all {
			at = at.Add(-time.Duration(rapid.SampledFrom([]int{0, 1, 30, 89, 90, 91, 400}).Draw(t, "days")) * 24 * time.Hour)
			all[i] = Sight{at, rapid.Bool().Draw(t, "engaged")}
		}
		some := all[:rapid.IntRange(1, len(all)).Draw(t, "some")]
		if !Settled(some) {
			return
		}
		got, _ := Activity(some, now)
		if want, _ := Activity(all, now); got != want {
			t.Fatalf("of the latest %d: %v, of all %d: %v", len(some), got, len(all), want)
		}
	})
}

func TestSomebodySeenAThousandTimesWithoutAPauseIsActive(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	sights := make([]Sight, Reach+1)
	for i := range sights {
		sights[i].Time = now.Add(time.Duration(-i) * time.Hour)
	}
	sights[Reach].Time = now.Add(-10 * Lapse)
	if got, _ := Activity(sights, now); got != active {
		t.Errorf("Activity = %v, want %v", got, active)
	}
}
