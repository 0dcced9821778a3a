package plan

import (
	"regexp"
	"slices"
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestBuiltinDefinitionsAreComplete(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	seen := map[string]Definition{}
	for _, d := range Builtin() {
		if _, twice := seen[d.ID]; twice || !id.MatchString(d.ID) {
			t.Errorf("id %q is malformed or there twice", d.ID)
		}
		seen[d.ID] = d
		if d.DisplayName == "" || d.Stage == 0 || d.Phase == 0 || d.Kind == 0 || d.Component == 0 || d.Owner == 0 || d.Control == 0 {
			t.Errorf("%s leaves something open: %+v", d.ID, d)
		}
		if d.Weight != 1 || !d.CreateTime.IsZero() {
			t.Errorf("%s: weight %v, create time %v, want 1 and none", d.ID, d.Weight, d.CreateTime)
		}
	}
	for _, id := range []string{SupportInteraction, SupportResolution} {
		d := seen[id]
		if !d.Service || d.Stage != typev1.Stage_STAGE_RETENTION || d.Phase != typev1.Phase_PHASE_POST_PURCHASE {
			t.Errorf("%s = %+v, want a service touchpoint of the retention stage after the purchase", id, d)
		}
	}
}

// What the sources name, stage by stage, by the rows of the requirements.
func TestEveryTouchpointOfTheSourcesIsBuiltIn(t *testing.T) {
	at := map[string]typev1.Stage{}
	for _, d := range Builtin() {
		at[d.ID] = d.Stage
	}
	for _, tt := range []struct {
		what  string
		stage typev1.Stage
		ids   []string
	}{
		{"before the purchase", awareness, []string{"social-engagement", "online-ad", "promotion", "content-awareness"}},
		{"before the purchase", consideration, []string{"store-visit", "website-visit", "content-consideration"}},
		{"awareness", awareness, []string{"search-result", "social-post", "search-ad", "email-campaign", "newsletter"}},
		{"consideration", consideration, []string{"website-visit", "testimonial", "influencer-post", "peer-review"}},
		{"purchase", decision, []string{"product-finding", "payment", "checkout", "packaging", "delivery"}},
		{"decision", decision, []string{"site-navigation", "thank-you-page", "case-study", "special-offer", "content-decision"}},
		{"retention", retention, []string{"feedback-request", "cross-sell", "product-suggestion", "content-retention"}},
		{"advocacy", advocacy, []string{"referral", "social-share", "review-written", "word-of-mouth", "content-advocacy"}},
	} {
		for _, id := range tt.ids {
			if at[id] != tt.stage {
				t.Errorf("%s: %s is of stage %v, want %v", tt.what, id, at[id], tt.stage)
			}
		}
	}
}

func TestContentIsJudgedByItsRelevanceInEachStage(t *testing.T) {
	for _, stage := range Map(Builtin()) {
		if !slices.ContainsFunc(stage.Definitions, func(d Definition) bool { return d.Criterion == ContentRelevance }) {
			t.Errorf("%v: nothing is judged by its relevance", stage.Stage)
		}
	}
}

func TestMapHasFiveStagesAndFourPhases(t *testing.T) {
	stages := Map(Builtin())
	if len(stages) != 5 {
		t.Fatalf("the map has %d stages, want 5", len(stages))
	}
	var phases []typev1.Phase
	count := 0
	for i, s := range stages {
		if s.Stage != typev1.Stage(i+1) {
			t.Errorf("stage %d is %v", i, s.Stage)
		}
		if n := len(s.Definitions); n < 5 || n > 12 {
			t.Errorf("%v has %d definitions, want 5 to 12", s.Stage, n)
		}
		count += len(s.Definitions)
		phases = append(phases, s.Phases...)
	}
	slices.Sort(phases)
	want := []typev1.Phase{1, 2, 3, 4}
	if got := slices.Compact(phases); !slices.Equal(got, want) {
		t.Errorf("the map spans phases %v, want %v", got, want)
	}
	if count != len(Builtin()) {
		t.Errorf("the map holds %d definitions of %d", count, len(Builtin()))
	}
}

func TestMapOrdersWhatABrandAdds(t *testing.T) {
	added := Definition{ID: "branch-opening", Stage: typev1.Stage_STAGE_AWARENESS, Phase: typev1.Phase_PHASE_PRODUCT_USE}
	first := Map(append(Builtin(), added))[0]
	want := []string{
		"branch-opening", "content-awareness", "email-campaign", "newsletter", "online-ad", "outdoor-display", "promotion",
		"search-ad", "search-result", "social-engagement", "social-post", "webinar",
	}
	var got []string
	for _, d := range first.Definitions {
		got = append(got, d.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("definitions = %v, want %v", got, want)
	}
	if !slices.Equal(first.Phases, []typev1.Phase{1, 3}) {
		t.Errorf("phases = %v, want the new one after the other", first.Phases)
	}
}
