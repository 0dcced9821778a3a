package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A Model is one revision of a scoring model. State is the number of the contract.
type Model struct {
	table.Record
	DisplayName  string
	Terms        Terms
	Revision     int64
	State        int32
	Layout       int64  // of the sums it needs, or NoLayout
	Backtest     string // JSON of the contract, or empty
	ActivateTime time.Time
	RetireTime   time.Time
}

// Terms are what a revision says. Stages are counted from 0.
type Terms struct {
	Arithmetic    bool                    `json:"arithmetic,omitempty"`
	HalfLife      time.Duration           `json:"half_life"`
	Kappa         float64                 `json:"kappa"`
	PeakEnd       float64                 `json:"peak_end,omitempty"`
	StageWeights  [score.Stages]float64   `json:"stage_weights"`
	Priors        [score.Stages]float64   `json:"priors"`
	Estimated     [score.Stages]bool      `json:"estimated"` // which priors were
	PriorVariance float64                 `json:"prior_variance"`
	Unmet         float64                 `json:"unmet"`
	Met           float64                 `json:"met"`
	Exceeded      float64                 `json:"exceeded"`
	Reliability   [score.Channels]float64 `json:"reliability"`
}

// Kernel returns m for the kernel.
func (m *Model) Kernel() *score.Model {
	k := m.Terms.Kernel()
	k.Revision, k.Layout = m.ID+"@"+strconv.FormatInt(m.Revision, 10), m.Layout
	return k
}

// Kernel returns a model of these terms, without a layout.
func (t *Terms) Kernel() *score.Model {
	k := &score.Model{
		HalfLife: t.HalfLife, Kappa: t.Kappa, Prior: t.Priors, PriorVariance: t.PriorVariance, StageWeights: t.StageWeights,
		PeakEnd: t.PeakEnd, Unmet: t.Unmet, Met: t.Met, Exceeded: t.Exceeded, Reliability: t.Reliability,
	}
	if t.Arithmetic {
		k.Aggregation = score.Arithmetic
	}
	return k
}

func modelTable(name string) *table.Table[Model] {
	return &table.Table[Model]{
		Name:    name,
		Columns: []string{"display_name", "terms", "revision", "state", "layout", "backtest", "activate_time", "retire_time"},
		Fields: func(m *Model) []any {
			return []any{
				&m.DisplayName,
				table.Document[Terms]{Of: &m.Terms},
				&m.Revision, &m.State, &m.Layout, &m.Backtest,
				table.Moment{Of: &m.ActivateTime},
				table.Moment{Of: &m.RetireTime},
			}
		},
		Head: func(m *Model) *table.Record { return &m.Record },
	}
}

// Models keeps the scoring models as they are, ModelRevisions all that they were.
var (
	Models         = modelTable("scoring_model")
	ModelRevisions = modelTable("scoring_model_revision")
)

// NoLayout is the layout of a revision that has none: it was not back-tested, or not since
// it was retired.
const NoLayout = -1

// ActiveModel is the number of the state of which a brand has one revision.
const ActiveModel = 3

// active finds the active revision.
func activeModel() string {
	return `SELECT ` + ModelRevisions.Read() + ` FROM scoring_model_revision WHERE brand = $1 AND state = 3`
}

// Active returns the active revision of a brand or [ErrNotFound]: then it is the model
// that is built in.
func (s *Store) Active(ctx context.Context, brand string) (Model, error) {
	m, err := ModelRevisions.Scan(s.db.Read().QueryRowContext(ctx, activeModel(), brand).Scan)
	return m, sqldb.Fault(err)
}

// ActiveIn is [Store.Active] in a transaction.
func ActiveIn(tx *sqldb.Tx, brand string) (Model, error) {
	return ModelRevisions.Scan(tx.QueryRow(activeModel(), brand).Scan)
}

// ActiveAt returns the revision that was active at a time, in microseconds, or
// [ErrNotFound]: then it was the model that is built in.
func (s *Store) ActiveAt(ctx context.Context, brand string, at int64) (Model, error) {
	m, err := ModelRevisions.Scan(s.db.Read().QueryRowContext(ctx, `SELECT `+ModelRevisions.Read()+` FROM scoring_model_revision
		WHERE brand = $1 AND (id, revision) = (
		  SELECT model, revision FROM scoring_model_activation WHERE brand = $1 AND activate_time <= $2 ORDER BY activate_time DESC LIMIT 1)`,
		brand, at).Scan)
	return m, sqldb.Fault(err)
}

// Activated keeps that m is active from a time on.
func Activated(tx *sqldb.Tx, m Model, at time.Time) {
	tx.Defer(`INSERT INTO scoring_model_activation (brand, activate_time, model, revision) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, activate_time) DO UPDATE SET model = excluded.model, revision = excluded.revision`,
		m.Brand, sqldb.Micros(at), m.ID, m.Revision)
}

// Kernel returns the model that the scores of a brand come from.
func Kernel(r Reader, brand string) (*score.Model, error) {
	rows, err := r.Query(activeModel(), brand)
	if err != nil {
		return nil, err
	}
	active, err := table.All(rows, ModelRevisions.Scan)
	if err == nil && len(active) == 0 {
		return Builtin(), nil
	}
	if err != nil {
		return nil, err
	}
	return active[0].Kernel(), nil
}

// KernelOf returns the kernel's model of an active revision, that of the model that is
// built in if there is none.
func KernelOf(m Model, err error) (*score.Model, error) {
	switch {
	case errors.Is(err, ErrNotFound):
		return Builtin(), nil
	case err != nil:
		return nil, err
	}
	return m.Kernel(), nil
}

// Builtin returns the kernel's model of brands that have chosen none.
func Builtin() *score.Model {
	m := score.Default()
	m.Revision += "@1"
	return &m
}

// SetRevision writes what has become of a revision of a model.
func SetRevision(tx *sqldb.Tx, m Model) {
	tx.Defer(`UPDATE scoring_model_revision SET state = $1, layout = $2, backtest = $3, activate_time = $4, retire_time = $5
		WHERE brand = $6 AND id = $7 AND revision = $8`,
		m.State, m.Layout, m.Backtest, sqldb.NullMicros(m.ActivateTime), sqldb.NullMicros(m.RetireTime), m.Brand, m.ID, m.Revision)
}

// CountModels returns how many models a brand has.
func CountModels(tx *sqldb.Tx, brand string) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM scoring_model WHERE brand = $1`, brand).Scan(&n)
	return n, err
}

// LastModel returns the greatest revision that a model ever had, or 0.
func LastModel(tx *sqldb.Tx, brand, id string) (n int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MAX(revision), 0) FROM scoring_model_revision WHERE brand = $1 AND id = $2`, brand, id).Scan(&n)
	return n, err
}

// ModelServed reports whether a revision of a model is or was active.
func ModelServed(tx *sqldb.Tx, brand, id string) (bool, error) {
	err := tx.QueryRow(`SELECT 1 FROM scoring_model_revision WHERE brand = $1 AND id = $2 AND activate_time IS NOT NULL LIMIT 1`, brand, id).Scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// ModelRevision returns one revision of a model or [ErrNotFound].
func ModelRevision(tx *sqldb.Tx, brand, id string, revision int64) (Model, error) {
	return ModelRevisions.Scan(tx.QueryRow(`SELECT `+ModelRevisions.Read()+` FROM scoring_model_revision
		WHERE brand = $1 AND id = $2 AND revision = $3`, brand, id, revision).Scan)
}
