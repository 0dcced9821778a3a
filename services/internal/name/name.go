// Package name takes resource names apart and makes new ones. Names look like
// `brands/acme/tickets/7` (AIP-122); the contract validates their form before a
// handler sees them, so these functions do not.
package name

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// Brand returns the brand's id in a name, or "" if the name has none.
func Brand(name string) string {
	rest, ok := strings.CutPrefix(name, "brands/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// ID returns the last segment of a name.
func ID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// Parent returns a name without its last two segments: a ticket's brand, an
// interaction's ticket. It is "" for a name of two segments.
func Parent(name string) string {
	for range 2 {
		name = name[:max(0, strings.LastIndexByte(name, '/'))]
	}
	return name
}

// Join makes a name of its segments.
func Join(segments ...string) string { return strings.Join(segments, "/") }

// ids makes ULIDs that rise within the process, even when the clock goes back.
var ids = struct {
	sync.Mutex
	entropy *ulid.MonotonicEntropy
	last    uint64
}{entropy: ulid.Monotonic(rand.Reader, 0)}

// NewID returns a new id, unique everywhere and greater than every one before it
// in this process. It is a ULID in lower case. It may be called concurrently.
func NewID() string {
	ids.Lock()
	defer ids.Unlock()
	ids.last = max(ids.last, ulid.Timestamp(time.Now()))
	id, err := ulid.New(ids.last, ids.entropy)
	if err != nil { // 2^80 ids within a millisecond, or no randomness at all
		ids.last++
		id = ulid.MustNew(ids.last, ids.entropy)
	}
	return strings.ToLower(id.String())
}
