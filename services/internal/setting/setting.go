// Package setting holds what the promises of the suite depend on, as it was found. A
// command shows the settings, and a start refuses the unsafe ones, of one and the same
// list: there is no second opinion about what is safe.
package setting

import (
	"errors"
	"fmt"
)

// A State is how far a setting keeps the promises.
type State int

// The states, from good to bad.
const (
	OK     State = iota // it keeps them
	Weak                // it keeps fewer than it could, or they depend on something else
	Unsafe              // it breaks one, so nothing starts with it
)

// String returns ok, weak or unsafe.
func (s State) String() string { return [...]string{"ok", "weak", "unsafe"}[s] }

// MarshalText implements [encoding.TextMarshaler].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Setting is one of them.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`            // never a secret
	Source string `json:"source,omitempty"` // where the value comes from
	State  State  `json:"state"`
	Advice string `json:"advice,omitempty"` // what to change, or why it is as it is
}

// Worst returns the worst state among all, OK for none.
func Worst(all []Setting) State {
	worst := OK
	for _, s := range all {
		worst = max(worst, s.State)
	}
	return worst
}

// Refuse returns an error that says what is unsafe among all, nil if nothing is.
func Refuse(all []Setting) error {
	var errs []error
	for _, s := range all {
		if s.State == Unsafe {
			errs = append(errs, fmt.Errorf("%s is %s: %s", s.Name, s.Value, s.Advice))
		}
	}
	return errors.Join(errs...)
}
