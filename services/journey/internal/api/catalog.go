package api

import (
	"context"
	"errors"
	"sync"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// maxCatalog is how many definitions a process remembers.
const maxCatalog = 4096

// A catalog finds touchpoint definitions. It remembers those it has found, which
// is right for as long as they cannot change, and no misses.
type catalog struct {
	store   *store.Store
	builtin map[string]plan.Definition // by id

	mu    sync.RWMutex
	found map[[2]string]plan.Definition // by brand and id
}

func newCatalog(s *store.Store) *catalog {
	c := &catalog{store: s, builtin: map[string]plan.Definition{}, found: map[[2]string]plan.Definition{}}
	for _, d := range plan.Builtin() {
		c.builtin[d.ID] = d
	}
	return c
}

// find returns the brand's definition of that id, or NOT_FOUND.
func (c *catalog) find(ctx context.Context, brand, id string) (plan.Definition, error) {
	if d, ok := c.builtin[id]; ok {
		return d, nil
	}
	key := [2]string{brand, id}
	c.mu.RLock()
	d, ok := c.found[key]
	c.mu.RUnlock()
	if ok {
		return d, nil
	}
	d, err := c.store.Definition(ctx, brand, id)
	if errors.Is(err, store.ErrNotFound) {
		return d, fault.NotFound(definitionName(brand, id))
	}
	if err != nil {
		return d, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.found) >= maxCatalog {
		clear(c.found)
	}
	c.found[key] = d
	return d, nil
}

// all returns the definitions of a brand, the built-in ones among them.
func (c *catalog) all(ctx context.Context, brand string) ([]plan.Definition, error) {
	added, err := c.store.Definitions(ctx, brand)
	return append(plan.Builtin(), added...), err
}
