package questionnaire

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

func point(n int32) *int32 { return &n }

// question returns one of a kind with as many choices, c0, c1 and so on.
func question(id string, kind scale.Kind, choices int, branches ...store.Branch) store.Question {
	q := store.Question{ID: id, Kind: int32(kind), Branches: branches}
	for i := range choices {
		q.Choices = append(q.Choices, store.Choice{ID: fmt.Sprint("c", i), Text: "x"})
	}
	return q
}

func TestWhatIsWrongWithQuestionsIsSaidByPath(t *testing.T) {
	type branch = store.Branch
	end := question("end", scale.Open, 0)
	for _, tt := range []struct {
		name string
		q    store.Question
		want string // path and reason
	}{
		{"a rating", question("q", scale.NPS, 0), ""},
		{"a rating with choices", question("q", scale.NPS, 1), "questions[1].choices FIXED_BY_KIND"},
		{"words with choices", question("q", scale.Open, 2), "questions[1].choices FIXED_BY_KIND"},
		{"an expectation with choices", question("q", scale.Expectation, 3), "questions[1].choices FIXED_BY_KIND"},
		{"no choice", question("q", scale.Choice, 0), "questions[1].choices FIXED_BY_KIND"},
		{"one choice is none", question("q", scale.Choice, 1), "questions[1].choices FIXED_BY_KIND"},
		{"two choices", question("q", scale.Choice, 2), ""},
		{"50 choices", question("q", scale.Choice, 50), ""},
		{"51 choices", question("q", scale.Choice, 51), "questions[1].choices FIXED_BY_KIND"},
		{"nothing to tick", question("q", scale.Multi, 0), "questions[1].choices FIXED_BY_KIND"},
		{"one to tick", question("q", scale.Multi, 1), ""},
		{"51 to tick", question("q", scale.Multi, 51), "questions[1].choices FIXED_BY_KIND"},
		{
			"a choice twice",
			store.Question{ID: "q", Kind: int32(scale.Choice), Choices: []store.Choice{{ID: "a"}, {ID: "b"}, {ID: "a"}}},
			"questions[1].choices[2].choice_id NOT_UNIQUE",
		},
		{"further down", question("q", scale.NPS, 0, branch{Question: "end"}), ""},
		{"to the end", question("q", scale.NPS, 0, branch{}), ""},
		{"to itself", question("q", scale.NPS, 0, branch{Question: "q"}), "questions[1].branches[0].question_id NOT_FURTHER_DOWN"},
		{"back", question("q", scale.NPS, 0, branch{}, branch{Question: "start"}), "questions[1].branches[1].question_id NOT_FURTHER_DOWN"},
		{"nowhere", question("q", scale.NPS, 0, branch{Question: "none"}), "questions[1].branches[0].question_id UNKNOWN_QUESTION"},
		{"ratings at the ends", question("q", scale.NPS, 0, branch{Min: point(0), Max: point(10)}), ""},
		{"a rating below", question("q", scale.CSAT5, 0, branch{Min: point(0)}), "questions[1].branches[0].min_rating OFF_SCALE"},
		{"a rating above", question("q", scale.CSAT5, 0, branch{Max: point(6)}), "questions[1].branches[0].max_rating OFF_SCALE"},
		{"ratings of words", question("q", scale.Open, 0, branch{Min: point(1)}), "questions[1].branches[0].min_rating OTHER_KIND"},
		{"ratings of choices", question("q", scale.Choice, 2, branch{Max: point(1)}), "questions[1].branches[0].max_rating OTHER_KIND"},
		{"ratings of an expectation", question("q", scale.Expectation, 0, branch{Min: point(2)}), "questions[1].branches[0].min_rating OTHER_KIND"},
		{"a choice", question("q", scale.Multi, 2, branch{Choices: []string{"c1"}}), ""},
		{"a choice of another question", question("q", scale.Choice, 2, branch{Choices: []string{"c0", "c2"}}), "questions[1].branches[0].choice_ids[1] UNKNOWN_CHOICE"},
		{"a choice of a rating", question("q", scale.NPS, 0, branch{Choices: []string{"c0"}}), "questions[1].branches[0].choice_ids OTHER_KIND"},
		{"an expectation", question("q", scale.Expectation, 0, branch{Expectation: 1}), ""},
		{"an expectation of a rating", question("q", scale.CSAT5, 0, branch{Expectation: 1}), "questions[1].branches[0].expectation OTHER_KIND"},
	} {
		var got []string
		for _, f := range Check([]store.Question{question("start", scale.NPS, 0), tt.q, end}) {
			got = append(got, f.Path+" "+f.Reason)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOnlySoManyFaultsAreReported(t *testing.T) {
	if got := len(Check(slices.Repeat([]store.Question{question("q", scale.Choice, 0)}, 50))); got != maxFaults {
		t.Errorf("%d faults, want %d", got, maxFaults)
	}
}

func TestTheAnswersLeadToTheQuestions(t *testing.T) {
	type branch = store.Branch
	type answers = map[string]store.Answer
	questions := []store.Question{
		question("nps", scale.NPS, 0, branch{Max: point(6), Question: "why"}, branch{Min: point(9)}),
		question("how", scale.Multi, 3, branch{Choices: []string{"c0", "c2"}, Question: "met"}, branch{Question: "last"}),
		question("why", scale.Open, 0),
		question("met", scale.Expectation, 0, branch{Expectation: 1, Question: "last"}),
		question("stars", scale.Star5, 0, branch{Min: point(2), Max: point(4)}),
		question("last", scale.Open, 0),
	}
	if wrong := Check(questions); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, tt := range []struct {
		name    string
		answers answers
		want    string
	}{
		{"nothing answered, everything asked", nil, "nps how why met stars last"},
		{"up to the bound", answers{"nps": {Rating: 6}}, "nps why met stars last"},
		{"beyond the bound", answers{"nps": {Rating: 7}}, "nps how why met stars last"},
		{"the lowest is an answer", answers{"nps": {Rating: 0}}, "nps why met stars last"},
		{"from the bound on", answers{"nps": {Rating: 9}}, "nps"},
		{"one of the choices", answers{"how": {Choices: []string{"c1", "c2"}}}, "nps how met stars last"},
		{"none of the choices", answers{"how": {Choices: []string{"c1"}}}, "nps how last"},
		{"the expectation", answers{"met": {Rating: 1}}, "nps how why met last"},
		{"another expectation", answers{"met": {Rating: 2}}, "nps how why met stars last"},
		{"within a range", answers{"stars": {Rating: 3}}, "nps how why met stars"},
		{"below a range", answers{"stars": {Rating: 1}}, "nps how why met stars last"},
		{"above a range", answers{"stars": {Rating: 5}}, "nps how why met stars last"},
		{"what was not asked leads nowhere", answers{"nps": {Rating: 10}, "met": {Rating: 1}}, "nps"},
	} {
		asked := Asked(questions, func(id string) (store.Answer, bool) { a, ok := tt.answers[id]; return a, ok })
		var got []string
		for _, q := range questions {
			if asked[q.ID] {
				got = append(got, q.ID)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: asked %q, want %q", tt.name, got, tt.want)
		}
	}
}

// anyQuestions draws questions that may well be wrong.
func anyQuestions(t *rapid.T) []store.Question {
	n := rapid.IntRange(1, 8).Draw(t, "n")
	target := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "end") == 0 {
			return ""
		}
		return fmt.Sprint("q", rapid.IntRange(0, n).Draw(t, "to"))
	})
	rating := rapid.Ptr(rapid.Int32Range(0, 5), true)
	all := make([]store.Question, n)
	for i := range all {
		kind := scale.Kind(rapid.SampledFrom([]scale.Kind{scale.NPS, scale.Open, scale.Multi, scale.Expectation}).Draw(t, "kind"))
		_, most := kind.Choices()
		all[i] = question(fmt.Sprint("q", i), kind, min(most, 3))
		for range rapid.IntRange(0, 2).Draw(t, "branches") {
			b := store.Branch{Question: target.Draw(t, "target")}
			switch kind {
			case scale.NPS:
				b.Min, b.Max = rating.Draw(t, "min"), rating.Draw(t, "max")
			case scale.Multi:
				b.Choices = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"c0", "c1", "c2"}), 0, 2, rapid.ID).Draw(t, "choices")
			case scale.Expectation:
				b.Expectation = rapid.Int32Range(0, 3).Draw(t, "expectation")
			}
			all[i].Branches = append(all[i].Branches, b)
		}
	}
	return all
}

// anyAnswers draws answers to some of the questions.
func anyAnswers(t *rapid.T, questions []store.Question) map[string]store.Answer {
	all := map[string]store.Answer{}
	for _, q := range questions {
		if rapid.Bool().Draw(t, "answered") {
			all[q.ID] = store.Answer{
				Rating:  rapid.Int32Range(0, 6).Draw(t, "rating"),
				Choices: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"c0", "c1", "c2"}), 1, 3, rapid.ID).Draw(t, "chosen"),
			}
		}
	}
	return all
}

// walk returns the questions in the order in which they are asked.
func walk(t *rapid.T, questions []store.Question, answers map[string]store.Answer) (order []string, asked map[string]bool) {
	asked = Asked(questions, func(id string) (store.Answer, bool) {
		if order = append(order, id); len(order) > len(questions) {
			t.Fatalf("asked %v, which goes round", order)
		}
		a, ok := answers[id]
		return a, ok
	})
	return order, asked
}

func TestRandomQuestionsAreAskedOnceAndByTheAnswersAlone(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		questions := anyQuestions(t)
		answers := anyAnswers(t, questions)
		if len(Check(questions)) == 0 {
			accepted++
		}
		order, asked := walk(t, questions, answers)
		if order[0] != "q0" || !slices.IsSorted(order) || len(slices.Compact(slices.Clone(order))) != len(order) {
			t.Errorf("asked in the order %v, want each once, downwards from the first", order)
		}
		if len(asked) != len(order) {
			t.Errorf("asked %v, want those gone through, %v", asked, order)
		}
		for id := range answers { // what was answered to a question that was not asked leads nowhere
			if !asked[id] {
				delete(answers, id)
			}
		}
		if _, again := walk(t, questions, answers); !maps.Equal(again, asked) {
			t.Errorf("asked %v by the same answers, want %v", again, asked)
		}
	})
	if accepted == 0 {
		t.Error("no questions were accepted")
	}
}

// TestRandomQuestionsThatAreAcceptedGoWhereTheirBranchesSay follows the branches
// without the guard of Asked.
func TestRandomQuestionsThatAreAcceptedGoWhereTheirBranchesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		questions := anyQuestions(t)
		if len(Check(questions)) > 0 {
			t.Skip("refused")
		}
		answers := anyAnswers(t, questions)
		order, _ := walk(t, questions, answers)
		var want []string
		for i := 0; i < len(questions); {
			want = append(want, questions[i].ID)
			if len(want) > len(questions) {
				t.Fatalf("asked %v, which goes round", want)
			}
			a, ok := answers[questions[i].ID]
			to := i + 1
			for _, b := range questions[i].Branches {
				if ok && holds(b, a) {
					to = slices.IndexFunc(questions, func(q store.Question) bool { return q.ID == b.Question })
					if b.Question == "" {
						to = len(questions)
					}
					break
				}
			}
			i = to
		}
		if !slices.Equal(order, want) {
			t.Errorf("asked %v, want %v", order, want)
		}
	})
}

func holds(b store.Branch, a store.Answer) bool {
	if b.Min != nil && a.Rating < *b.Min || b.Max != nil && a.Rating > *b.Max || b.Expectation != 0 && a.Rating != b.Expectation {
		return false
	}
	if len(b.Choices) == 0 {
		return true
	}
	for _, id := range b.Choices {
		if slices.Contains(a.Choices, id) {
			return true
		}
	}
	return false
}
