package sentiment

import (
	"math/bits"
	"strings"
	"unicode"

	"github.com/abadojack/whatlanggo"
)

// Undetermined is the tag of a language that nobody can tell.
const Undetermined = "und"

// sure is how far trigrams have to tell two languages apart, from 0 to 1.
const sure = 0.5

// maxDetected bounds what is looked at to detect a language, in bytes.
const maxDetected = 2000

// Detect returns the language of a text as a BCP 47 tag, or [Undetermined] where that
// cannot be told, as often with a word or two. It is safe for concurrent use.
//
// The small words of a language are more telling than its trigrams, of which a short
// text has few: where there are two or more, they decide.
func Detect(text string) string {
	text = head(text, maxDetected)
	best, first, second := smallWords(text)
	switch {
	case first >= 2 && first > second:
		return best
	case first >= 3:
		return Undetermined // as much of one as of another
	}
	info := whatlanggo.DetectWithOptions(text, whatlanggo.Options{Whitelist: spoken})
	if code := info.Lang.Iso6391(); code != "" && (info.Confidence >= sure || first == 1 && second == 0 && code == best) {
		return code
	}
	return Undetermined
}

// smallWords returns the language of most of the small words of a text, how many there
// are, and how many of the runner-up.
func smallWords(text string) (best string, first, second int) {
	var counts [len(languages)]int
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' }) {
		if len(w) > maxSmall {
			continue
		}
		for set := small[strings.ReplaceAll(strings.ToLower(w), "’", "'")]; set != 0; set &= set - 1 {
			counts[bits.TrailingZeros32(set)]++
		}
	}
	for i, n := range counts {
		switch {
		case n > first:
			best, first, second = languages[i].tag, n, first
		case n > second:
			second = n
		}
	}
	return best, first, second
}

// head returns the first n bytes of text, or fewer so as not to cut a character.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
