package api

import (
	"fmt"
	"math"
	"testing"

	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

func TestADrawIsEvenAndDependsOnAllItSaysAndNothingElse(t *testing.T) {
	const n, parts = 20_000, 10
	var counts [parts]float64
	for i := range n {
		v := store.Invitation{Brand: "acme", Survey: "s", Customer: "customers/ann", Occasion: fmt.Sprint(i)}
		at := draw(v)
		if at < 0 || at >= 1 {
			t.Fatalf("draw = %v, want [0, 1)", at)
		}
		counts[int(at*parts)]++
		other := v
		other.ID, other.Channel, other.Interaction = fmt.Sprint(i), 3, "x"
		if draw(other) != at {
			t.Errorf("draw %d depends on more than survey, customer and occasion", i)
		}
	}
	for _, got := range counts {
		if math.Abs(got-n/parts) > 5*math.Sqrt(n/parts) {
			t.Errorf("a tenth got %v of %d draws", got, n)
		}
	}
	at := draw(store.Invitation{Brand: "acme", Survey: "s", Customer: "customers/ann", Occasion: "1"})
	for _, v := range []store.Invitation{
		{Brand: "other", Survey: "s", Customer: "customers/ann", Occasion: "1"},
		{Brand: "acme", Survey: "s2", Customer: "customers/ann", Occasion: "1"},
		{Brand: "acme", Survey: "s", Customer: "customers/bob", Occasion: "1"},
		{Brand: "acme", Survey: "s", Customer: "customers/ann", Occasion: "2"},
	} {
		if draw(v) == at {
			t.Errorf("draw of %+v is that of another", v)
		}
	}
}
