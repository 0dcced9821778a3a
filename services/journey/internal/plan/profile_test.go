package plan

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"pgregory.net/rapid"
)

func TestBuiltinProfilesAreComplete(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	want := map[string][2]int{ // service leaves, all leaves
		"restaurant": {4, 10}, "it": {3, 7}, "retail": {1, 5}, "saas": {3, 13},
	}
	for _, p := range Industries() {
		if wrong := p.Check(); len(wrong) > 0 {
			t.Errorf("%s: %v", p.ID, wrong)
		}
		for _, c := range p.Criteria {
			if !id.MatchString(c.ID) || c.DisplayName == "" {
				t.Errorf("%s: %q is malformed or has no name", p.ID, c.ID)
			}
		}
		service := 0
		definitions := p.Definitions()
		for _, d := range definitions {
			if d.Weight != 1 || d.Component == 0 || d.Owner == 0 || d.Control == 0 {
				t.Errorf("%s leaves something open, or weighs more than others: %+v", d.ID, d)
			}
			if d.Service {
				service++
			}
		}
		if got := [2]int{service, len(definitions)}; got != want[p.ID] {
			t.Errorf("%s has %d service leaves of %d, want %v", p.ID, got[0], got[1], want[p.ID])
		}
		if share := float64(service) / float64(len(definitions)); math.Abs(p.ServiceShare()-share) > 1e-12 {
			t.Errorf("%s: service share = %v, want %v", p.ID, p.ServiceShare(), share)
		}
	}
}

func TestARestaurantIsJudgedByWhatTheSourcesList(t *testing.T) {
	p := Industries()[0]
	var service, rest []string
	for _, d := range p.Definitions() {
		if d.Service {
			service = append(service, d.Criterion)
		} else {
			rest = append(rest, d.Criterion)
		}
	}
	if want := []string{"friendliness", "quick-service", "online-reservation", "review-adapted"}; !slices.Equal(service, want) {
		t.Errorf("service = %v, want %v", service, want)
	}
	if want := []string{"food-quality", "cleanliness", "ambience", "waiting-time", "menu-variety", "cost"}; !slices.Equal(rest, want) {
		t.Errorf("the rest = %v, want %v", rest, want)
	}
}

// plain is a leaf.
func plain(id, group string) Criterion {
	return Criterion{ID: id, DisplayName: id, Group: group, Stage: decision, Phase: purchase, Kind: transaction}
}

func TestCriteriaThatAreNoTreeOfDifferentLeavesAreRefused(t *testing.T) {
	group := func(id, within string) Criterion { return Criterion{ID: id, DisplayName: id, Group: within} }
	deep := []Criterion{plain("leaf", "e")}
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		deep = append(deep, group(id, strings.Repeat(string(rune('a'+i-1)), min(i, 1))))
	}
	unnamed := plain("b", "")
	unnamed.DisplayName = " A "
	staged := group("g", "")
	staged.Stage = decision
	open := plain("a", "")
	open.Phase = 0
	for _, tt := range []struct {
		name     string
		criteria []Criterion
		want     string
	}{
		{"a leaf", []Criterion{plain("a", "")}, ""},
		{"leaves in a group", []Criterion{group("g", ""), plain("a", "g"), plain("b", "g")}, ""},
		{"a group after its parts", []Criterion{plain("a", "g"), group("g", "")}, ""},
		{"five groups deep", deep, ""},
		{"six groups deep", append(slices.Clone(deep), group("f", "e"), plain("more", "f")), "DEPTH"},
		{"an id twice", []Criterion{plain("a", ""), plain("a", "")}, "DUPLICATE"},
		{"a leaf that counts twice", []Criterion{plain("a", ""), unnamed}, "DUPLICATE"},
		{"an unknown group", []Criterion{plain("a", "g")}, "UNKNOWN_GROUP"},
		{"a group within itself", []Criterion{group("g", "g"), plain("a", "")}, "DEPTH"},
		{"groups within each other", []Criterion{group("g", "h"), group("h", "g"), plain("a", "")}, "DEPTH"},
		{"a group with a stage", []Criterion{staged, plain("a", "g")}, "GROUP"},
		{"a leaf without a phase", []Criterion{open}, "LEAF"},
		{"an id too long for a definition", []Criterion{plain(strings.Repeat("x", 40), "")}, "LONG_ID"},
	} {
		p := Profile{ID: strings.Repeat("p", 30), Criteria: tt.criteria}
		var got string
		if wrong := p.Check(); len(wrong) > 0 {
			got = wrong[0].Reason
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if (tt.want == "") != (len(p.Definitions()) > 0) {
			t.Errorf("%s: %d definitions", tt.name, len(p.Definitions()))
		}
	}
}

func TestWeightsAreThoseOfTheTree(t *testing.T) {
	a, b, c := plain("a", ""), plain("b", "g"), plain("c", "g")
	a.Weight, c.Weight = 3, 3
	p := Profile{ID: "p", Criteria: []Criterion{a, {ID: "g", DisplayName: "g", Service: true, Weight: 1}, b, c}}
	got := map[string]float64{}
	for _, d := range p.Definitions() {
		got[d.ID] = d.Weight
		if d.Service != (d.ID != "p-a") {
			t.Errorf("%s: service = %v", d.ID, d.Service)
		}
	}
	// a has 3 of 4, the group 1 of 4, of which c has 3 of 4; times three leaves.
	if got["p-a"] != 2.25 || got["p-b"] != 0.1875 || got["p-c"] != 0.5625 {
		t.Errorf("weights = %v", got)
	}
	if s := p.ServiceShare(); s != 0.25 {
		t.Errorf("service share = %v, want 0.25", s)
	}
}

func TestLeavesWeighOneOnAverage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Profile{ID: "p"}
		groups := []string{""}
		for i := range rapid.IntRange(1, 12).Draw(t, "criteria") {
			c := plain(string(rune('a'+i)), rapid.SampledFrom(groups).Draw(t, "group"))
			c.Weight = rapid.SampledFrom([]float64{0, 0.5, 1, 2}).Draw(t, "weight")
			c.Service = rapid.Bool().Draw(t, "service")
			if rapid.IntRange(0, 3).Draw(t, "sort") == 0 && len(groups) < 5 {
				groups = append(groups, c.ID)
			}
			p.Criteria = append(p.Criteria, c)
		}
		for i, c := range p.Criteria { // those that have parts are groups
			if slices.ContainsFunc(p.Criteria, func(o Criterion) bool { return o.Group == c.ID }) {
				p.Criteria[i].Stage, p.Criteria[i].Phase, p.Criteria[i].Kind = 0, 0, 0
			}
		}
		definitions := p.Definitions()
		var sum, service float64
		for _, d := range definitions {
			sum += d.Weight
			if d.Service {
				service += d.Weight
			}
		}
		if math.Abs(sum-float64(len(definitions))) > 1e-9 || len(definitions) == 0 {
			t.Fatalf("the weights of %d leaves add up to %v", len(definitions), sum)
		}
		if math.Abs(service/sum-p.ServiceShare()) > 1e-12 {
			t.Fatalf("service share = %v, want %v", p.ServiceShare(), service/sum)
		}
	})
}

func TestWhatWasObservedIsComparedWithWhatIsExpected(t *testing.T) {
	const unknown, unmet, met, exceeded = typev1.Expectation_EXPECTATION_UNSPECIFIED, typev1.Expectation_EXPECTATION_UNMET,
		typev1.Expectation_EXPECTATION_MET, typev1.Expectation_EXPECTATION_EXCEEDED
	two := 2.0
	for _, tt := range []struct {
		expected *Expected
		observed float64
		want     typev1.Expectation
	}{
		{nil, 3, unknown},
		{atMost("minutes", 20, 10), 20.5, unmet},
		{atMost("minutes", 20, 10), 20, met},
		{atMost("minutes", 20, 10), 10, exceeded},
		{&Expected{Target: 1, Exceed: &two}, 0.5, unmet},
		{&Expected{Target: 1, Exceed: &two}, 1, met},
		{&Expected{Target: 1, Exceed: &two}, 2, exceeded},
		{&Expected{Target: 1}, 1e12, met},
		{&Expected{LowerIsBetter: true}, 0, met},
	} {
		if got := tt.expected.Outcome(tt.observed); got != tt.want {
			t.Errorf("%+v: %v is %v, want %v", tt.expected, tt.observed, got, tt.want)
		}
	}
	for n, want := range map[int64]typev1.Expectation{4: exceeded, 5: met, 6: met, 7: unmet} {
		if got := (&Steps{Min: 5, Max: 6}).Outcome(n); got != want {
			t.Errorf("%d of 5 to 6 steps: %v, want %v", n, got, want)
		}
	}
}
