package watch

// maxSight bounds what is remembered of one watcher, to a few hundred kilobytes.
const maxSight = 1 << 12

// A Sight remembers which things a watcher has, so that it hears once of each that
// leaves a filter, and nothing of those it never had. Where there are more than 4,096,
// and where a watch had no snapshot, it does not know of all: then the watcher may hear
// of one it never had, or twice of the same. The zero Sight knows of none. It is for one
// goroutine.
type Sight struct {
	Whole bool // the watcher has nothing that was not seen

	has map[string]bool // by id; false: it heard that the thing is gone
}

// See notes that the watcher has a thing.
func (s *Sight) See(id string) { s.note(id, true) }

// Lose notes that the watcher has a thing no longer, and reports whether that is news.
func (s *Sight) Lose(id string) bool {
	has, ok := s.has[id]
	if !has && (ok || s.Whole) {
		return false
	}
	if s.Whole {
		delete(s.has, id)
	} else {
		s.note(id, false)
	}
	return true
}

func (s *Sight) note(id string, has bool) {
	if _, ok := s.has[id]; !ok && len(s.has) >= maxSight {
		s.has, s.Whole = nil, false
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	s.has[id] = has
}
