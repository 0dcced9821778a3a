package api

// maxSight bounds what is remembered of one watcher, to a few hundred kilobytes.
const maxSight = 1 << 12

// A sight remembers which tickets a watcher has, so that it hears once of each that
// leaves a filter, and nothing of those it never had. Above [maxSight] tickets, and
// where a watch was resumed, it does not know of all: then the watcher may hear of one
// it never had, or twice of the same. The zero sight knows of none.
type sight struct {
	whole bool            // what is not in has is not with the watcher
	has   map[string]bool // by id; false: it heard that the ticket is gone
}

// see notes that the watcher has a ticket.
func (s *sight) see(id string) { s.note(id, true) }

// lose notes that the watcher has a ticket no longer, and reports whether that is news.
func (s *sight) lose(id string) bool {
	has, ok := s.has[id]
	if !has && (ok || s.whole) {
		return false
	}
	if s.whole {
		delete(s.has, id)
	} else {
		s.note(id, false)
	}
	return true
}

func (s *sight) note(id string, has bool) {
	if _, ok := s.has[id]; !ok && len(s.has) >= maxSight {
		s.has, s.whole = nil, false
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	s.has[id] = has
}
