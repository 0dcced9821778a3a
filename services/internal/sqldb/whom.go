package sqldb

import (
	"context"
	"errors"
)

// everyone is what stands for all brands. No brand has such an id.
const everyone = "*"

// whomKey finds in a context for whom it reads and writes.
type whomKey struct{}

// errWhom is what a fenced database answers to a context that does not say for whom.
var errWhom = errors.New("the context says neither for which brand nor that it is for all")

// ForBrand returns a context that reads and writes rows of one brand, and of what every
// brand begins with. Where PostgreSQL keeps brands apart by row-level security it shows and takes no
// others, whatever the statement says; elsewhere the context means nothing.
func ForBrand(ctx context.Context, brand string) context.Context {
	return context.WithValue(ctx, whomKey{}, brand)
}

// ForAll returns a context that reads and writes rows of all brands: for what goes on beside
// the calls, and for calls that are about no brand.
func ForAll(ctx context.Context) context.Context { return ForBrand(ctx, everyone) }

// Whom returns for whom ctx reads and writes: a brand, * for all, or "" if nobody said.
func Whom(ctx context.Context) string {
	who, _ := ctx.Value(whomKey{}).(string)
	return who
}

// whom returns what a fenced database is told of ctx, and "" for another.
func (db *DB) whom(ctx context.Context) (string, error) {
	if !db.fenced {
		return "", nil
	}
	return whom(ctx)
}

func whom(ctx context.Context) (string, error) {
	who := Whom(ctx)
	if who == "" {
		return "", errWhom
	}
	return who, nil
}
