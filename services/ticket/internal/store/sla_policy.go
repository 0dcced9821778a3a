package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An SLAPolicy is one revision of what is promised. Schedule is an id; enums are
// the numbers of the contract.
type SLAPolicy struct {
	table.Record
	DisplayName           string
	Position              int32
	Inactive              bool
	Conditions            *Conditions // nil for all tickets
	Targets               []Target
	Schedule              string // empty if all time counts
	BotCounts             bool
	NoteCounts            bool
	AutomaticAcknowledges bool
	Revision              int64
}

// Conditions are what a ticket must meet; a field without values is always met.
type Conditions struct {
	Channels   []int32           `json:"channels,omitempty"`
	Handlings  []int32           `json:"handlings,omitempty"`
	IssueKinds []int32           `json:"issue_kinds,omitempty"`
	Priorities []int32           `json:"priorities,omitempty"`
	Stages     []int32           `json:"stages,omitempty"`
	Phases     []int32           `json:"phases,omitempty"`
	Origins    []int32           `json:"origins,omitempty"`
	Partners   []string          `json:"partners,omitempty"`
	Teams      []string          `json:"teams,omitempty"`
	IssueTypes []string          `json:"issue_types,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// A Target is how long one thing may take.
type Target struct {
	Metric      int32         `json:"metric"`
	Priority    int32         `json:"priority,omitempty"` // 0 for those that have no target of their own
	Duration    time.Duration `json:"duration"`
	WallClock   bool          `json:"wall_clock,omitempty"`
	WarnAt      float64       `json:"warn_at,omitempty"` // 0 if nobody says
	PauseStates []int32       `json:"pause_states,omitempty"`
}

func policyTable(name string) *table.Table[SLAPolicy] {
	return &table.Table[SLAPolicy]{
		Name: name,
		Columns: []string{
			"display_name", "position", "inactive", "conditions", "targets", "schedule",
			"bot_counts", "note_counts", "automatic_acknowledges", "revision",
		},
		Fields: func(p *SLAPolicy) []any {
			return []any{
				&p.DisplayName, &p.Position,
				table.Flag{Of: &p.Inactive},
				table.Document[*Conditions]{Of: &p.Conditions},
				table.Array[Target]{Of: &p.Targets},
				&p.Schedule,
				table.Flag{Of: &p.BotCounts},
				table.Flag{Of: &p.NoteCounts},
				table.Flag{Of: &p.AutomaticAcknowledges},
				&p.Revision,
			}
		},
		Head: func(p *SLAPolicy) *table.Record { return &p.Record },
	}
}

// SLAPolicies keeps the policies as they are, SLAPolicyRevisions all that they were.
var (
	SLAPolicies        = policyTable("sla_policy")
	SLAPolicyRevisions = policyTable("sla_policy_revision")
)

// LastPolicy returns the greatest revision that a policy ever had, or 0.
func LastPolicy(tx *sqldb.Tx, brand, id string) (int64, error) {
	return last(tx, `SELECT COALESCE(MAX(revision), 0) FROM sla_policy_revision WHERE brand = $1 AND id = $2`, brand, id)
}

// CountPolicies returns how many policies a brand has.
func CountPolicies(tx *sqldb.Tx, brand string) (int64, error) {
	return last(tx, `SELECT COUNT(*) FROM sla_policy WHERE brand = $1`, brand)
}

// A Query runs a statement that returns rows, in a transaction or outside of one.
type Query func(text string, args ...any) (*sql.Rows, error)

// In returns the Query of a transaction.
func In(tx *sqldb.Tx) Query {
	return func(text string, args ...any) (*sql.Rows, error) { return tx.Query(text, args...) }
}

// Query returns the Query of s, which sees what is committed.
func (s *Store) Query(ctx context.Context) Query {
	return func(text string, args ...any) (*sql.Rows, error) {
		rows, err := s.db.Read().QueryContext(ctx, text, args...)
		return rows, sqldb.Fault(err)
	}
}

// PolicyOrder returns the policies of a brand in the order in which they are tried.
func PolicyOrder(q Query, brand string) ([]SLAPolicy, error) {
	return rows(q, SLAPolicies, ` WHERE brand = ? ORDER BY position, id`, brand)
}

// PolicyRevision returns one revision of a policy or [ErrNotFound].
func PolicyRevision(q Query, brand, id string, revision int64) (SLAPolicy, error) {
	found, err := rows(q, SLAPolicyRevisions, ` WHERE brand = ? AND id = ? AND revision = ?`, brand, id, revision)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return SLAPolicy{}, err
	}
	return found[0], nil
}

// rows reads the rows of a table that the end of a statement picks.
func rows[T any](run Query, t *table.Table[T], end string, args ...any) ([]T, error) {
	var q sqldb.Query
	q.Add(`SELECT `+t.Read()+` FROM `+t.Name+end, args...)
	return read(run, &q, t.Scan)
}
