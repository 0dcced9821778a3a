package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	// fresh is how long a process goes by what another may have changed.
	fresh = time.Second

	maxCatalog = 4096 // brands remembered, so that nobody can fill the memory
)

// A catalog finds touchpoint definitions. A change by this process counts at once, one
// by another within a second, and what is new is found at once. It is safe for
// concurrent use.
type catalog struct {
	store   *store.Store
	builtin map[string]plan.Definition // by id

	mu      sync.RWMutex
	edition int64 // rises whenever this process changes something
	own     map[string]ownDefinitions
}

// ownDefinitions are what one brand added or changed.
type ownDefinitions struct {
	byID map[string]plan.Definition
	read time.Time
}

func newCatalog(s *store.Store) *catalog {
	c := &catalog{store: s, builtin: map[string]plan.Definition{}, own: map[string]ownDefinitions{}}
	for _, d := range plan.Builtin() {
		c.builtin[d.ID] = d
	}
	return c
}

// definitions are those of a brand, as they were when they were asked for.
type definitions struct {
	catalog *catalog
	brand   string
	own     map[string]plan.Definition // what the brand added or changed, by id; it is shared
}

// find returns the brand's definition of that id, or NOT_FOUND.
func (c *catalog) find(ctx context.Context, brand, id string) (plan.Definition, error) {
	d, err := c.of(ctx, brand)
	if err != nil {
		return plan.Definition{}, err
	}
	return d.find(ctx, id)
}

// find returns the definition of that id, or NOT_FOUND.
func (d definitions) find(ctx context.Context, id string) (plan.Definition, error) {
	if known, ok := d.own[id]; ok {
		return known, nil
	}
	if known, ok := d.catalog.builtin[id]; ok {
		return known, nil
	}
	found, err := d.catalog.store.Definition(ctx, d.brand, id)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.NotFound(definitionName(d.brand, id))
	}
	return found, err
}

// within is find for a built-in definition and a transaction.
func (c *catalog) within(tx *sqldb.Tx, brand, id string) (plan.Definition, error) {
	if own, _, ok := c.remembered(brand, time.Now()); ok {
		if d, ok := own[id]; ok {
			return d, nil
		}
		return c.builtin[id], nil
	}
	row, err := store.One(tx, store.Definitions, brand, id)
	return row.Whole(), err
}

// remembered returns what the brand added or changed, if that was read shortly before
// now, and the edition to remember it in otherwise.
func (c *catalog) remembered(brand string, now time.Time) (own map[string]plan.Definition, edition int64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	known := c.own[brand]
	return known.byID, c.edition, known.byID != nil && now.Sub(known.read) < fresh
}

// of returns the definitions of a brand.
func (c *catalog) of(ctx context.Context, brand string) (definitions, error) {
	at := time.Now()
	own, edition, ok := c.remembered(brand, at)
	if ok {
		return definitions{c, brand, own}, nil
	}
	all, err := c.store.OwnDefinitions(ctx, brand)
	if err != nil {
		return definitions{}, err
	}
	own = make(map[string]plan.Definition, len(all))
	for _, d := range all {
		own[d.ID] = d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.edition == edition { // nothing was changed meanwhile
		if len(c.own) >= maxCatalog {
			clear(c.own)
		}
		c.own[brand] = ownDefinitions{own, at}
	}
	return definitions{c, brand, own}, nil
}

// forget makes the next one who asks look again, once tx, which changes definitions of
// the brand, is committed.
func (c *catalog) forget(tx *sqldb.Tx, brand string) {
	tx.AfterCommit(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.edition++
		delete(c.own, brand)
	})
}

// all returns the definitions of a brand, the built-in ones among them.
func (c *catalog) all(ctx context.Context, brand string) ([]plan.Definition, error) {
	return c.store.Definitions(ctx, brand)
}
