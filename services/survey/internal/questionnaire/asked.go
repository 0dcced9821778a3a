package questionnaire

import (
	"slices"

	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// Asked returns the ids of the questions that the answers lead to: the first, and
// after each the one that its branches say, or else the next of the list. answer
// returns what was answered to a question; it is called once for each one asked, in
// their order. A branch that does not lead further down is passed over, so that
// Asked ends whatever the questions are.
func Asked(questions []store.Question, answer func(id string) (store.Answer, bool)) map[string]bool {
	places, asked := places(questions), map[string]bool{}
	for i := 0; i < len(questions); {
		q := questions[i]
		asked[q.ID] = true
		i++
		a, ok := answer(q.ID)
		if !ok {
			continue
		}
		if b := slices.IndexFunc(q.Branches, func(b store.Branch) bool { return applies(b, a) }); b >= 0 {
			i = next(places, q.Branches[b].Question, i, len(questions))
		}
	}
	return asked
}

// next returns the place a branch to the question leads to, which is at least from.
func next(places map[string]int, question string, from, end int) int {
	if question == "" {
		return end
	}
	return max(places[question], from)
}

// applies reports whether everything that b asks for holds of a.
func applies(b store.Branch, a store.Answer) bool {
	return (b.Min == nil || a.Rating >= *b.Min) &&
		(b.Max == nil || a.Rating <= *b.Max) &&
		(len(b.Choices) == 0 || slices.ContainsFunc(b.Choices, func(id string) bool { return slices.Contains(a.Choices, id) })) &&
		(b.Expectation == 0 || a.Rating == b.Expectation)
}
