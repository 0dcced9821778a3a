package sentiment

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What VADER multiplies and adds (Hutto and Gilbert 2014): found by experiment.
const (
	boost     = 0.293 // of an intensifier
	shout     = 0.733 // of a word in capitals among others that are not
	negation  = -0.74
	emphasis  = 1.25 // of "never so"
	nearer    = 0.95 // of a booster two words before
	farther   = 0.9  // and three
	before    = 0.5  // of what comes before "but"
	after     = 1.5  // and after
	exclaims  = 0.292
	maxShouts = 4
	questions = 0.18
	maxAsked  = 0.96
	alpha     = 15 // of the normalization
)

// A Vader is VADER, the rules of vaderSentiment 3.3, with its lexicon: words of
// English, of social media above all. Its compounds are those of the reference
// implementation to four decimals, its oddities included, so that results can be compared
// with what others publish. The zero Vader is ready; it is safe for concurrent use.
type Vader struct{}

// Name implements [Analyzer].
func (Vader) Name() string { return "vader" }

// Version implements [Analyzer]: of the rules, and the commit the lexicon is from.
func (Vader) Version() string { return "3.3+lexicon.f6505c8d03cc" }

// Reads implements [Analyzer]: English, wherever it is spoken.
func (Vader) Reads(language string) bool {
	primary, _, _ := strings.Cut(language, "-")
	return strings.EqualFold(primary, "en")
}

// Analyze implements [Analyzer].
func (Vader) Analyze(text string) float64 {
	l := lexicon()
	p := l.phrase(text)
	if len(p.words) == 0 {
		return 0
	}
	valences := make([]float64, len(p.words))
	for i, w := range p.words {
		if _, booster := boosters[w.lower]; booster || w.lower == "kind" && p.at(i+1) == "of" {
			continue
		}
		valences[i] = p.valence(i)
	}
	p.but(valences)
	sum := 0.0
	for _, v := range valences {
		sum += v
	}
	switch loud := p.punctuation(); {
	case sum > 0:
		sum += loud
	case sum < 0:
		sum -= loud
	}
	compound := sum / math.Sqrt(sum*sum+alpha)
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(compound, 'f', 4, 64), 64)
	if err != nil {
		return compound // never: it was just formatted
	}
	return max(-1, min(rounded, 1))
}

// A phrase is a text, word by word.
type phrase struct {
	lexicon *words
	text    string
	words   []word
	mixed   bool // some words are in capitals and some are not
}

// A word is one of a phrase, without the punctuation around it.
type word struct {
	lower   string
	shouted bool    // in capitals
	score   float64 // by the lexicon
	known   bool    // to it
}

// phrase splits text.
func (l *words) phrase(text string) phrase {
	p := phrase{lexicon: l, text: l.spell(text)}
	shouted := 0
	for token := range strings.FieldsFuncSeq(p.text, space) {
		bare := strings.Trim(token, punctuation)
		if utf8.RuneCountInString(bare) <= 2 {
			bare = token // an emoticon, or so short that it may be one
		}
		w := word{lower: strings.ToLower(bare), shouted: capitals(bare)}
		w.score, w.known = l.scores[w.lower]
		if w.shouted {
			shouted++
		}
		p.words = append(p.words, w)
	}
	p.mixed = shouted > 0 && shouted < len(p.words)
	return p
}

// spell replaces emoji by what they show.
func (l *words) spell(text string) string {
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	spaced := true
	for _, r := range text {
		description, ok := l.emoji[r]
		switch {
		case !ok:
			b.WriteRune(r)
			spaced = r == ' '
			continue
		case !spaced:
			b.WriteByte(' ')
		}
		b.WriteString(description)
		spaced = false
	}
	return b.String()
}

// at returns a word, or "" beyond the ends.
func (p *phrase) at(i int) string {
	if i < 0 || i >= len(p.words) {
		return ""
	}
	return p.words[i].lower
}

// valence returns how the word at i sounds where it stands.
func (p *phrase) valence(i int) float64 {
	w := p.words[i]
	if !w.known {
		return 0
	}
	v := w.score
	if w.lower == "no" && i+1 < len(p.words) && p.words[i+1].known {
		v = 0
	}
	if p.at(i-1) == "no" || p.at(i-2) == "no" || p.at(i-3) == "no" && (p.at(i-1) == "or" || p.at(i-1) == "nor") {
		v = w.score * negation
	}
	if w.shouted && p.mixed {
		v = away(v, shout)
	}
	for back := 1; back <= 3 && back <= i; back++ {
		if p.words[i-back].known {
			continue
		}
		v += p.booster(i-back, v) * []float64{1, nearer, farther}[back-1]
		v = p.negate(v, i, back)
		if back == 3 {
			v = p.idiom(v, i)
		}
	}
	if p.at(i-1) == "least" && (i == 1 || p.at(i-2) != "at" && p.at(i-2) != "very") {
		v *= negation
	}
	return v
}

// booster returns what the word at i adds to a valence v that follows.
func (p *phrase) booster(i int, v float64) float64 {
	b, ok := boosters[p.words[i].lower]
	if !ok {
		return 0
	}
	if v < 0 {
		b = -b
	}
	if p.words[i].shouted && p.mixed {
		if v > 0 {
			return b + shout
		}
		return b - shout
	}
	return b
}

// away moves v away from zero; zero itself, as the reference does, downwards.
func away(v, by float64) float64 {
	if v > 0 {
		return v + by
	}
	return v - by
}

// negate returns the valence v at i in the light of the word that is so far back.
func (p *phrase) negate(v float64, i, back int) float64 {
	first, last := p.at(i-back), p.at(i-1)
	stressed, doubted := so(last), last == "doubt"
	if back == 3 {
		doubted = doubted || p.at(i-2) == "doubt"
	}
	switch {
	case back == 2 && first == "never" && stressed,
		back == 3 && (first == "never" && so(p.at(i-2)) || stressed): // sic
		return v * emphasis
	case back > 1 && first == "without" && doubted:
		return v
	case negates(first):
		return v * negation
	}
	return v
}

func so(w string) bool { return w == "so" || w == "this" }

func negates(w string) bool { return negations[w] || strings.Contains(w, "n't") }

// idiom returns the valence v at i, of at least the fourth word, or that of the idiom
// around it.
func (p *phrase) idiom(v float64, i int) float64 {
	zero, one, two, three := p.at(i), p.at(i-1), p.at(i-2), p.at(i-3)
	for _, s := range []string{
		one + " " + zero, two + " " + one + " " + zero, two + " " + one, three + " " + two + " " + one, three + " " + two,
	} {
		if found, ok := idioms[s]; ok {
			v = found
			break
		}
	}
	for n := 1; n <= 2 && i+n < len(p.words); n++ {
		s := zero + " " + p.at(i+1)
		if n == 2 {
			s += " " + p.at(i+2)
		}
		if found, ok := idioms[s]; ok {
			v = found
		}
	}
	return v + boosters[three+" "+two+" "+one] + boosters[three+" "+two] + boosters[two+" "+one]
}

// but weakens what comes before the first "but" and stresses what comes after. As in the
// reference, each word changes the first one that sounds like it.
func (p *phrase) but(valences []float64) {
	turn := slices.IndexFunc(p.words, func(w word) bool { return w.lower == "but" })
	if turn < 0 {
		return
	}
	for i := range valences {
		v := valences[i]
		if v == 0 {
			continue // zero remains zero
		}
		switch first := slices.Index(valences, v); {
		case first < turn:
			valences[first] = v * before
		case first > turn:
			valences[first] = v * after
		}
	}
}

// punctuation returns what exclamation and question marks add.
func (p *phrase) punctuation() float64 {
	loud := float64(min(strings.Count(p.text, "!"), maxShouts)) * exclaims
	switch asked := strings.Count(p.text, "?"); {
	case asked > 3:
		loud += maxAsked
	case asked > 1:
		loud += float64(asked) * questions
	}
	return loud
}

// space reports whether words end at r.
func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// capitals reports whether w has capital letters and no small ones.
func capitals(w string) bool {
	found := false
	for _, r := range w {
		switch {
		case unicode.IsLower(r) || unicode.IsTitle(r) || unicode.Is(unicode.Other_Lowercase, r):
			return false
		case unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r):
			found = true
		}
	}
	return found
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
