// Package scale knows what each kind of question means: its scale, its wording,
// and which measures its answers feed. It is pure; everything in it is safe for
// concurrent use unless it says otherwise.
package scale

// A Kind is a question type, numbered as in the contract.
type Kind int32

// The kinds of questions.
const (
	NPS         Kind = 1
	CSAT5       Kind = 2
	Star5       Kind = 3
	CESV2       Kind = 4
	CESV1       Kind = 5
	CESEase     Kind = 6
	Open        Kind = 7
	Choice      Kind = 8
	Multi       Kind = 9
	Expectation Kind = 10

	kinds = 11
)

// A Scale is a range of whole numbers.
type Scale struct {
	Min, Max       int32
	HigherIsBetter bool
}

// Holds reports whether rating is on the scale.
func (s Scale) Holds(rating int32) bool { return s.Min <= rating && rating <= s.Max }

// Rated reports whether k is answered with a rating on its scale.
func (k Kind) Rated() bool {
	_, ok := k.Scale()
	return ok && k != Expectation
}

// Choices returns how few and how many choices k offers, 0 and 0 if none.
func (k Kind) Choices() (least, most int) {
	switch k {
	case Choice:
		return 2, 50
	case Multi:
		return 1, 50
	}
	return 0, 0
}

// Scale returns the scale on which answers to k are kept, and false for words and
// choices. That of an expectation, which nobody answers with a rating, is the
// numbers of the contract.
func (k Kind) Scale() (Scale, bool) {
	switch k {
	case NPS:
		return Scale{0, 10, true}, true
	case CSAT5, Star5:
		return Scale{1, 5, true}, true
	case CESV2, CESEase:
		return Scale{1, 7, true}, true
	case CESV1:
		return Scale{1, 5, false}, true
	case Expectation:
		return Scale{1, 3, true}, true
	}
	return Scale{}, false
}

// Wording returns what is asked where a survey does not say.
func (k Kind) Wording() string {
	switch k {
	case NPS:
		return "How likely are you to recommend us to a friend or colleague?"
	case CSAT5:
		return "How satisfied are you?"
	case Star5:
		return "How many stars do you give us?"
	case CESV2:
		return "We made it easy for you to handle your issue. Do you agree?"
	case CESV1:
		return "How much effort did you personally have to put forth to handle your request?"
	case CESEase:
		return "How easy was it for you to solve your problem with us, today?"
	case Choice:
		return "Which of these is it?"
	case Multi:
		return "Which of these apply?"
	case Expectation:
		return "Was it worse than you expected, as you expected, or better?"
	}
	return "What would you like to tell us?"
}
