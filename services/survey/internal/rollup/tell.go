package rollup

import "slices"

// A Count is how often one thing was counted.
type Count struct {
	Code Code
	N    int64
}

// A Teller tells what records count for by a set of dimensions. With Choice in the set
// that is only what answers to choice questions count for: the answers, without a
// choice, and each choice that was taken. It is for one goroutine.
type Teller struct {
	set              []Dim
	answers, choices bool
	key              Keys
	seen             []Keys
	counts           []Count
}

// NewTeller returns a teller by set.
func NewTeller(set []Dim) *Teller {
	return &Teller{set: set, answers: slices.ContainsFunc(set, Dim.OfAnswers), choices: slices.Contains(set, Choice)}
}

// Each calls visit with everything that r counts for, by keys. Both arguments are valid
// until it returns.
func (t *Teller) Each(r *Record, visit func(*Keys, []Count)) {
	t.key = r.Only(t.set)
	t.counts = t.counts[:0]
	if !t.answers {
		t.whole(r)
		visit(&t.key, t.counts)
		return
	}
	t.seen = t.seen[:0]
	for i := range r.Parts {
		p := &r.Parts[i]
		for _, d := range t.set {
			switch d {
			case Question:
				t.key.SetText(Question, p.Question)
			case Definition:
				t.key.SetText(Definition, p.Definition)
			}
		}
		if t.choices {
			t.each(p, visit)
			continue
		}
		t.counts = append(t.counts[:0], Count{p.Code, 1})
		if !slices.Contains(t.seen, t.key) {
			t.seen = append(t.seen, t.key)
			t.counts = append(t.counts, Count{Responses, 1})
		}
		visit(&t.key, t.counts)
	}
}

// whole counts a response or an invitation.
func (t *Teller) whole(r *Record) {
	for i := range r.Parts {
		t.counts = append(t.counts, Count{r.Parts[i].Code, 1})
	}
	if _, invitation := r.Parts[0].Code.Decision(); invitation {
		return
	}
	t.counts = append(t.counts, Count{Responses, 1})
	if !r.Rated() {
		t.counts = append(t.counts, Count{Unrated, 1})
	}
}

// each visits what was chosen.
func (t *Teller) each(p *Part, visit func(*Keys, []Count)) {
	if len(p.Choices) == 0 {
		return
	}
	t.key.SetText(Choice, "")
	t.counts = append(t.counts[:0], Count{p.Code, 1})
	visit(&t.key, t.counts)
	for _, c := range p.Choices {
		t.key.SetText(Choice, c)
		t.counts[0].Code = Taken
		visit(&t.key, t.counts)
	}
}
