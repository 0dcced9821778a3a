package store

import "github.com/concentric-cx/concentric/services/journey/internal/score"

// A Standing is what the scores of one customer, and of whoever is part of it, are made
// of.
type Standing struct {
	Exists bool          // whether there is any touchpoint
	Cells  []score.Cell  // of all touchpoints
	Later  []score.Touch // those after some instant
}

// A standings is the standings of people on the way. Rows of a customer mostly come one
// after another.
type standings struct {
	people People
	roots  map[string]string // of who is part of another
	of     map[string]*Standing
	last   string    // whose row came last
	at     *Standing // that this is part of; nil if nobody asks

	cells   run[score.Cell]
	touches run[score.Touch]
}

// find returns the standing that a customer is part of, or nil if nobody asks.
func (f *standings) find(customer string) *Standing {
	if customer == f.last {
		return f.at
	}
	root := customer
	if of, part := f.roots[customer]; part {
		root = of
	}
	f.last, f.at = customer, f.of[root]
	if f.at == nil && f.people.has(root) {
		f.at = &Standing{}
		f.of[root] = f.at
	}
	f.cells.begun, f.touches.begun = false, false
	return f.at
}

func (f *standings) cell(customer string, c score.Cell, unscored int64) {
	standing := f.find(customer)
	if standing == nil {
		return
	}
	standing.Exists = standing.Exists || c.N+unscored > 0
	if c.N != 0 {
		standing.Cells = f.cells.add(standing.Cells, c)
	}
}

func (f *standings) touch(customer string, t score.Touch, known bool) {
	if standing := f.find(customer); known && standing != nil {
		standing.Later = f.touches.add(standing.Later, t)
	}
}

// A run is what comes of one customer after another, in memory that they share.
type run[T any] struct {
	all   []T
	from  int  // where the present customer's begins
	begun bool // something of the present one is there
}

// add returns what there was of the present customer, and v.
func (r *run[T]) add(was []T, v T) []T {
	if !r.begun {
		r.room(was)
		r.begun = true
	}
	if len(r.all) == cap(r.all) {
		r.room(r.all[r.from:])
	}
	r.all = append(r.all, v)
	return r.all[r.from:len(r.all):len(r.all)]
}

// room makes room behind what there is of the present customer. What is of others stays
// where it is.
func (r *run[T]) room(was []T) {
	if free := cap(r.all) - len(r.all); free <= len(was) {
		r.all = make([]T, 0, max(2*len(was), min(2*cap(r.all), 4096), 64))
	}
	r.from = len(r.all)
	r.all = append(r.all, was...)
}
