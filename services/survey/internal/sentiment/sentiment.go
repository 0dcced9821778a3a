// Package sentiment says how words sound, and in which language they are. It is pure: what
// it says of a text depends on the text and the versions of its analyzers alone. It is
// safe for concurrent use.
package sentiment

// An Analyzer says how words sound. It is safe for concurrent use.
type Analyzer interface {
	// Name returns what it goes by, such as `vader`.
	Name() string
	// Version returns which version of the analyzer and its lexicon this is.
	Version() string
	// Reads reports whether it reads a language, given as a BCP 47 tag.
	Reads(language string) bool
	// Analyze returns how a text sounds, from -1 to 1.
	Analyze(text string) float64
}

// A Label is the coarse reading of a sentiment. The numbers are those of the contract.
type Label int32

// The labels.
const (
	Unread   Label = iota // there was nothing to read
	Positive              // 0.05 or above
	Neutral               // between
	Negative              // -0.05 or below
	Unknown               // nobody reads the language
)

// threshold is from where on a text is not neutral (Hutto and Gilbert 2014).
const threshold = 0.05

// A Reading is what an analyzer said of a text. The zero Reading is of no text.
type Reading struct {
	Label             Label
	Compound          float64 // 0 where the label is Unread or Unknown
	Analyzer, Version string  // empty where the label is Unread or Unknown
}

// A Reader reads a text by the first of its analyzers that reads its language.
type Reader []Analyzer

// Read returns how a text in a language sounds. Where none of the analyzers reads the
// language the label is [Unknown]: never neutral, which would be a claim.
func (r Reader) Read(text, language string) Reading {
	if text == "" {
		return Reading{}
	}
	for _, a := range r {
		if a.Reads(language) {
			compound := a.Analyze(text)
			return Reading{Label: labeled(compound), Compound: compound, Analyzer: a.Name(), Version: a.Version()}
		}
	}
	return Reading{Label: Unknown}
}

func labeled(compound float64) Label {
	switch {
	case compound >= threshold:
		return Positive
	case compound <= -threshold:
		return Negative
	}
	return Neutral
}
