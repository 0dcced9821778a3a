package webhook

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// waits are how long after each failure the next attempt follows. After the last there
// is none.
var waits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	maxRetryAfter = 24 * time.Hour

	// Patience is how long an endpoint may fail before it is disabled.
	Patience = 5 * 24 * time.Hour
)

// Next returns how long after the given number of failures a message is tried again:
// as long as the endpoint asked for, or else as the schedule says, give or take a tenth,
// so that what failed together does not come together. It reports false when there is
// no other attempt.
func Next(failures int, asked time.Duration) (time.Duration, bool) {
	if failures < 1 || failures > len(waits) {
		return 0, false
	}
	if asked > 0 {
		return min(asked, maxRetryAfter), true
	}
	wait := waits[failures-1]
	return wait + time.Duration((rand.Float64()-0.5)/5*float64(wait)), true //nolint:gosec // nobody guesses at it
}

// retryAfter returns how long an answer asks to be left alone: 0 if it does not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second //nolint:gosec // a day fits
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
