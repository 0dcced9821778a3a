package main

import (
	"slices"
	"testing"
)

func TestAListOfProcessorsIsRead(t *testing.T) {
	for list, want := range map[string][]int{
		"0":         {0},
		"0-1":       {0, 1},
		"0-3,6":     {0, 1, 2, 3, 6},
		"2,4-5,9":   {2, 4, 5, 9},
		"10-12,127": {10, 11, 12, 127},
		"1,1-2":     {1, 2},
	} {
		if got, err := listed(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("listed(%q) = %v, %v; want %v", list, got, err, want)
		}
	}
	for _, list := range []string{"", "a", "0-", "-1", "0,,1", "0-1-2"} {
		if got, err := listed(list); err == nil {
			t.Errorf("listed(%q) = %v, want an error", list, got)
		}
	}
}
