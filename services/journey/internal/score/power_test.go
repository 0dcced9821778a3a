package score

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestPowersAreTheNearestFloats(t *testing.T) {
	const precision = 200
	step := big.NewFloat(2).SetPrec(precision)
	for range 8 {
		step.Sqrt(step)
	}
	exact := big.NewFloat(1).SetPrec(precision)
	for i, got := range powers {
		if i == steps {
			exact.SetInt64(2)
		}
		if want, _ := exact.Float64(); got != want {
			t.Errorf("powers[%d] = %v, want %v", i, got, want)
		}
		exact.Mul(exact, step)
	}
}

func TestPowersAndLogarithmsAreAsGoodAsThePlatforms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		x := r.Float64()
		near(t, "exp2", exp2(x)/math.Exp2(x), 1, 2e-15)
		y := (x - 1) * 40
		near(t, "exp", exp(y)/math.Exp(y), 1, 2e-14)
		v := math.Exp(y)
		near(t, "ln", ln(v), math.Log(v), 1e-15*math.Max(1, -y))
		a, b := r.Float64(), r.Float64()
		near(t, "lnSlope", lnSlope(a, b)*(a-b), math.Log(a/b), 1e-11)
		near(t, "lnSlope nearby", lnSlope(a, a*(1+1e-9))*a, 1, 1e-8)
	}
	near(t, "lnSlope of equals", lnSlope(.4, .4), 2.5, 1e-15)
	near(t, "exp2 at its ends", exp2(0)+exp2(1), 3, 0)
	near(t, "exp just below 0", exp(-1e-300), 1, 0)
	near(t, "pow2", pow2(0)+pow2(-1)+pow2(-1023), 1.5, 0)
}

func TestExp2RisesAcrossItsSteps(t *testing.T) {
	for i := 1; i < steps; i++ {
		at := float64(i) / steps
		if below := exp2(math.Nextafter(at, 0)); below > exp2(at) {
			t.Errorf("exp2 falls at step %d", i)
		}
	}
}
