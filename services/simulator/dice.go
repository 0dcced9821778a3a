package simulator

import (
	"math"
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

// Dice are one customer's luck: the same for the same seed and customer, whatever
// the other customers do.
type dice struct{ *rand.Rand }

func newDice(seed, customer uint64) dice { return dice{rand.New(rand.NewPCG(seed, customer))} }

func (d dice) chance(p float64) bool { return d.Float64() < p }

// between returns a number from low to high, both included.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// about returns a time that is mean on average, as waiting times are: often much
// less, now and then much more. It is never zero.
func (d dice) about(mean time.Duration) time.Duration {
	return time.Duration(d.ExpFloat64()*float64(mean)).Truncate(time.Second) + time.Second
}

func pick[T any](d dice, items []T) T { return items[d.IntN(len(items))] }

// draw picks an item as often as its share says. Shares add up to 1.
func draw[T any](d dice, items []T, share func(T) float64) T {
	at := d.Float64()
	for _, item := range items {
		if at -= share(item); at < 0 {
			return item
		}
	}
	return items[len(items)-1]
}

// odds turns log-odds into a probability.
func odds(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// point returns the point of a scale nearest to x.
func point(x float64, low, high int32) int32 {
	return min(max(int32(math.Round(x)), low), high)
}
