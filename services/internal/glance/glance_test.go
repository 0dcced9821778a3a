package glance

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestAWordIsAnId(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "9a": true, "a_b-c": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "_": false, "A": false, "a.b": false, "ü": false, "a\x00": false, strings.Repeat("a", 64): false,
	} {
		if got := Word(s, "_-"); got != want {
			t.Errorf("Word(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestAKeyBeginsWithALetter(t *testing.T) {
	for s, want := range map[string]bool{"a": true, "a_9": true, "": false, "9a": false, "a-b": false, strings.Repeat("a", 41): false} {
		if got := Key(s); got != want {
			t.Errorf("Key(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestARefIsOfItsBrandAndKinds(t *testing.T) {
	for s, want := range map[string]bool{
		"brands/acme/tickets/7/interactions/1":   true,
		"brands/acmes/tickets/7/interactions/1":  false,
		"brands/acm/tickets/7/interactions/1":    false,
		"brands/other/tickets/7/interactions/1":  false,
		"brands/acme/tickets/7/interactions":     false,
		"brands/acme/tickets/7/interactions/":    false,
		"brands/acme/tickets//interactions/1":    false,
		"brands/acme/tickets/7":                  false,
		"brands/acme/tickets/7/interactions/1/a": false,
		"brands/acme/tickets/7/interactions/1/":  false,
		"brands/acme/teams/7/interactions/1":     false,
		"brands/acme/tickets/A/interactions/1":   false,
		"acme/tickets/7/interactions/1":          false,
		"":                                       false,
	} {
		if got := Ref(s, "acme", "tickets", "interactions"); got != want {
			t.Errorf("Ref(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestATimeIsBetween1970And2200(t *testing.T) {
	for _, tt := range []struct {
		at   *timestamppb.Timestamp
		want bool
	}{
		{nil, false},
		{&timestamppb.Timestamp{}, true},
		{&timestamppb.Timestamp{Seconds: -1}, false},
		{&timestamppb.Timestamp{Seconds: 7258118399, Nanos: 999_999_999}, true},
		{&timestamppb.Timestamp{Seconds: 7258118400}, false},
		{&timestamppb.Timestamp{Nanos: -1}, false},
		{&timestamppb.Timestamp{Nanos: 1e9}, false},
	} {
		if got := Time(tt.at); got != tt.want {
			t.Errorf("Time(%v) = %v, want %v", tt.at, got, tt.want)
		}
	}
}
