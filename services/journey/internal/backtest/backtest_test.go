package backtest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %.9g, want %.9g", what, got, want)
	}
}

// TestAUCIsThatOfAllPairs compares with counting each pair.
func TestAUCIsThatOfAllPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var trial Trial
		var back, gone []float64
		for range 2 + r.IntN(60) {
			score := float64(r.IntN(40)) * 2.5
			came := r.Float64()*100 < score
			if came {
				back = append(back, score)
			} else {
				gone = append(gone, score)
			}
			trial.Add(score, Sequel{Back: came})
		}
		if len(back) == 0 || len(gone) == 0 {
			if e := trial.AUC(); e.Known || e.Quality != stats.QualityNoData {
				t.Errorf("of one sort: %+v, want nothing known", e)
			}
			continue
		}
		wins := 0.0
		for _, b := range back {
			for _, g := range gone {
				if b > g {
					wins++
				} else if b == g {
					wins += .5
				}
			}
		}
		got := trial.AUC()
		near(t, "auc", got.Value, wins/float64(len(back)*len(gone)), 1e-12)
		if got.Lower > got.Value || got.Upper < got.Value || got.N != int64(len(back)+len(gone)) {
			t.Errorf("auc = %+v", got)
		}
	}
}

// TestHanleyAndMcNeil has the example of their paper of 1982: 51 abnormal and 58 normal
// images, an area of 0.893 and a standard error of 0.032.
func TestHanleyAndMcNeil(t *testing.T) {
	var trial Trial
	for i, counts := range [][2]int64{{3, 33}, {2, 6}, {2, 6}, {11, 11}, {33, 2}} {
		for range counts[0] {
			trial.Add(float64(i), Sequel{Back: true, Contacts: 1})
		}
		for range counts[1] {
			trial.Add(float64(i), Sequel{})
		}
	}
	e := trial.AUC()
	near(t, "auc", e.Value, .893, .0005)
	near(t, "standard error", (e.Upper-e.Value)/z, .032, .0015)
	contact := trial.ContactAUC() // of whom all contacted who came back
	near(t, "auc of contacts", contact.Value, 1-e.Value, 1e-12)
	if contact.N != 109 {
		t.Errorf("auc of contacts = %+v, want 109 customers", contact)
	}
}

// TestSpearman has ranks with ties, computed by hand: scores 10, 20, 20, 40, 50 and ratings
// .2, .4, .6, .6, 1 have ranks 1, 2.5, 2.5, 4, 5 and 1, 2, 3.5, 3.5, 5.
func TestSpearman(t *testing.T) {
	var trial Trial
	for i, score := range []float64{10, 20, 20, 40, 50} {
		trial.Add(score, Sequel{Rating: []float64{.2, .4, .6, .6, 1}[i], Rated: true})
	}
	trial.Add(70, Sequel{})
	e := trial.Correlation()
	near(t, "correlation", e.Value, 8.75/9.5, 1e-12)
	if e.N != 5 || e.Lower >= e.Value || e.Upper <= e.Value || e.Upper > 1 {
		t.Errorf("correlation = %+v, want 5 customers and an interval", e)
	}
	var alike Trial
	for range 9 {
		alike.Add(50, Sequel{Rating: .5, Rated: true})
	}
	if e := alike.Correlation(); e.Known {
		t.Errorf("of scores that are all alike: %+v, want nothing known", e)
	}
}

func TestDecilesHaveEveryCustomerOnce(t *testing.T) {
	var trial Trial
	for i := range 100 {
		trial.Add(float64(i), Sequel{Back: i%10 < i/10, Bought: i%10 == 1, Contacts: (9 - i/10) * (i % 2)})
	}
	tenths := trial.Deciles()
	if len(tenths) != 10 {
		t.Fatalf("%d tenths, want 10", len(tenths))
	}
	for i, d := range tenths {
		if d.N != 10 || d.Back != int64(i) || d.Lowest != float64(10*i) || d.Highest != float64(10*i+9) {
			t.Errorf("tenth %d = %+v", i, d)
		}
		contacts := int64(9 - i)
		if want := (Acts{Customers: 10, Bought: 1, Contacted: 5 * min(contacts, 1), Contacts: 5 * contacts}); d.Acts != want {
			t.Errorf("tenth %d did %+v, want %+v", i, d.Acts, want)
		}
	}
	var few Trial
	few.Add(1, Sequel{Back: true})
	few.Add(1, Sequel{})
	if got := few.Deciles(); len(got) != 1 || got[0].N != 2 {
		t.Errorf("tenths of one score = %+v, want one", got)
	}
}

func TestATrialCanBePutAside(t *testing.T) {
	var trial, again Trial
	trial.Add(12.34, Sequel{Back: true, Bought: true, Contacts: 2, Rating: .5, Rated: true})
	trial.Add(99.99, Sequel{})
	text, err := json.Marshal(trial)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, trial) {
		t.Errorf("came back as %+v, %v, want %+v", again, err, trial)
	}
}

// TestWhatTheReleaseBeforeCounted goes on with a trial that knows of no acts.
func TestWhatTheReleaseBeforeCounted(t *testing.T) {
	var trial Trial
	if err := json.Unmarshal([]byte(`{"back":{"1000":3},"gone":{"2000":4},"rate":{}}`), &trial); err != nil {
		t.Fatal(err)
	}
	trial.Add(10, Sequel{Back: true, Contacts: 3})
	got := trial.Deciles()
	want := []Decile{{Lowest: 10, Highest: 10, N: 4, Back: 4, Acts: Acts{Customers: 1, Contacted: 1, Contacts: 3}}, {Lowest: 20, Highest: 20, N: 4}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("tenths = %+v, want %+v", got, want)
	}
}
