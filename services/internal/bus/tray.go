package bus

import "sync"

// trayBytes is how much a tray holds.
const trayBytes = 4 << 20

// A tray holds what this process has committed to the outbox and its relay has not taken,
// so that it need not read it. Closed, as while another replica relays, it holds nothing.
// It is safe for concurrent use; the zero value is closed.
type tray struct {
	mu      sync.Mutex
	isOpen  bool
	parcels []parcel
	bytes   int
	over    bool // something was left out
}

// open has the tray hold what comes.
func (t *tray) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isOpen = true
}

// close forgets what is in the tray.
func (t *tray) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isOpen, t.parcels, t.bytes, t.over = false, nil, 0, false
}

// put adds p, if there is room.
func (t *tray) put(p parcel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isOpen {
		return
	}
	size := len(p.payload) + len(p.id) + len(p.brand) + len(p.key) + len(p.trace)
	if t.over = t.over || t.bytes+size > trayBytes; !t.over {
		t.parcels, t.bytes = append(t.parcels, p), t.bytes+size
	}
}

// take empties the tray and returns what was in it, in the order of the commits, and
// whether that is all that came since it was taken last.
func (t *tray) take() (parcels []parcel, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parcels, all = t.parcels, !t.over
	t.parcels, t.bytes, t.over = nil, 0, false
	return parcels, all
}
