package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/gateway/internal/credential"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	useEvery = 15 * time.Second // that uses of keys are noted
	useGrain = time.Minute      // within which one use is as good as another
	useBatch = 500              // of keys in a transaction
)

// Callers returns an Authenticator that knows who holds the brands' own keys, and whom
// next knows, except for those whose brand is deleted.
func (k *APIKeys) Callers(next rpc.Authenticator) rpc.Authenticator {
	known := rpc.AnyOf(k.caller, next)
	return func(ctx context.Context, bearer string) (rpc.Caller, error) {
		c, err := known(ctx, bearer)
		if err != nil || c.Brand == "" {
			return c, err
		}
		deleted, err := k.brands.get(ctx, c.Brand, func(ctx context.Context) (deleted, there bool, err error) {
			b, err := k.Store.Get(sqldb.ForBrand(ctx, c.Brand), c.Brand)
			if errors.Is(err, store.ErrNotFound) { // brands need not be created
				return false, false, nil
			}
			return !b.DeleteTime.IsZero(), true, err
		})
		if err == nil && deleted { // a store out of reach takes nobody's brand away
			return rpc.Caller{}, &fault.Error{
				Code: codes.PermissionDenied, Reason: "BRAND_DELETED",
				Message: "the brand of the credential is deleted",
			}
		}
		return c, nil
	}
}

// caller finds out who holds a key.
func (k *APIKeys) caller(ctx context.Context, bearer string) (rpc.Caller, error) {
	brand, id, ok := credential.Parse(bearer)
	if !ok {
		return rpc.Caller{}, rpc.Unauthenticated()
	}
	n := keyName(brand, id)
	row, err := k.keys.get(ctx, n, func(ctx context.Context) (store.ApiKey, bool, error) {
		row, err := k.Store.ApiKey(sqldb.ForBrand(ctx, brand), brand, id)
		if errors.Is(err, table.ErrNotFound) {
			return store.ApiKey{}, false, nil // which no key matches
		}
		return row, true, err
	})
	if err != nil {
		return rpc.Caller{}, err
	}
	now := time.Now()
	current, previous := credential.Matches(bearer, row.Hash), credential.Matches(bearer, row.PreviousHash)
	switch {
	case !current && !previous:
		return rpc.Caller{}, rpc.Unauthenticated()
	case row.Disabled:
		return rpc.Caller{}, refusedKey("KEY_DISABLED", "the API key is disabled")
	case !row.ExpireTime.IsZero() && !now.Before(row.ExpireTime), !current && !now.Before(row.PreviousExpire):
		return rpc.Caller{}, refusedKey("KEY_EXPIRED", "the API key has expired")
	}
	k.uses.note(n, row.LastUse, now)
	c := rpc.Caller{Brand: brand, Partner: row.Partner, Scopes: row.Scopes, Subject: name.Join("apiKeys", id), Kept: true}
	if row.Customer != "" {
		c.Customer = name.Join("brands", brand, "customers", row.Customer)
	}
	return c, nil
}

func refusedKey(reason, message string) error {
	return &fault.Error{Code: codes.Unauthenticated, Reason: reason, Message: message}
}

// NoteUses writes down, until ctx ends, when keys were used last.
func (k *APIKeys) NoteUses(ctx context.Context) {
	tick := time.NewTicker(useEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			k.writeUses(end)
			cancel()
			return
		case <-tick.C:
			k.writeUses(ctx)
		}
	}
}

// writeUses writes down what uses were noted. Those that cannot be written are
// forgotten: keys in use will be used again.
func (k *APIKeys) writeUses(ctx context.Context) {
	batch := map[string]time.Time{}
	write := func() error {
		return k.DB.Write(ctx, func(tx *sqldb.Tx) error {
			for n, at := range batch {
				k.Store.NoteApiKeyUse(tx, name.Brand(n), name.ID(n), at)
			}
			return nil
		})
	}
	for n, at := range k.uses.take() {
		batch[n] = at
		if len(batch) == useBatch {
			if write() != nil {
				return
			}
			clear(batch)
		}
	}
	if len(batch) > 0 {
		_ = write() //nolint:errcheck // see above
	}
}
