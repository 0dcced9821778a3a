package store

import (
	"fmt"
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Family returns all customers who are one with id, the root first.
func Family(r Reader, brand, id string) ([]string, error) {
	rows, err := r.Query(selectFamily, brand, id)
	if err != nil {
		return nil, err
	}
	links, err := collectLinks(rows)
	if err != nil || len(links) == 0 {
		return []string{id}, err
	}
	family := []string{links[0].Root}
	for _, l := range links {
		family = append(family, l.Member)
	}
	return family, nil
}

// Families returns all customers who are one with any of customers: by the root, which
// comes first.
func (s *Store) Families(r Reader, brand string, customers []string) (map[string][]string, error) {
	roots, err := s.links(r, brand, `member`, customers)
	if err != nil {
		return nil, err
	}
	families := map[string][]string{}
	for _, customer := range customers {
		root := customer
		if of := roots[customer]; of != "" {
			root = of
		}
		families[root] = []string{root}
	}
	members, err := s.links(r, brand, `root`, slices.Collect(maps.Keys(families)))
	for _, member := range slices.Sorted(maps.Keys(members)) {
		root := members[member]
		families[root] = append(families[root], member)
	}
	return families, err
}

// links returns the roots of the members where column is one of customers.
func (s *Store) links(r Reader, brand, column string, customers []string) (map[string]string, error) {
	var q sqldb.Query
	q.Add(`SELECT member, root FROM customer_link WHERE brand = ?`, brand)
	s.listed(&q, column, customers)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	roots := map[string]string{}
	for rows.Next() {
		var member, root string
		if err := rows.Scan(&member, &root); err != nil {
			return nil, fmt.Errorf("read link: %w", err)
		}
		roots[member] = root
	}
	return roots, rows.Err()
}
