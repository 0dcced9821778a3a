package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An ApiKey lets a machine act for a brand, a partner or a customer.
type ApiKey struct {
	table.Record
	DisplayName    string
	Scopes         []string
	Partner        string // "" for the whole brand
	Customer       string // "" for the whole brand
	Disabled       bool
	ExpireTime     time.Time // zero for never
	Hash           string    // of the key, as package credential makes it
	PreviousHash   string    // "" for none
	PreviousExpire time.Time
	Creator        string
	LastUse        time.Time // zero for never; see [Store.NoteApiKeyUse]
}

// ApiKeys keeps the keys.
var ApiKeys = &table.Table[ApiKey]{
	Name: "api_key",
	Columns: []string{
		"display_name", "scopes", "partner", "customer", "disabled", "expire_time", "hash", "previous_hash", "previous_expire", "creator",
	},
	Fields: func(r *ApiKey) []any {
		return []any{
			&r.DisplayName,
			table.Array[string]{Of: &r.Scopes},
			&r.Partner, &r.Customer,
			table.Flag{Of: &r.Disabled},
			table.Moment{Of: &r.ExpireTime},
			&r.Hash, &r.PreviousHash,
			table.Moment{Of: &r.PreviousExpire},
			&r.Creator,
		}
	},
	Head:    func(r *ApiKey) *table.Record { return &r.Record },
	Derived: "last_use_time",
	Result:  func(r *ApiKey) any { return table.Moment{Of: &r.LastUse} },
}

// ApiKey returns one key or [table.ErrNotFound].
func (s *Store) ApiKey(ctx context.Context, brand, id string) (ApiKey, error) {
	k, err := ApiKeys.Scan(s.db.Read().QueryRowContext(ctx,
		`SELECT `+ApiKeys.Read()+` FROM api_key WHERE brand = $1 AND id = $2`, brand, id).Scan)
	return k, sqldb.Fault(err)
}

// NoteApiKeyUse notes that a key was used. It is no change of what callers see under the
// etag.
func (s *Store) NoteApiKeyUse(tx *sqldb.Tx, brand, id string, at time.Time) {
	tx.Defer(`UPDATE api_key SET last_use_time = $1 WHERE brand = $2 AND id = $3 AND (last_use_time IS NULL OR last_use_time < $1)`,
		sqldb.Micros(at), brand, id)
}
