package importer

import (
	"math"
	"testing"

	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// wantWeights compares the relative weights of definitions on the outcome of another.
// An independent program wrote them down in percent of R².
func wantWeights(t *testing.T, conn grpc.ClientConnInterface, outcome string, n int64, r2 float64, percent map[string]float64) {
	t.Helper()
	rated := func(id string) *journeyv1.Variable {
		return &journeyv1.Variable{Source: &journeyv1.Variable_TouchpointDefinition{TouchpointDefinition: "brands/b/touchpointDefinitions/" + id}}
	}
	req := &journeyv1.AnalyzeDriversRequest{Parent: "brands/b", Outcome: rated(outcome)}
	for id := range percent {
		req.Predictors = append(req.Predictors, rated(id))
	}
	res, err := journeyv1.NewInsightServiceClient(conn).AnalyzeDrivers(patient(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if e := res.GetRSquared(); e.GetN() != n || math.Abs(e.GetValue()-r2) > 1e-9 {
		t.Errorf("R² of %s = %v of %d, want %v of %d", outcome, e.GetValue(), e.GetN(), r2, n)
	}
	for _, d := range res.GetDrivers() {
		id := d.GetVariable().GetTouchpointDefinition()[len("brands/b/touchpointDefinitions/"):]
		if got := 100 * d.GetRelativeWeight().GetValue() / res.GetRSquared().GetValue(); math.Abs(got-percent[id]) > 1e-6 {
			t.Errorf("%s weighs %v %%, want %v %%", id, got, percent[id])
		}
	}
	s := res.GetSplit()
	if sum := s.GetUniqueService().GetValue() + s.GetShared().GetValue() + s.GetUniqueRest().GetValue(); math.Abs(sum-r2) > 1e-9 {
		t.Errorf("the three parts add up to %v, want %v", sum, r2)
	}
}

// renamed is m with its keys replaced.
func renamed(m map[string]float64, ids map[string]string) map[string]float64 {
	all := map[string]float64{}
	for column, v := range m {
		all[ids[column]] = v
	}
	return all
}

func TestWhatDrivesAFlightIsWhatTheSetSays(t *testing.T) {
	var want struct {
		Weights struct {
			N       int64
			R2      float64
			Percent map[string]float64
		} `json:"relative_weights_4_touchpoints"`
	}
	expected(t, "reviews_ba", &want)
	conn := start(t)
	load(t, conn, "reviews_ba")
	wantWeights(t, conn, "flight", want.Weights.N, want.Weights.R2, renamed(want.Weights.Percent, map[string]string{
		"SeatComfort": "seat", "CabinStaffService": "cabin-staff", "GroundService": "ground-service", "ValueForMoney": "value-for-money",
	}))
}

func TestWhatDrivesSatisfactionIsWhatTheSetSays(t *testing.T) {
	var want struct {
		Rows    int64
		Weights struct {
			R2      float64
			Percent map[string]float64
		} `json:"relative_weights_PERQ1..7_on_CUSA1"`
	}
	expected(t, "ecsi_mobi", &want)
	conn := start(t)
	load(t, conn, "ecsi")
	wantWeights(t, conn, "relationship", want.Rows, want.Weights.R2, renamed(want.Weights.Percent, map[string]string{
		"PERQ1": "overall-quality", "PERQ2": "network-quality", "PERQ3": "customer-service", "PERQ4": "service-quality",
		"PERQ5": "product-range", "PERQ6": "reliability", "PERQ7": "information",
	}))
}
