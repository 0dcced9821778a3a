package store

import (
	"cmp"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// People are customers of a brand: those of a list, or all of a range of ids. The zero
// value is nobody.
type People struct {
	listed     []string // in order, each once
	between    bool
	first, end string
}

// Listed returns the customers of a list.
func Listed(customers []string) People {
	return People{listed: slices.Compact(slices.Sorted(slices.Values(customers)))}
}

// beyond comes after every id. PostgreSQL thinks of a range with an end as a small one, and
// of one without as a third of all customers, for which it would read the touchpoints of
// the whole brand.
const beyond = "\U0010FFFF"

// Range returns the customers from first to before end, which is empty for no end.
func Range(first, end string) People {
	return People{between: true, first: first, end: cmp.Or(end, beyond)}
}

// List returns who is listed, in order.
func (p *People) List() []string { return p.listed }

// has reports whether a customer is among p.
func (p *People) has(customer string) bool {
	if p.between {
		return customer >= p.first && customer < p.end
	}
	_, found := slices.BinarySearch(p.listed, customer)
	return found
}

// whose adds to q that column is one of people.
func (s *Store) whose(q *sqldb.Query, column string, people *People) {
	if !people.between {
		s.listed(q, column, people.listed)
		return
	}
	if people.first == "" {
		q.Add(` AND ` + column + ` > ''`) // which stands for the whole brand
	} else {
		q.Add(` AND `+column+` >= ?`, people.first)
	}
	q.Add(` AND `+column+` < ?`, people.end)
}
