package store

import (
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A LegalHold keeps a customer from being erased.
type LegalHold struct {
	table.Record
	Customer string // the id
	Reason   string
	Released time.Time // zero while it holds
}

// LegalHolds keeps the holds.
var LegalHolds = &table.Table[LegalHold]{
	Name:    "legal_hold",
	Columns: []string{"customer", "reason", "release_time"},
	Fields: func(h *LegalHold) []any {
		return []any{&h.Customer, &h.Reason, table.Moment{Of: &h.Released}}
	},
	Head: func(h *LegalHold) *table.Record { return &h.Record },
}

// Held reports whether a hold lies on one of customers.
func Held(tx *sqldb.Tx, brand string, customers []string) (held bool, err error) {
	var q sqldb.Query
	q.Add(`SELECT EXISTS (SELECT 1 FROM legal_hold WHERE brand = ? AND release_time IS NULL`, brand)
	sqldb.In(&q, `customer`, customers)
	q.WriteString(`)`)
	err = tx.QueryRow(q.String(), q.Args...).Scan(&held)
	return held, err
}
