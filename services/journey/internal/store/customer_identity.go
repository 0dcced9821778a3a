package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An Identity is what a customer is known by in another system.
type Identity struct {
	Hash     string // of its value
	Customer string // whom it was linked to
	Type     int32
	Source   string
	Verified bool
	LinkTime int64
}

const identityColumns = `hash, customer, type, source, verified, link_time`

func (i *Identity) fields() []any {
	return []any{&i.Hash, &i.Customer, &i.Type, &i.Source, table.Flag{Of: &i.Verified}, &i.LinkTime}
}

// Identities returns the identities of customers, who are all of a family, oldest first.
func Identities(r Reader, brand string, family []string) ([]Identity, error) {
	var q sqldb.Query
	q.Add(`SELECT `+identityColumns+` FROM customer_identity WHERE brand = ?`, brand)
	sqldb.In(&q, `customer`, family)
	q.WriteString(` ORDER BY link_time, hash`)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (i Identity, err error) { return i, scan(i.fields()...) })
}

// A Holder is who has an identity.
type Holder struct {
	Identity
	Root    string // of the customer
	Deleted bool   // the root is
}

// Holders returns who has the identities of some hashes, by hash.
func Holders(r Reader, brand string, hashes []string) (map[string]Holder, error) {
	found := make(map[string]Holder, len(hashes))
	for len(hashes) > 0 {
		some := hashes[:min(len(hashes), 500)]
		hashes = hashes[len(some):]
		var q sqldb.Query
		q.Add(`
			SELECT hash, i.customer, i.type, i.source, i.verified, i.link_time, COALESCE(l.root, i.customer),
			  CASE WHEN c.delete_time IS NULL THEN 0 ELSE 1 END
			FROM customer_identity i
			LEFT JOIN customer_link l ON l.brand = i.brand AND l.member = i.customer
			LEFT JOIN customer c ON c.brand = i.brand AND c.id = COALESCE(l.root, i.customer)
			WHERE i.brand = ?`, brand)
		sqldb.In(&q, `i.hash`, some)
		rows, err := r.Query(q.String(), q.Args...)
		if err != nil {
			return nil, err
		}
		all, err := table.All(rows, func(scan func(...any) error) (h Holder, err error) {
			return h, scan(append(h.fields(), &h.Root, table.Flag{Of: &h.Deleted})...)
		})
		if err != nil {
			return nil, err
		}
		for _, h := range all {
			found[h.Hash] = h
		}
	}
	return found, nil
}

// PutIdentity links an identity that nobody has, or changes whether it is verified.
func PutIdentity(tx *sqldb.Tx, brand string, i Identity) {
	tx.Defer(`
		INSERT INTO customer_identity (brand, `+identityColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (brand, hash) DO UPDATE SET verified = excluded.verified`,
		append([]any{brand}, i.fields()...)...)
}

// DropIdentity unlinks an identity.
func DropIdentity(tx *sqldb.Tx, brand, hash string) {
	tx.Defer(`DELETE FROM customer_identity WHERE brand = $1 AND hash = $2`, brand, hash)
}
