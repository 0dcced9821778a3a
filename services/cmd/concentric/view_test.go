package main

import (
	"bytes"
	"strings"
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// TestTheViewsAreShown asks for each of them, of a customer who has called once.
func TestTheViewsAreShown(t *testing.T) {
	addr := serving(t)
	verb := func(t *testing.T, command string, args ...string) (string, error) {
		t.Helper()
		return prints(t, append([]string{command, args[0], "--addr", addr, "--brand", "acme"}, args[1:]...)...)
	}
	if _, err := says(t, addr, "create", "--id", "t1", "--customer", "ann", "--channel", "phone", "Billed twice"); err != nil {
		t.Fatal(err)
	}
	if _, err := verb(t, "journey", "record", "ann", "website-visit", "--expectation", "met"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"compare", []string{"ticket count 1", "touchpoint count"}},
		{"compare|-o|json", []string{`"parts": [`, `"containment": {`}},
		{"contact-rate", []string{"tickets for 100 active customers"}},
		{"coverage", []string{"ticket 1 ticket count", "journey 1 touchpoint count"}},
		{"quadrants", []string{"nobody had a service touchpoint with an outcome"}},
		{"function|marketing", nil},
		{"customer|ann", []string{`"name": "brands/acme/customers/ann/overview"`, `"subject": "Billed twice"`}},
	} {
		got, err := verb(t, "view", strings.Split(tt.args, "|")...)
		if err != nil {
			t.Errorf("view %s: %v", tt.args, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(spaced(got), spaced(want)) {
				t.Errorf("view %s = %s, want %q in it", tt.args, got, want)
			}
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"partner|nobody", "NotFound"},
		{"function|astrology", "see concentric view function --help"},
		{"compare|--from|soon", `--from "soon": want YYYY-MM-DD`},
	} {
		if got, err := verb(t, "view", strings.Split(tt.args, "|")...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("view %s = %s, %v, want an error with %q", tt.args, got, err, tt.want)
		}
	}
}

func TestJSONIsWrittenTheSameWayByEveryBuild(t *testing.T) {
	var b bytes.Buffer
	const want = "{\n  \"dimension\": \"stage\",\n  \"value\": \"\"\n}\n"
	if err := printJSON(&b, &typev1.GroupKey{Dimension: "stage"}); err != nil || b.String() != want {
		t.Errorf("it is %q, %v, want %q", b.String(), err, want)
	}
}
