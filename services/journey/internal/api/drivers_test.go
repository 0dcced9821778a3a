package api

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestATableOfDriversFitsTheMemory(t *testing.T) {
	few, many := newTable(make([]variable, 2), nil, people{}), newTable(make([]variable, 41), nil, people{})
	for i := range maxFields / 41 {
		few.rows[fmt.Sprint(i)], many.rows[fmt.Sprint(i)] = []field{}, []field{}
	}
	if _, err := few.row("ann"); err != nil {
		t.Errorf("with two variables: %v", err)
	}
	if _, err := many.row("ann"); status.Code(err) != codes.InvalidArgument {
		t.Errorf("with 41 variables: %v, want a refusal", err)
	}
}
