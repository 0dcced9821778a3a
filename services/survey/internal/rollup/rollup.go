// Package rollup adds answers and invitations up so that measuring does not read
// them one by one. It is pure: what it holds and the bytes it writes depend on the
// observations alone, not on their order nor on how they were split and merged.
//
// A day of observations is packed into a page: what measuring needs of each, and
// nothing else. A month of pages is counted into cells, one for each value of a
// dimension and for some combinations; see [Families]. All counts are whole numbers.
package rollup

import (
	"cmp"
	"slices"
)

// A Source is what is observed.
type Source int32

// The sources.
const (
	Answers     Source = 1 // of responses that count, by submit time
	Invitations Source = 2 // decisions whether to ask, by decide time
)

// Sources are all of them.
var Sources = [...]Source{Answers, Invitations}

// A Dim is a dimension by which observations are kept apart.
type Dim int

// The dimensions. The first are enums, the others texts as the store keeps them. By
// Subject everything is kept apart. Origin and Rule are of invitations, Question,
// Definition and Choice of single answers.
const (
	Subject Dim = iota
	Channel
	Stage
	Phase
	Origin
	Survey
	Partner
	Team
	Agent
	Language
	Rule
	Question
	Definition
	Choice
	dims

	firstText   = Survey
	firstAnswer = Question
)

// Keys are the values of dimensions.
type Keys struct {
	Numbers [int(firstText)]int32
	Texts   [int(dims - firstText)]string
}

// Number returns the value of a dimension that is an enum.
func (k *Keys) Number(d Dim) int32 { return k.Numbers[d] }

// Text returns the value of a dimension that is a text.
func (k *Keys) Text(d Dim) string { return k.Texts[d-firstText] }

// SetText changes the value of a dimension that is a text.
func (k *Keys) SetText(d Dim, v string) { k.Texts[d-firstText] = v }

// IsText reports whether the values of d are texts.
func (d Dim) IsText() bool { return d >= firstText }

// OfAnswers reports whether the answers of one response may differ in d.
func (d Dim) OfAnswers() bool { return d >= firstAnswer }

// Only returns k with the subject and the values of set alone.
func (k *Keys) Only(set []Dim) Keys {
	var only Keys
	only.Numbers[Subject] = k.Numbers[Subject]
	for _, d := range set {
		if d.IsText() {
			only.Texts[d-firstText] = k.Texts[d-firstText]
		} else {
			only.Numbers[d] = k.Numbers[d]
		}
	}
	return only
}

// Compare puts keys into an order.
func (k Keys) Compare(o Keys) int {
	return cmp.Or(slices.Compare(k.Numbers[:], o.Numbers[:]), slices.Compare(k.Texts[:], o.Texts[:]))
}

// A Code says what is counted.
type Code uint16

// The codes that are neither of a rating nor of a decision.
const (
	Responses Code = iota // with at least one answer of these keys
	Unrated               // those among them without a rating; not kept by dimensions of answers
	Taken                 // answers to a choice question that took the choice of these keys

	ratings   = 16 // for each kind; below them there are the codes above
	noRating  = 15
	ways      = 16 // for each decision: twice the depths
	decisions = 16 * ratings
)

// RatingCode returns the code of answers of a kind with a rating from 0 to 14.
func RatingCode(kind, rating int32) Code {
	return Code(kind*ratings + rating) //nolint:gosec // both are small
}

// AnswerCode returns the code of answers of a kind without a rating.
func AnswerCode(kind int32) Code { return RatingCode(kind, noRating) }

// Rating returns the kind and the rating, and false for other codes and for answers
// without one.
func (c Code) Rating() (kind, rating int32, ok bool) {
	kind, rating = int32(c)/ratings, int32(c)%ratings
	return kind, rating, c >= ratings && c < decisions && rating != noRating
}

// Plain returns the kind of answers without a rating, and false for other codes.
func (c Code) Plain() (kind int32, ok bool) {
	return int32(c) / ratings, c >= ratings && c < decisions && c%ratings == noRating
}

// A Decision is what is counted of an invitation.
type Decision struct {
	Number   int32 // of the decision
	Depth    Depth
	Reported bool // it is known to have arrived by more than an answer, whole or begun
}

// Code returns the code of invitations of which d is true.
func (d Decision) Code() Code {
	way := int32(d.Depth) * 2
	if d.Reported {
		way++
	}
	return decisions + Code(d.Number*ways+way) //nolint:gosec // both are small
}

// Decision returns what c says of invitations, and false for other codes.
func (c Code) Decision() (d Decision, ok bool) {
	if c < decisions {
		return d, false
	}
	way := (c - decisions) % ways
	return Decision{Number: int32(c-decisions) / ways, Depth: Depth(way / 2), Reported: way%2 == 1}, true
}

// A Depth is how far an invitation came; it implies those before.
type Depth int32

// The depths.
const (
	Invited Depth = iota
	Delivered
	Displayed
	Started
	Completed
)

// A Record is one observation: a response with its answers, or an invitation, whose
// only part is its decision.
type Record struct {
	Keys        // but for those of answers
	At    int64 // microseconds since 1970
	Parts []Part
}

// A Part is one answer, or the decision of an invitation.
type Part struct {
	Code       Code
	Question   string
	Definition string
	Choices    []string
}

// Rated reports whether there is a rating among the answers.
func (r *Record) Rated() bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool {
		_, plain := p.Code.Plain()
		return !plain
	})
}
