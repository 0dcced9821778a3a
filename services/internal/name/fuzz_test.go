package name

import (
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// FuzzName takes names apart and puts them together. One that the contract lets through has
// a brand, and is what its parts are.
func FuzzName(f *testing.F) {
	for _, seed := range []string{
		"brands/acme/tickets/7", "brands/acme/tickets/7/interactions/a_b", "brands/acme", "brands//tickets/", "/", "", "brands/acme/tickets/7/", "brands/a\x00/tickets/7",
		"brands/acme/tickets/..", "brands/acme/tickets/7\n", "Brands/acme/tickets/7", "brands/acme/tickets/é",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id, parent := ID(name), Parent(name)
		if strings.Contains(id, "/") || strings.Contains(Brand(name), "/") || !strings.HasPrefix(name, parent) || !strings.HasSuffix(name, id) {
			t.Fatalf("%q has the brand %q, the id %q and the parent %q", name, Brand(name), id, parent)
		}
		if protovalidate.Validate(&ticketv1.GetTicketRequest{Name: name}) != nil {
			return
		}
		if parts := strings.Split(name, "/"); len(parts) != 4 || slices.Contains(parts, "") || Join("brands", Brand(name), "tickets", id) != name || parent != Join("brands", Brand(name)) {
			t.Fatalf("the contract lets %q through, with the brand %q and the id %q", name, Brand(name), id)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' || r == '%' }) {
			t.Fatalf("the contract lets %q through", name)
		}
	})
}
