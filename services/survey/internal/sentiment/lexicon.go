package sentiment

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jonreiter/govader/data"
)

// The words of VADER's lexicon, and what it calls emoji.
type words struct {
	scores map[string]float64
	emoji  map[rune]string
}

// lexicon unpacks the lexicon when it is first asked for; it takes 2 MB.
var lexicon = sync.OnceValue(func() *words {
	l := &words{scores: make(map[string]float64, 8192), emoji: make(map[rune]string, 4096)}
	l.scores["heart"], l.scores["hearts"] = 3.2, 3.3 // which version 3.3 added
	rows("rawdata/vaderLexicon.txt", func(word, score string) {
		v, err := strconv.ParseFloat(score, 64)
		if err != nil {
			panic(err) // the lexicon is part of the program
		}
		l.scores[word] = v
	})
	rows("rawdata/emojiUTF8Lexicon.txt", func(emoji, description string) {
		if r, size := utf8.DecodeRuneInString(emoji); size == len(emoji) { // others are never met
			l.emoji[r] = description
		}
	})
	return l
})

// rows calls add with the first two columns of a table of the lexicon.
func rows(table string, add func(first, second string)) {
	body, err := data.Asset(table)
	if err != nil {
		panic(err) // it is part of the program
	}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		first, rest, ok := strings.Cut(strings.TrimSpace(lines.Text()), "\t")
		if !ok {
			continue
		}
		second, _, _ := strings.Cut(rest, "\t")
		add(strings.Clone(first), strings.Clone(second))
	}
}

// punctuation is what may surround a word: that of ASCII.
const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// negations turn what follows into its opposite.
var negations = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`
	aint arent cannot cant couldnt darent didnt doesnt
	ain't aren't can't couldn't daren't didn't doesn't
	dont hadnt hasnt havent isnt mightnt mustnt neither
	don't hadn't hasn't haven't isn't mightn't mustn't
	neednt needn't never none nope nor not nothing nowhere
	oughtnt shant shouldnt uhuh wasnt werent
	oughtn't shan't shouldn't uh-uh wasn't weren't
	without wont wouldnt won't wouldn't rarely seldom despite`) {
		all[w] = true
	}
	return all
}()

// boosters make what follows stronger or weaker.
var boosters = func() map[string]float64 {
	all := map[string]float64{"just enough": -boost, "kind of": -boost, "sort of": -boost}
	for _, w := range strings.Fields(`
		absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous enormously
		entirely especially exceptional exceptionally extreme extremely fabulously flipping flippin frackin fracking
		fricking frickin frigging friggin fully fuckin fucking fuggin fugging greatly hella highly hugely incredible
		incredibly intensely major majorly more most particularly purely quite really remarkably so substantially
		thoroughly total totally tremendous tremendously uber unbelievably unusually utter utterly very`) {
		all[w] = boost
	}
	for _, w := range strings.Fields(`
		almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally partly
		scarce scarcely slight slightly somewhat sorta sortof sort-of`) {
		all[w] = -boost
	}
	return all
}()

// idioms sound other than their words do.
var idioms = map[string]float64{
	"the shit": 3, "the bomb": 3, "bad ass": 1.5, "badass": 1.5, "bus stop": 0, "yeah right": -2,
	"kiss of death": -1.5, "to die for": 3, "beating heart": 3.1, "broken heart": -2.9,
}
