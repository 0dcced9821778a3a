// Package questionnaire knows what a list of questions may hold and which of them
// are asked. It is pure; everything in it is safe for concurrent use.
package questionnaire

import (
	"fmt"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// maxFaults is how many faults a check reports.
const maxFaults = 16

// Check says what is wrong with questions whose ids are unique, the first 16 faults
// of them. Of questions without a fault none is ever asked twice.
func Check(questions []store.Question) []fault.Field {
	c := checker{questions: questions, places: places(questions)}
	for i, q := range questions {
		path := fmt.Sprintf("questions[%d]", i)
		c.choices(path, q)
		for j, b := range q.Branches {
			at := fmt.Sprintf("%s.branches[%d].", path, j)
			c.target(at, i, b)
			c.ratings(at, q, b)
			c.conditions(at, q, b)
		}
	}
	return c.faults[:min(len(c.faults), maxFaults)]
}

// A checker collects faults.
type checker struct {
	questions []store.Question
	places    map[string]int
	faults    []fault.Field
}

func (c *checker) wrong(path, reason, format string, args ...any) {
	c.faults = append(c.faults, fault.Field{Path: path, Reason: reason, Description: fmt.Sprintf(format, args...)})
}

// choices looks at what q offers.
func (c *checker) choices(path string, q store.Question) {
	least, most := scale.Kind(q.Kind).Choices()
	if n := len(q.Choices); n < least || n > most {
		if most == 0 {
			c.wrong(path+".choices", "FIXED_BY_KIND", "must be empty: the question's kind offers none")
			return
		}
		c.wrong(path+".choices", "FIXED_BY_KIND", "must be %d to %d", least, most)
	}
	seen := map[string]bool{}
	for i, choice := range q.Choices {
		if seen[choice.ID] {
			c.wrong(fmt.Sprintf("%s.choices[%d].choice_id", path, i), "NOT_UNIQUE", "is the id of another choice of the question")
		}
		seen[choice.ID] = true
	}
}

// target looks at where b, of the question at place from, leads to.
func (c *checker) target(path string, from int, b store.Branch) {
	if b.Question == "" {
		return
	}
	to, ok := c.places[b.Question]
	switch {
	case !ok:
		c.wrong(path+"question_id", "UNKNOWN_QUESTION", "must be a question of the survey")
	case to <= from:
		c.wrong(path+"question_id", "NOT_FURTHER_DOWN", "must stand further down, so that nothing is asked twice")
	}
}

// ratings looks at the range of ratings that b is about.
func (c *checker) ratings(path string, q store.Question, b store.Branch) {
	on, _ := scale.Kind(q.Kind).Scale()
	for _, end := range []struct {
		field  string
		rating *int32
	}{{"min_rating", b.Min}, {"max_rating", b.Max}} {
		switch {
		case end.rating == nil:
		case !scale.Kind(q.Kind).Rated():
			c.wrong(path+end.field, "OTHER_KIND", "must be absent: the question asks for no rating")
		case !on.Holds(*end.rating):
			c.wrong(path+end.field, "OFF_SCALE", "must be %d to %d for this question", on.Min, on.Max)
		}
	}
}

// conditions looks at the choices and the expectation that b is about.
func (c *checker) conditions(path string, q store.Question, b store.Branch) {
	if _, most := scale.Kind(q.Kind).Choices(); most == 0 && len(b.Choices) > 0 {
		c.wrong(path+"choice_ids", "OTHER_KIND", "must be empty: the question offers no choices")
	} else {
		for i, id := range b.Choices {
			if !slices.ContainsFunc(q.Choices, func(offered store.Choice) bool { return offered.ID == id }) {
				c.wrong(fmt.Sprintf("%schoice_ids[%d]", path, i), "UNKNOWN_CHOICE", "must be a choice of the question")
			}
		}
	}
	if b.Expectation != 0 && scale.Kind(q.Kind) != scale.Expectation {
		c.wrong(path+"expectation", "OTHER_KIND", "must be absent: the question asks for no expectation")
	}
}

// places returns where each question stands.
func places(questions []store.Question) map[string]int {
	all := make(map[string]int, len(questions))
	for i, q := range questions {
		all[q.ID] = i
	}
	return all
}
