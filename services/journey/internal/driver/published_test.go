package driver

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// near fails unless all of got are within the tolerance of want.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > tolerance {
			t.Errorf("%s %d = %.14g, want %.14g", what, i, got[i], want[i])
		}
	}
}

// given returns a correlation of the lower triangle r and the outcome's row y.
func given(y []float64, r ...[]float64) *correlation {
	c := newCorrelation(len(y) + 1)
	copy(c.y, y)
	for i, row := range r {
		for j, v := range row {
			c.r[i][j], c.r[j][i] = v, v
		}
		c.r[i][i] = 1
	}
	return c
}

// R's package relaimpo 2.2-7 on fertility in 47 Swiss provinces in 1888, by
// agriculture, examination, education, Catholics and infant mortality.
func TestSwissFertilityIsDividedAsPublished(t *testing.T) {
	c := given(
		[]float64{0.35307918361997476, -0.6458827064572875, -0.6637888570350692, 0.463684700651794, 0.4165560314349827},
		nil, []float64{-0.6865422086171364}, []float64{-0.6395225189483201, 0.6984152962884829},
		[]float64{0.4010950530487399, -0.5727418060641666, -0.15385891709091482},
		[]float64{-0.06085860841658164, -0.11402159648203353, -0.09932184582134564, 0.17549590759662295},
	)
	near(t, "R²", []float64{c.explained(func(int) bool { return true })}, []float64{0.706735001593}, 1e-12)
	near(t, "LMG", newShapley(5).divide(c, nil), []float64{
		0.0570912207681, 0.1711730289002, 0.2601346786244, 0.1055701503735, 0.1127659229265,
	}, 1e-13)
	near(t, "Johnson", c.weights(nil), []float64{0.048416895812, 0.154708249806, 0.271964104646, 0.114680029948, 0.116965721381}, 1e-12)
}

func TestTwoPredictorsByHand(t *testing.T) {
	c := given([]float64{0.6, 0.4}, nil, []float64{0.5})
	near(t, "R²", []float64{c.explained(func(int) bool { return true })}, []float64{0.28 / 0.75}, 1e-15)
	shares := newShapley(2).divide(c, nil)
	near(t, "LMG", shares, []float64{0.86 / 3, 0.26 / 3}, 1e-15)
	near(t, "Johnson", c.weights(nil), shares, 1e-15)
}

// column reads columns of a file of the sample data as numbers, the outcome first, and
// leaves out rows that keep refuses.
func columns(t *testing.T, file string, number func(column, text string) (float64, bool), names ...string) Input {
	t.Helper()
	const data = "../../../../../shared/data"
	f, err := os.Open(filepath.Join(data, file))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIPPED: no sample data at %s; it is not published with this repository", data)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, column := range rows[0] {
		at[column] = i
	}
	in := Input{Predictors: make([]Predictor, len(names)-1)}
rows:
	for _, row := range rows[1:] {
		values := make([]float64, len(names))
		for i, column := range names {
			v, ok := number(column, row[at[column]])
			if !ok {
				continue rows
			}
			values[i] = v
		}
		in.Outcome = append(in.Outcome, values[0])
		for i, v := range values[1:] {
			in.Predictors[i].Values = append(in.Predictors[i].Values, v)
		}
	}
	return in
}

func plain(_, text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// expected reads what another program found.
func expected(t *testing.T, v any) {
	t.Helper()
	text, err := os.ReadFile("../../../../../shared/data/expected.json")
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// weigh analyzes in and returns the relative weights and the Shapley values.
func weigh(t *testing.T, in Input, o Options) (a *Analysis, weights, shares []float64) {
	t.Helper()
	o.Draws = 1
	a, err := Analyze(t.Context(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	weights, shares = make([]float64, len(in.Predictors)), make([]float64, len(in.Predictors))
	for _, d := range a.Drivers {
		weights[d.Predictor] = d.Weight.Value
		if d.Shapley != nil {
			shares[d.Predictor] = d.Shapley.Value
		}
	}
	return a, weights, shares
}

func TestCarsAreDividedAsPublished(t *testing.T) {
	in := columns(t, "relative_weights/mtcars.csv", plain, "mpg", "cyl", "disp", "hp", "gear")
	a, weights, shares := weigh(t, in, Options{AllowFew: true})
	near(t, "R²", []float64{a.RSquared.Value}, []float64{0.7791896389830552}, 1e-12)
	near(t, "Johnson", weights, []float64{0.228479725928, 0.222146870540, 0.232174439299, 0.096388603215}, 1e-12)
	near(t, "LMG", shares, []float64{0.2470520332352, 0.2434995947956, 0.2109128995443, 0.0777251114079}, 1e-13)
}

// A weighed is a set of relative weights of the sample data.
type weighed struct {
	N       int
	R2      float64
	Percent map[string]float64
}

func (w weighed) check(t *testing.T, in Input, names []string) {
	t.Helper()
	a, weights, _ := weigh(t, in, Options{})
	if w.N > 0 && a.N != w.N {
		t.Errorf("%d rows, want %d", a.N, w.N)
	}
	near(t, "R²", []float64{a.RSquared.Value}, []float64{w.R2}, 1e-10)
	for i, n := range names {
		near(t, n, []float64{100 * weights[i] / a.RSquared.Value}, []float64{w.Percent[n]}, 1e-8)
	}
}

func TestAirlineWeightsAreThoseOfTheSet(t *testing.T) {
	names := []string{
		"Inflight wifi service", "Departure/Arrival time convenient", "Ease of Online booking", "Gate location", "Food and drink",
		"Online boarding", "Seat comfort", "Inflight entertainment", "On-board service", "Leg room service", "Baggage handling",
		"Checkin service", "Inflight service", "Cleanliness",
	}
	in := columns(t, "airline/airline.csv", func(column, text string) (float64, bool) {
		if column == "satisfaction" {
			if text == "satisfied" {
				return 1, true
			}
			return 0, true
		}
		return map[string]float64{"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}[text], text != "0"
	}, append([]string{"satisfaction"}, names...)...)
	var want struct {
		Airline struct {
			Weights weighed `json:"relative_weights_all_rated"`
		}
	}
	expected(t, &want)
	want.Airline.Weights.check(t, in, names)
}

func TestReviewWeightsAreThoseOfTheSet(t *testing.T) {
	names := []string{"SeatComfort", "CabinStaffService", "GroundService", "ValueForMoney"}
	in := columns(t, "reviews_ba/ba.csv", plain, append([]string{"OverallRating"}, names...)...)
	var want struct {
		Reviews struct {
			Weights weighed `json:"relative_weights_4_touchpoints"`
		} `json:"reviews_ba"`
	}
	expected(t, &want)
	want.Reviews.Weights.check(t, in, names)
}

func TestIndexWeightsAreThoseOfTheSet(t *testing.T) {
	names := []string{"PERQ1", "PERQ2", "PERQ3", "PERQ4", "PERQ5", "PERQ6", "PERQ7"}
	in := columns(t, "ecsi/mobi.csv", plain, append([]string{"CUSA1"}, names...)...)
	var want struct {
		Index struct {
			Weights weighed `json:"relative_weights_PERQ1..7_on_CUSA1"`
		} `json:"ecsi_mobi"`
	}
	expected(t, &want)
	want.Index.Weights.check(t, in, names)
}

// Efron's 15 law schools: admission test and grades, r = 0.776. Matlab's manual has
// 0.332 to 0.943 for the bias-corrected and accelerated interval of 2,000 draws.
func TestTheIntervalOfTheLawSchools(t *testing.T) {
	in := Input{
		Outcome: []float64{3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96},
		Predictors: []Predictor{{Values: []float64{
			576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594,
		}}},
	}
	a, err := Analyze(t.Context(), in, Options{Draws: 5000})
	if err != nil {
		t.Fatal(err)
	}
	r := a.RSquared
	near(t, "r", []float64{math.Sqrt(r.Value), math.Sqrt(r.Upper)}, []float64{0.7764, 0.9427}, 0.005)
	near(t, "r", []float64{math.Sqrt(r.Lower)}, []float64{0.3319}, 0.04)
}
