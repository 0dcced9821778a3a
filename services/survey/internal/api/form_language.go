package api

import (
	"slices"
	"strings"

	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A translator says texts of a survey in the language wanted as far as they are
// translated.
type translator struct {
	wanted, original string
	said             map[string]int // how many texts, by language
}

// localized returns the survey in the language wanted, without translations, and the
// language that most of it is in then.
func localized(v store.Survey, wanted string) (store.Survey, string) {
	t := translator{wanted, v.Language, map[string]int{}}
	v.Introduction, v.Thanks = t.wording(v.Introduction), t.wording(v.Thanks)
	v.Questions = slices.Clone(v.Questions) // they are shared
	for i := range v.Questions {
		q := &v.Questions[i]
		q.Text, q.Translations = t.text(q.Text, q.Translations), nil
		q.Choices = slices.Clone(q.Choices)
		for j := range q.Choices {
			c := &q.Choices[j]
			c.Text, c.Translations = t.text(c.Text, c.Translations), nil
		}
	}
	most := v.Language
	for language, n := range t.said {
		if n > t.said[most] || n == t.said[most] && most != v.Language && language < most {
			most = language
		}
	}
	return v, most
}

func (t *translator) wording(w store.Wording) store.Wording {
	if w.Text == "" && len(w.Translations) == 0 {
		return store.Wording{}
	}
	return store.Wording{Text: t.text(w.Text, w.Translations)}
}

// text returns a text in the very language that is wanted, or else in another form of
// it, or else as it was written.
func (t *translator) text(original string, translations map[string]string) string {
	language, text := t.original, original
	if !strings.EqualFold(t.wanted, t.original) {
		best := t.closeness(t.original)
		for tag, translated := range translations {
			if c := t.closeness(tag); c > best || c == best && c > 0 && language != t.original && tag < language {
				best, language, text = c, tag, translated
			}
		}
	}
	t.said[language]++
	return text
}

// closeness says how close a language is to the one that is wanted.
func (t *translator) closeness(tag string) int {
	base := func(tag string) string {
		first, _, _ := strings.Cut(tag, "-")
		return strings.ToLower(first)
	}
	switch {
	case strings.EqualFold(tag, t.wanted):
		return 3
	case base(tag) != base(t.wanted):
		return 0
	case strings.EqualFold(tag, base(t.wanted)):
		return 2
	}
	return 1
}
