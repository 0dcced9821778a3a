// Package glance tells at a glance which values surely keep the rules of the contracts. The
// others may keep them as well and have to be checked rule by rule, at many times the cost.
// A service puts together what most of its requests say of these, and a test holds that to
// the contract.
package glance

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Word reports whether s is one of 1 to 63 lower-case letters, digits and, but for the
// first, others: an id.
func Word(s, others string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || strings.IndexByte(others, c) < 0) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 63
}

// Key reports whether s is one of up to 40 lower-case letters, digits and underscores, the
// first of them a letter.
func Key(s string) bool { return len(s) <= 40 && Word(s, "_") && s[0] > '9' }

// Ref reports whether s names something of a brand, such as a ticket and an interaction of
// it. The brand is the id of one.
func Ref(s, brand string, kinds ...string) bool {
	rest, ok := strings.CutPrefix(s, "brands/")
	if !ok || !strings.HasPrefix(rest, brand) {
		return false
	}
	rest = rest[len(brand):]
	for _, kind := range kinds {
		n := len(kind) + 2
		if len(rest) < n || rest[0] != '/' || rest[1:n-1] != kind || rest[n-1] != '/' {
			return false
		}
		id, _, _ := strings.Cut(rest[n:], "/")
		if !Word(id, "_-") {
			return false
		}
		rest = rest[n+len(id):]
	}
	return rest == ""
}

// Printable reports whether s is of ASCII without control characters.
func Printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Defined reports whether a code is 0 or has a name.
func Defined[E ~int32](names map[int32]string, code E) bool {
	_, ok := names[int32(code)]
	return code == 0 || ok
}

// Time reports whether t is a time from 1970 to 2199.
func Time(t *timestamppb.Timestamp) bool {
	const years = 7258118400 // until 2200
	return t != nil && t.GetSeconds() >= 0 && t.GetSeconds() < years && t.GetNanos() >= 0 && t.GetNanos() < 1e9
}

// Attributes reports whether there are at most 20, of short keys and values.
func Attributes(attributes map[string]string) bool {
	if len(attributes) > 20 {
		return false
	}
	for key, value := range attributes {
		if !Key(key) || value == "" || len(value) > 200 || !Printable(value) {
			return false
		}
	}
	return true
}
