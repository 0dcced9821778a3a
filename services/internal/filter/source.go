package filter

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// A source is the text of a filter with quotes around all its values. The parser
// then need not know what numbers, times and durations look like.
type source struct {
	text      string // as the caller wrote it
	quoted    string
	starts    []start
	positions map[int64]int32 // in quoted, by the id of an expression
}

// A start is where a token begins.
type start struct{ quoted, text int }

// scan quotes the values of a text that is within the limits.
func scan(text string) (*source, error) {
	if len(text) > maxBytes {
		return nil, invalid("filter.size", fmt.Sprintf("has more than %d bytes", maxBytes))
	}
	src := &source{text: text}
	tokens, err := src.lex()
	if err == nil {
		err = src.limit(tokens)
	}
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	comparisons, value := 0, false // whether a comparator has just been
	for i := 0; i < len(tokens); {
		t := tokens[i]
		src.starts = append(src.starts, start{out.Len(), int(t.Position.Offset)})
		if value {
			if n := bare(tokens[i:]); n > 0 {
				quote(&out, tokens[i:i+n])
				i, value = i+n, false
				continue
			}
		}
		closing := i+1 < len(tokens) && tokens[i+1].Type == filtering.TokenTypeRightParen
		if t.Type != filtering.TokenTypeWhitespace || !closing { // the parser takes no space before )
			out.WriteString(t.Value)
		}
		if t.Type.IsComparator() {
			comparisons++
		}
		value = t.Type.IsComparator() || value && t.Type == filtering.TokenTypeWhitespace
		i++
	}
	if comparisons > maxComparisons {
		return nil, invalid("filter.size", fmt.Sprintf("has more than %d comparisons", maxComparisons))
	}
	src.quoted = out.String()
	return src, nil
}

// limit sees to it that the parser, which goes down a level with each parenthesis,
// is not led far, and does not take NOT( for a function.
func (s *source) limit(tokens []filtering.Token) error {
	depth := 0
	for i, t := range tokens {
		switch t.Type {
		case filtering.TokenTypeLeftParen:
			depth++
			if i > 0 && tokens[i-1].Type.IsKeyword() {
				return s.unreadable(int(tokens[i-1].Position.Offset))
			}
		case filtering.TokenTypeRightParen:
			depth--
		}
		switch {
		case depth < 0:
			return s.unreadable(int(t.Position.Offset))
		case depth > maxDepth:
			return invalid("filter.size", fmt.Sprintf("has more than %d parentheses within each other", maxDepth))
		}
	}
	return nil
}

// lex returns the tokens of the text.
func (s *source) lex() (tokens []filtering.Token, err error) {
	var lexer filtering.Lexer
	lexer.Init(s.text)
	for {
		t, err := lexer.Lex()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		if err != nil {
			return nil, s.unreadable(int(lexer.Position().Offset))
		}
		tokens = append(tokens, t)
	}
}

// bare returns how many of the tokens make up one word without quotes, such as
// 2026-01-05T12:00:00Z; none if it is the name of a function.
func bare(tokens []filtering.Token) int {
	if tokens[0].Type == filtering.TokenTypeHas {
		return 0
	}
	for i, t := range tokens {
		switch t.Type {
		case filtering.TokenTypeText, filtering.TokenTypeNumber, filtering.TokenTypeHexNumber,
			filtering.TokenTypeMinus, filtering.TokenTypeDot, filtering.TokenTypeHas:
		case filtering.TokenTypeLeftParen:
			return 0
		default:
			return i
		}
	}
	return len(tokens)
}

func quote(out *strings.Builder, tokens []filtering.Token) {
	out.WriteByte('"')
	for _, t := range tokens {
		for _, r := range t.Value {
			if r == '"' || r == '\\' {
				out.WriteByte('\\')
			}
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}

// parse returns the expression of the text.
func (s *source) parse() (*expr.Expr, error) {
	trimmed := len(s.quoted) - len(strings.TrimLeftFunc(s.quoted, unicode.IsSpace)) // by the parser, too
	var p filtering.Parser
	p.Init(s.quoted)
	parsed, err := p.Parse()
	if err != nil {
		at := 0
		for ; err != nil; err = errors.Unwrap(err) {
			if e, ok := err.(interface{ Position() filtering.Position }); ok { //nolint:errorlint // each has its own
				at = max(at, int(e.Position().Offset))
			}
		}
		return nil, s.unreadable(s.origin(trimmed + at))
	}
	s.positions = parsed.GetSourceInfo().GetPositions()
	for id := range s.positions {
		s.positions[id] += int32(trimmed) //nolint:gosec // at most maxBytes
	}
	return parsed.GetExpr(), nil
}

// origin returns the place in the text of a place in quoted.
func (s *source) origin(at int) int {
	i, found := slices.BinarySearchFunc(s.starts, at, func(st start, at int) int { return st.quoted - at })
	switch {
	case at >= len(s.quoted):
		return len(s.text)
	case !found:
		i--
	}
	return s.starts[i].text
}

// where returns where e begins, for people.
func (s *source) where(e *expr.Expr) string {
	return s.character(s.origin(int(s.positions[e.GetId()])))
}

func (s *source) character(at int) string {
	return fmt.Sprintf("character %d", utf8.RuneCountInString(s.text[:at])+1)
}

// unreadable reports that the text makes no sense from the byte at on.
func (s *source) unreadable(at int) error {
	rest := strings.TrimSpace(s.text[at:])
	if rest == "" {
		return invalid("filter.syntax", "ends too early")
	}
	return invalid("filter.syntax", "makes no sense at "+s.character(at)+": "+excerpt(rest))
}

// excerpt quotes the beginning of what a caller wrote.
func excerpt(text string) string {
	return fmt.Sprintf("%.40q", text)
}
