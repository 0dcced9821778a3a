package name

import (
	"sync"
	"testing"
)

func TestParts(t *testing.T) {
	const n = "brands/acme/tickets/7/interactions/a_b"
	for _, tt := range []struct{ what, got, want string }{
		{"Brand", Brand(n), "acme"},
		{"Brand of a brand", Brand("brands/acme"), "acme"},
		{"Brand of something else", Brand("services/journey/deadLetters/1"), ""},
		{"ID", ID(n), "a_b"},
		{"Parent", Parent(n), "brands/acme/tickets/7"},
		{"Parent of a brand", Parent("brands/acme"), ""},
		{"Join", Join("brands", "acme"), "brands/acme"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func TestNewIDRisesAndIsUnique(t *testing.T) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]bool{}
	)
	for range 8 {
		wg.Go(func() {
			last := ""
			for range 2000 {
				id := NewID()
				if id <= last {
					t.Errorf("%s came after %s", id, last)
				}
				last = id
				mu.Lock()
				if seen[id] {
					t.Errorf("%s came twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
