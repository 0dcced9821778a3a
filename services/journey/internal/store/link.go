package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ErrLinked is the answer where two customers are one already, or the one to be merged
// belongs to somebody already.
var ErrLinked = errors.New("the customer is part of another")

// A Link says that a customer is part of another.
type Link struct {
	Member string
	Root   string // a customer that is part of none
	Parent string // whom the member was merged into
	Time   int64  // when
}

// Root returns the customer that id is part of: itself if it is part of none.
func (s *Store) Root(ctx context.Context, brand, id string) (string, error) {
	root := id
	err := s.db.Read().QueryRowContext(ctx, `SELECT root FROM customer_link WHERE brand = $1 AND member = $2`, brand, id).Scan(&root)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read link: %w", sqldb.Fault(err))
	}
	return root, nil
}

// selectFamily finds all links of the root that $2 is or belongs to.
const selectFamily = `
	SELECT member, root, parent, link_time FROM customer_link WHERE brand = $1
	  AND root = COALESCE((SELECT root FROM customer_link WHERE brand = $1 AND member = $2), $2) ORDER BY member`

// Members returns all customers that are one with id, the root first.
func (s *Store) Members(ctx context.Context, brand, id string) ([]string, error) {
	rows, err := s.db.Read().QueryContext(ctx, selectFamily, brand, id)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", sqldb.Fault(err))
	}
	links, err := collectLinks(rows)
	if err != nil || len(links) == 0 {
		return []string{id}, err
	}
	members := []string{links[0].Root}
	for _, l := range links {
		members = append(members, l.Member)
	}
	return members, nil
}

// Links returns all links of the root that id is or belongs to, by member.
func (s *Store) Links(tx *sqldb.Tx, brand, id string) ([]Link, error) {
	rows, err := tx.Query(selectFamily, brand, id)
	if err != nil {
		return nil, err
	}
	return collectLinks(rows)
}

// Roots returns the root of every customer of the brand that is part of another.
func (s *Store) Roots(ctx context.Context, brand string) (map[string]string, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT member, root, parent, link_time FROM customer_link WHERE brand = $1`, brand)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", sqldb.Fault(err))
	}
	links, err := collectLinks(rows)
	roots := make(map[string]string, len(links))
	for _, l := range links {
		roots[l.Member] = l.Root
	}
	return roots, err
}

func collectLinks(rows *sql.Rows) ([]Link, error) {
	defer rows.Close()
	var all []Link
	for rows.Next() {
		var l Link
		if err := rows.Scan(&l.Member, &l.Root, &l.Parent, &l.Time); err != nil {
			return nil, fmt.Errorf("read link: %w", sqldb.Fault(err))
		}
		all = append(all, l)
	}
	return all, sqldb.Fault(rows.Err())
}

// Link makes member, and whoever is part of it, part of into or of the root of that. It
// returns [ErrLinked] if member is part of somebody, or into of member.
func (s *Store) Link(tx *sqldb.Tx, brand, member, into string, now int64) error {
	s.turn(tx)
	root := into
	links, err := s.Links(tx, brand, into)
	if err != nil {
		return err
	}
	if len(links) > 0 {
		root = links[0].Root
	}
	below, err := s.Links(tx, brand, member)
	if err != nil {
		return err
	}
	if root == member || len(below) > 0 && below[0].Root != member {
		return ErrLinked
	}
	tx.Defer(`UPDATE customer_link SET root = $1 WHERE brand = $2 AND root = $3`, root, brand, member)
	tx.Defer(`INSERT INTO customer_link (brand, member, root, parent, link_time) VALUES ($1, $2, $3, $4, $5)`, brand, member, root, root, now)
	s.mark(tx, brand, []string{member, root})
	return nil
}

// Unlink makes member, and whoever was part of it when it was linked or came to it
// since, a customer of its own again, and keeps that it was not. It returns [ErrNotFound]
// if member is part of nobody.
func (s *Store) Unlink(tx *sqldb.Tx, brand, member string, now int64) error {
	s.turn(tx)
	links, err := s.Links(tx, brand, member)
	if err != nil {
		return err
	}
	if len(links) == 0 || links[0].Root == member {
		return ErrNotFound
	}
	tx.Defer(`INSERT INTO customer_link_past (brand, member, parent, link_time, unlink_time)
		SELECT brand, member, parent, link_time, $1 FROM customer_link WHERE brand = $2 AND member = $3
		ON CONFLICT (brand, member, link_time) DO UPDATE SET unlink_time = excluded.unlink_time`, now, brand, member)
	tx.Defer(`DELETE FROM customer_link WHERE brand = $1 AND member = $2`, brand, member)
	apart := []string{member}
	for i := 0; i < len(apart); i++ {
		for _, l := range links {
			if l.Parent == apart[i] {
				tx.Defer(`UPDATE customer_link SET root = $1 WHERE brand = $2 AND member = $3`, member, brand, l.Member)
				apart = append(apart, l.Member)
			}
		}
	}
	s.mark(tx, brand, []string{member, links[0].Root})
	return nil
}

// membersAt returns all customers that were one with id at a time, the root first.
func (s *Snapshot) membersAt(ctx context.Context, brand, id string, at int64) ([]string, error) {
	parents := map[string]string{}
	for known, next := map[string]bool{id: true}, []string{id}; len(next) > 0; {
		var q sqldb.Query
		for i, column := range []string{"member", "parent"} {
			if i > 0 {
				q.WriteString(` UNION `)
			}
			q.Add(`SELECT member, parent FROM customer_link WHERE brand = ? AND link_time <= ?`, brand, at)
			sqldb.In(&q, column, next)
			q.Add(` UNION SELECT member, parent FROM customer_link_past WHERE brand = ? AND link_time <= ? AND unlink_time > ?`, brand, at, at)
			sqldb.In(&q, column, next)
		}
		rows, err := s.tx.QueryContext(ctx, q.String(), q.Args...)
		if err != nil {
			return nil, fmt.Errorf("read links: %w", sqldb.Fault(err))
		}
		next = nil
		_, err = table.All(rows, func(scan func(...any) error) (struct{}, error) {
			var member, parent string
			err := scan(&member, &parent)
			parents[member] = parent
			for _, found := range []string{member, parent} {
				if !known[found] {
					known[found] = true
					next = append(next, found)
				}
			}
			return struct{}{}, err
		})
		if err != nil {
			return nil, fmt.Errorf("read links: %w", sqldb.Fault(err))
		}
	}
	root := id
	for range parents { // by clocks that differ there may be a circle
		if parents[root] == "" {
			break
		}
		root = parents[root]
	}
	return append([]string{root}, slices.Sorted(maps.Keys(parents))...), nil
}

// related reports whether two customers are one.
func (s *Store) related(tx *sqldb.Tx, brand, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	links, err := s.Links(tx, brand, a)
	if err != nil || len(links) == 0 {
		return false, err
	}
	return links[0].Root == b || slices.ContainsFunc(links, func(l Link) bool { return l.Member == b }), nil
}
