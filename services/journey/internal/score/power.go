package score

import "math"

// exp2 returns 2^x for x from 0 to 1, to 1 in 10^15. Like every function of
// this file it gives the same bits on every machine, which math.Exp2 and its
// like do not promise: products are rounded before they are added.
func exp2(x float64) float64 {
	const (
		c1 = math.Ln2
		c2 = c1 * math.Ln2 / 2
		c3 = c2 * math.Ln2 / 3
		c4 = c3 * math.Ln2 / 4
	)
	i := int(x * steps)
	y := x - float64(float64(i)/steps)
	yy := y * y
	p := float64(y*(c1+float64(y*c2))) + float64(float64(yy*y)*(c3+float64(y*c4)))
	return powers[i] + float64(powers[i]*p)
}

// pow2 returns 2^n for n up to 0; 0 where that has no normal float.
func pow2(n int64) float64 {
	if n < -1022 {
		return 0
	}
	return math.Float64frombits(uint64(n+1023) << 52)
}

// exp returns e^x for |x| up to 700.
func exp(x float64) float64 {
	x = float64(x * math.Log2E)
	floor := math.Floor(x)
	return math.Ldexp(exp2(x-floor), int(floor))
}

// ln returns the natural logarithm of x, above 0.
func ln(x float64) float64 {
	if x == 1 {
		return 0 // as below, and it is asked often
	}
	fraction, exponent := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		exponent--
	}
	s := (fraction - 1) / (fraction + 1)
	return float64(float64(exponent)*math.Ln2) + float64(2*s*atanhOver(s))
}

// lnSlope returns ln(a/b) / (a-b), the reciprocal of the logarithmic mean, for a
// and b above 0. It does not lose digits as a nears b, where it is 1/a.
func lnSlope(a, b float64) float64 {
	s := (a - b) / (a + b)
	if math.Abs(s) <= 0.172 {
		return 2 * atanhOver(s) / (a + b)
	}
	return ln(a/b) / (a - b)
}

// atanhOver returns atanh(s)/s for |s| up to 0.172.
func atanhOver(s float64) float64 {
	ss := s * s
	sum := 0.0
	for k := len(odd) - 1; k >= 0; k-- {
		sum = odd[k] + float64(ss*sum)
	}
	return sum
}

// odd holds 1/(2k+1), as many as count: the next one is below 10^-19. It is never written.
var odd = [...]float64{1, 1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11, 1. / 13, 1. / 15, 1. / 17, 1. / 19, 1. / 21, 1. / 23, 1. / 25}
