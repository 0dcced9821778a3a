package privacy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Delete is what is done to rows that go.
const Delete = "DELETE"

// A Table says what becomes of the rows of a customer. Its texts are SQL in which {brand},
// {customer} and {pseudonym} stand for those values. A table of which nothing but Name and
// Plain is set keeps nothing of customers.
type Table struct {
	Name  string
	Kind  string // under which its rows are counted; "" for none
	Rows  string // the condition of the customer's rows, beside the brand's
	Erase string // Delete, or what the columns are set to
	Keep  string // the same where as much as possible is to stay; "" for Erase

	// Plain are the columns of text that say nothing of a customer, "*" for all. A test
	// holds each service to having thought of every column.
	Plain []string
}

// action returns what becomes of rows.
func (t *Table) action(anonymize bool) string {
	if anonymize && t.Keep != "" {
		return t.Keep
	}
	return t.Erase
}

// A subject is a customer as tables call them, and the pseudonym as they would.
type subject struct{ brand, customer, pseudonym string }

func (s subject) values() map[string]any {
	return map[string]any{"brand": s.brand, "customer": s.customer, "pseudonym": s.pseudonym}
}

// count adds what an erasure would do now.
func (s *Server) count(ctx context.Context, sum *tally, who subject, anonymize bool) error {
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.Kind == "" {
			continue
		}
		query, args := fill(`SELECT COUNT(*) FROM `+t.Name+` WHERE brand = {brand} AND `+t.Rows, who.values())
		var n int64
		if err := s.DB.Read().QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
			return fmt.Errorf("count %s: %w", t.Kind, sqldb.Fault(err))
		}
		sum.add(t.split(n, anonymize))
	}
	return nil
}

// split returns n as what is deleted or anonymized.
func (t *Table) split(n int64, anonymize bool) (kind string, deleted, anonymized int64) {
	if t.action(anonymize) == Delete {
		return t.Kind, n, 0
	}
	return t.Kind, 0, n
}

// erase does what the tables say and adds it up.
func (s *Server) erase(tx *sqldb.Tx, sum *tally, who subject, anonymize bool) error {
	for i := range s.Tables {
		t := &s.Tables[i]
		action := t.action(anonymize)
		if action == "" {
			continue
		}
		text := `UPDATE ` + t.Name + ` SET ` + action
		if action == Delete {
			text = `DELETE FROM ` + t.Name
		}
		query, args := fill(text+` WHERE brand = {brand} AND `+t.Rows, who.values())
		n, err := tx.Exec(query, args...)
		if err != nil {
			return fmt.Errorf("erase %s: %w", t.Name, err)
		}
		sum.add(t.split(n, anonymize))
	}
	return nil
}

// names returns what may be said of subjects in bytes that are not a table's: their own
// names and those of what stays of them.
func (s *Server) names(ctx context.Context, brand string, subjects []*typev1.ErasureSubject) (map[string]bool, error) {
	names := map[string]bool{}
	for _, one := range subjects {
		names[one.GetCustomer()] = true
		who := subject{brand: brand, pseudonym: s.refer(one.GetPseudonym())}
		for _, q := range s.Named {
			query, args := fill(q, who.values())
			rows, err := s.DB.Read().QueryContext(ctx, query, args...)
			if err != nil {
				return nil, sqldb.Fault(err)
			}
			for rows.Next() {
				var n string
				if err := rows.Scan(&n); err != nil {
					rows.Close() //nolint:errcheck,gosec // the other error counts
					return nil, sqldb.Fault(err)
				}
				names[name.Join("brands", brand)+"/"+n] = true
			}
			if err := rows.Close(); err != nil {
				return nil, sqldb.Fault(err)
			}
			if err := rows.Err(); err != nil {
				return nil, sqldb.Fault(err)
			}
		}
	}
	return names, nil
}

// Decides reports whether t says what becomes of a column of text, whatever is asked for.
func (t *Table) Decides(column string) bool {
	decides := func(action string) bool {
		return action == Delete || strings.Contains(", "+strings.Join(strings.Fields(action), " "), ", "+column+" = ")
	}
	return slices.Contains(t.Plain, "*") || slices.Contains(t.Plain, column) || decides(t.action(false)) && decides(t.action(true))
}

// placeholder returns the n-th of a statement.
func placeholder(n int) string { return "$" + strconv.Itoa(n) }
