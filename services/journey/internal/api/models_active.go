package api

import (
	"context"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	modelAge    = time.Second // after which another replica's choice is noticed
	modelBrands = 10_000      // that are remembered
)

// A models remembers which scoring model the scores of each brand come from, for a
// second. Its methods may be called concurrently.
type models struct {
	store *store.Store
	mu    sync.Mutex
	of    map[string]remembered
}

type remembered struct {
	model *score.Model
	read  time.Time
}

func newModels(s *store.Store) *models { return &models{store: s, of: map[string]remembered{}} }

// active returns the model that the scores of a brand come from. It must not be
// changed.
func (m *models) active(ctx context.Context, brand string) (*score.Model, error) {
	now := time.Now()
	m.mu.Lock()
	known, ok := m.of[brand]
	m.mu.Unlock()
	if ok && now.Sub(known.read) < modelAge {
		return known.model, nil
	}
	model, err := store.KernelOf(m.store.Active(ctx, brand))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.of) >= modelBrands {
		clear(m.of)
	}
	m.of[brand] = remembered{model, now}
	return model, nil
}

// forget makes the next call look.
func (m *models) forget(brand string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, brand)
}
