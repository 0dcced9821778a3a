package sqldb

import "time"

const (
	// paceLanes is how many lanes run side by side while transactions are quick.
	paceLanes = 1
	// paceWait is how long another lane waits for one of them before it runs as well.
	paceWait = 2 * time.Millisecond
)

// A pace holds a lane back for a moment, so that writes gather in larger groups, whose
// cost is shared by more: one lane keeps up with a database near by. Where groups take
// long, as the server is far away, waits for locks or has many rows to write, all lanes
// run.
type pace struct {
	places chan struct{} // shared by the lanes of a database
	held   bool
}

// enter waits until it is time to run.
func (p *pace) enter() {
	select {
	case p.places <- struct{}{}:
		p.held = true
		return
	default:
	}
	t := time.NewTimer(paceWait)
	defer t.Stop()
	select {
	case p.places <- struct{}{}:
		p.held = true
	case <-t.C:
	}
}

// leave lets another lane run. Leaving twice is fine.
func (p *pace) leave() {
	if p.held {
		<-p.places
	}
	p.held = false
}
