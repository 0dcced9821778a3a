package api

import (
	"sync"

	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// maxNotes is how many notes are of late, and how many of before: some 4 MiB.
const maxNotes = 1 << 14

// A note says that the store knows a customer of a brand, and, unless that is 0, that they
// were seen in the stage.
type note struct {
	brand string
	store.Reached
}

// notes are those that the store got lately. Nobody takes them from the store but an
// erasure, so they are forgotten with each edition of the tombstones. The zero value has
// none. They are safe for concurrent use.
type notes struct {
	mu           sync.Mutex
	edition      int64
	late, before map[note]struct{}
}

// missing returns those of seen that the store may not have got. The edition is
// that of the tombstones.
func (n *notes) missing(edition int64, brand string, seen []store.Reached) []store.Reached {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn(edition)
	var missing []store.Reached
	for _, one := range seen {
		_, late := n.late[note{brand, one}]
		_, before := n.before[note{brand, one}]
		if !late && !before {
			missing = append(missing, one)
		}
	}
	return missing
}

// add remembers what the store has got since an edition, unless that is not the one of now.
func (n *notes) add(since, now int64, brand string, got []store.Reached) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn(now)
	if since != now {
		return
	}
	for _, one := range got {
		if n.late == nil || len(n.late) >= maxNotes {
			n.late, n.before = map[note]struct{}{}, n.late
		}
		n.late[note{brand, one}] = struct{}{}
	}
}

// turn forgets what was noted before an edition. The caller holds the lock.
func (n *notes) turn(edition int64) {
	if n.edition != edition {
		n.edition, n.late, n.before = edition, nil, nil
	}
}
