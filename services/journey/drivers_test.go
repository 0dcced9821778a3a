package journey_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestAnalyzeDrivers(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"the parts add up, and who lacks a value is counted":      testDriverParts,
		"neither order nor batches have a say":                    testDriverOrder,
		"the last value of an attribute counts, as number or not": testDriverAttributes,
		"what carries no analysis is refused":                     testDriverRefusals,
		"more than 15 predictors have relative weights alone":     testManyDrivers,
		"the airline's weights are those of the set":              testAirlineDrivers,
	})
}

func definitionOf(brand, id string) *journeyv1.Variable {
	return &journeyv1.Variable{Source: &journeyv1.Variable_TouchpointDefinition{TouchpointDefinition: "brands/" + brand + "/touchpointDefinitions/" + id}}
}

func attributeOf(key, equals string) *journeyv1.Variable {
	return &journeyv1.Variable{Source: &journeyv1.Variable_Attribute{Attribute: key}, Equals: equals}
}

// ratings are requests that say how n customers of a brand rated touchpoints that go
// together. Every tenth customer has no delivery, every eleventh no referral.
func ratings(brand string, n int) []*journeyv1.RecordTouchpointRequest {
	r := rand.New(rand.NewPCG(21, 22))
	var all []*journeyv1.RecordTouchpointRequest
	for i := range n {
		mood := r.NormFloat64()
		rate := func(id string, mean float64, skip bool) {
			rating := min(max(math.Round(5+mood+mean+r.NormFloat64()), 0), 10)
			if skip {
				return
			}
			for k := range 2 {
				req := visit(fmt.Sprint("c", i), fmt.Sprint(id, i, k), noon.Add(time.Duration(k)*time.Hour))
				req.Parent = fmt.Sprintf("brands/%s/customers/c%d", brand, i)
				req.Touchpoint.Definition = "brands/" + brand + "/touchpointDefinitions/" + id
				req.Touchpoint.Measurement = &journeyv1.Measurement{Rating: int32(rating) - int32(k)*int32(rating)/3, Max: 10}
				req.Touchpoint.Attributes = map[string]string{"spent": strconv.Itoa(100*k + int(10*mood)), "plan": []string{"basic", "pro"}[i*7%3%2]}
				all = append(all, req)
			}
		}
		rate("support-interaction", 0, false)
		rate("delivery", 1, i%10 == 0)
		rate("website-visit", 0, false)
		rate("referral", 2*mood, i%11 == 0)
	}
	return all
}

func (s *suite) rated(t *testing.T, brand string, all []*journeyv1.RecordTouchpointRequest, size int) {
	t.Helper()
	for part := range slices.Chunk(all, size) {
		for _, result := range s.batch(t, &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/" + brand, Requests: part}) {
			if result.GetError() != nil {
				t.Fatal(result.GetError())
			}
		}
	}
}

func referrals(brand string) *journeyv1.AnalyzeDriversRequest {
	return &journeyv1.AnalyzeDriversRequest{
		Parent: "brands/" + brand, Outcome: definitionOf(brand, "referral"), Draws: 100,
		Predictors: []*journeyv1.Variable{definitionOf(brand, "support-interaction"), definitionOf(brand, "delivery"), definitionOf(brand, "website-visit")},
	}
}

func testDriverParts(t *testing.T, s *suite) {
	s.rated(t, "acme", ratings("acme", 220), 500)
	answer, err := s.AnalyzeDrivers(t.Context(), referrals("acme"))
	if err != nil {
		t.Fatal(err)
	}
	total := answer.GetRSquared().GetValue()
	var shapley, weight, share float64
	for _, d := range answer.GetDrivers() {
		shapley, weight, share = shapley+d.GetShapley().GetValue(), weight+d.GetRelativeWeight().GetValue(), share+d.GetShare()
		service := d.GetVariable().GetTouchpointDefinition() == "brands/acme/touchpointDefinitions/support-interaction"
		if service != (d.GetVariable().GetBlock() == journeyv1.Variable_BLOCK_SERVICE) {
			t.Errorf("block of %v", d.GetVariable())
		}
	}
	split := answer.GetSplit()
	for name, sum := range map[string]float64{
		"Shapley values": shapley, "relative weights": weight, "shares": share * total,
		"the split": split.GetUniqueService().GetValue() + split.GetShared().GetValue() + split.GetUniqueRest().GetValue(),
		"blocks":    split.GetService().GetValue() + split.GetRest().GetValue(),
	} {
		if math.Abs(sum-total) > 1e-12 {
			t.Errorf("%s add up to %v, want %v", name, sum, total)
		}
	}
	basis := answer.GetBasis()
	if basis.GetIncluded() != 180 || len(basis.GetExcluded()) != 2 || basis.GetExcluded()[0].GetReason() != "NO_OUTCOME" ||
		basis.GetExcluded()[0].GetCount() != 20 || basis.GetExcluded()[1].GetCount() != 20 || basis.GetWindow() == nil {
		t.Errorf("basis = %v, want 180 customers, 20 without outcome, 20 of the others without delivery", basis)
	}
	if e := answer.GetRSquared(); total < 0.2 || !(e.GetLower() < total && total < e.GetUpper()) || e.GetN() != 180 || e.GetMethod() != typev1.Method_METHOD_BOOTSTRAP {
		t.Errorf("R² = %v", e)
	}
	if !strings.Contains(answer.GetCaution(), "not cause") || answer.GetDraws() != 100 {
		t.Errorf("caution %q, draws %d", answer.GetCaution(), answer.GetDraws())
	}
	one := referrals("acme")
	for _, v := range one.GetPredictors() {
		v.Block = journeyv1.Variable_BLOCK_REST
	}
	if answer, err := s.AnalyzeDrivers(t.Context(), one); err != nil || answer.GetSplit() != nil {
		t.Errorf("of one block: %v, %v, want no split", answer.GetSplit(), err)
	}
}

func testDriverOrder(t *testing.T, s *suite) {
	s.rated(t, "acme", ratings("acme", 150), 1000)
	shuffled := ratings("bolt", 150)
	shuffled = append(shuffled, shuffled[:100]...)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	s.rated(t, "bolt", shuffled, 77)
	var answers []*journeyv1.AnalyzeDriversResponse
	for _, brand := range []string{"acme", "bolt", "bolt"} {
		req := referrals(brand)
		req.Predictors = append(req.Predictors, attributeOf("spent", ""))
		answer, err := s.AnalyzeDrivers(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Basis = nil
		for _, d := range answer.GetDrivers() {
			if full := d.GetVariable().GetTouchpointDefinition(); full != "" {
				d.Variable.Source = &journeyv1.Variable_TouchpointDefinition{TouchpointDefinition: full[len("brands/acme"):]}
			}
		}
		answers = append(answers, answer)
	}
	same(t, answers[1], answers[0])
	same(t, answers[2], answers[0])
}

func testDriverAttributes(t *testing.T, s *suite) {
	var all []*journeyv1.RecordTouchpointRequest
	for i := range 60 {
		for k, attributes := range []map[string]string{
			{"kept": strconv.Itoa(i % 7), "plan": "basic", "odd": "x"},
			{"kept": []string{"1", "no number", "NaN", "Inf", "1e300"}[max(i-55, 0)], "plan": []string{"basic", "pro"}[i%2]},
			{"plan2": "yes"},
		} {
			r := visit(fmt.Sprint("c", i), fmt.Sprint(i, "-", k), noon.Add(time.Duration(k)*time.Minute))
			if k == 1 && i < 55 {
				attributes["kept"] = strconv.FormatFloat(float64(i%5)+float64(i%2)/2, 'g', -1, 64)
			}
			r.Touchpoint.Attributes = attributes
			all = append(all, r)
		}
	}
	s.rated(t, "acme", all, 1000)
	answer, err := s.AnalyzeDrivers(t.Context(), &journeyv1.AnalyzeDriversRequest{
		Parent: "brands/acme", Outcome: attributeOf("kept", ""), Predictors: []*journeyv1.Variable{attributeOf("plan", "pro")}, Draws: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := answer.GetDrivers()[0]
	if answer.GetBasis().GetIncluded() != 56 || answer.GetBasis().GetExcluded()[0].GetCount() != 4 || math.Abs(d.GetMean()-28./56) > 1e-12 {
		t.Errorf("basis = %v, mean = %v, want 56 of whom 28 are pro", answer.GetBasis(), d.GetMean())
	}
	if d.GetVariable().GetBlock() != journeyv1.Variable_BLOCK_REST || math.Abs(d.GetCorrelation()*d.GetCorrelation()-answer.GetRSquared().GetValue()) > 1e-12 {
		t.Errorf("driver = %v, R² = %v", d, answer.GetRSquared())
	}
}

func testDriverRefusals(t *testing.T, s *suite) {
	s.rated(t, "acme", ratings("acme", 29), 1000)
	for _, tt := range []struct {
		name   string
		change func(*journeyv1.AnalyzeDriversRequest)
		code   codes.Code
		reason string
	}{
		{"too few customers", func(*journeyv1.AnalyzeDriversRequest) {}, codes.FailedPrecondition, "TOO_FEW_CUSTOMERS"},
		{"nobody", func(r *journeyv1.AnalyzeDriversRequest) {
			r.Window, r.OverrideSampleSize = window(noon.Add(-48*time.Hour), noon.Add(-47*time.Hour)), true
		}, codes.FailedPrecondition, "TOO_FEW_CUSTOMERS"},
		{"the same for everyone", func(r *journeyv1.AnalyzeDriversRequest) {
			r.Predictors = []*journeyv1.Variable{attributeOf("plan", "none")}
		}, codes.FailedPrecondition, "NO_VARIANCE"},
		{"determined by another", func(r *journeyv1.AnalyzeDriversRequest) {
			r.Predictors = []*journeyv1.Variable{attributeOf("plan", "pro"), attributeOf("plan", "basic")}
		}, codes.FailedPrecondition, "SINGULAR"},
		{"twice the same", func(r *journeyv1.AnalyzeDriversRequest) { r.Predictors[1] = r.GetPredictors()[0] }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"the outcome among them", func(r *journeyv1.AnalyzeDriversRequest) { r.Predictors[1] = r.GetOutcome() }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"no predictors", func(r *journeyv1.AnalyzeDriversRequest) { r.Predictors = nil }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"no outcome", func(r *journeyv1.AnalyzeDriversRequest) { r.Outcome = nil }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"an empty variable", func(r *journeyv1.AnalyzeDriversRequest) { r.Outcome = &journeyv1.Variable{} }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"a definition that equals", func(r *journeyv1.AnalyzeDriversRequest) { r.Outcome.Equals = "x" }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"99 draws", func(r *journeyv1.AnalyzeDriversRequest) { r.Draws = 99 }, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"an unknown definition", func(r *journeyv1.AnalyzeDriversRequest) { r.Predictors[0] = definitionOf("acme", "none") }, codes.NotFound, "NOT_FOUND"},
		{"another brand's definition", func(r *journeyv1.AnalyzeDriversRequest) { r.Predictors[0] = definitionOf("bolt", "delivery") }, codes.NotFound, "NOT_FOUND"},
	} {
		req := referrals("acme")
		tt.change(req)
		_, err := s.AnalyzeDrivers(t.Context(), req)
		t.Log(tt.name)
		refusedFor(t, err, tt.code, tt.reason)
	}
	req := referrals("acme")
	req.OverrideSampleSize, req.OverrideCollinearity = true, true
	answer, err := s.AnalyzeDrivers(t.Context(), req)
	if err != nil || !slices.Contains(answer.GetOverridden(), "TOO_FEW_CUSTOMERS") || answer.GetRSquared().GetQuality() != typev1.Quality_QUALITY_SMALL_SAMPLE {
		t.Errorf("overridden: %v, %v", answer, err)
	}
}

func testManyDrivers(t *testing.T, s *suite) {
	r := rand.New(rand.NewPCG(1, 3))
	var all []*journeyv1.RecordTouchpointRequest
	for i := range 170 {
		req := visit(fmt.Sprint("c", i), fmt.Sprint(i), noon)
		req.Touchpoint.Attributes = map[string]string{"y": strconv.Itoa(r.IntN(100))}
		for k := range 16 {
			req.Touchpoint.Attributes[fmt.Sprint("x", k)] = strconv.Itoa(r.IntN(100))
		}
		all = append(all, req)
	}
	s.rated(t, "acme", all, 1000)
	req := &journeyv1.AnalyzeDriversRequest{Parent: "brands/acme", Outcome: attributeOf("y", ""), Draws: 100}
	for k := range 16 {
		v := attributeOf(fmt.Sprint("x", k), "")
		if k < 4 {
			v.Block = journeyv1.Variable_BLOCK_SERVICE
		}
		req.Predictors = append(req.Predictors, v)
	}
	answer, err := s.AnalyzeDrivers(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, d := range answer.GetDrivers() {
		if d.Shapley != nil {
			t.Errorf("%v has a Shapley value", d.GetVariable())
		}
		sum += d.GetShare()
	}
	if math.Abs(sum-1) > 1e-12 || answer.GetSplit() == nil {
		t.Errorf("shares add up to %v, split = %v", sum, answer.GetSplit())
	}
}

// testAirlineDrivers has passengers rate 14 touchpoints and say whether they are
// satisfied, as the sample data do, through the service.
func testAirlineDrivers(t *testing.T, s *suite) {
	const data = "../../../shared/data"
	f, err := os.Open(filepath.Join(data, "airline/airline.csv"))
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
	text, err := os.ReadFile(filepath.Join(data, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Airline struct {
			Weights struct {
				N       int64
				R2      float64
				Percent map[string]float64
			} `json:"relative_weights_all_rated"`
		}
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // of the columns, by definition
	req := &journeyv1.AnalyzeDriversRequest{Parent: "brands/acme", Outcome: attributeOf("satisfaction", "satisfied"), Draws: 100}
	for i := 7; i < 21; i++ {
		id := fmt.Sprint("rated-", i)
		d := define(id)
		d.TouchpointDefinition.IsService = slices.Contains([]int{15, 17, 18, 19}, i) // what people did for the passenger
		if _, err := s.CreateTouchpointDefinition(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		v := definitionOf("acme", id)
		names[v.GetTouchpointDefinition()] = rows[0][i]
		req.Predictors = append(req.Predictors, v)
	}
	var all []*journeyv1.RecordTouchpointRequest
	for _, row := range rows[1:] {
		for i := 7; i < 21; i++ {
			rating, err := strconv.ParseInt(row[i], 10, 32)
			if err != nil || rating == 0 { // not applicable
				continue
			}
			r := visit("p"+row[0], fmt.Sprint(row[0], "-", i), noon)
			r.Touchpoint.Definition = fmt.Sprint("brands/acme/touchpointDefinitions/rated-", i)
			r.Touchpoint.Measurement = &journeyv1.Measurement{Rating: int32(rating), Min: 1, Max: 5}
			r.Touchpoint.Attributes = map[string]string{"satisfaction": row[len(row)-1]}
			all = append(all, r)
		}
	}
	s.rated(t, "acme", all, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // the most there is: other tests have the machine too
	defer cancel()
	answer, err := s.AnalyzeDrivers(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	r2 := answer.GetRSquared().GetValue()
	if answer.GetBasis().GetIncluded() != want.Airline.Weights.N || math.Abs(r2-want.Airline.Weights.R2) > 1e-10 {
		t.Errorf("R² = %v of %d, want %v", r2, answer.GetBasis().GetIncluded(), want.Airline.Weights)
	}
	for _, d := range answer.GetDrivers() {
		column := names[d.GetVariable().GetTouchpointDefinition()]
		if got := 100 * d.GetRelativeWeight().GetValue() / r2; math.Abs(got-want.Airline.Weights.Percent[column]) > 1e-8 {
			t.Errorf("%s = %v %%, want %v", column, got, want.Airline.Weights.Percent[column])
		}
	}
	if split := answer.GetSplit(); !(0 < split.GetUniqueService().GetLower() && split.GetUniqueService().GetUpper() < split.GetUniqueRest().GetLower()) {
		t.Errorf("split = %v, want something unique to service, and more to the rest", split)
	}
}
