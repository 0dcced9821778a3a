package store

import (
	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// A Reason is a column that says why tickets were opened.
type Reason string

// The reasons.
const (
	ByProblem Reason = "problem"
	ByCause   Reason = "cause_touchpoint"
)

// Reasons counts the tickets opened in a range by what they give as the reason, and
// by channel, issue and stage. The keys are valid until visit returns.
func (s *Snapshot) Reasons(brand string, opened almanac.Range, by Reason, visit func(k *rollup.Keys, id string, n int64)) error {
	f := ObservationFilter{Brand: brand, Opened: opened, OpenAt: rollup.None}
	columns, column := `channel, issue_kind, stage, phase, partner, issue_type, `, string(by)
	var q sqldb.Query
	q.Add(`SELECT ` + columns + column + `, COUNT(*) FROM ticket`)
	f.where(&q, ` AND `+column+` <> '' GROUP BY `+columns+column)
	var k rollup.Keys
	var id string
	var n int64
	partner, issueType := &k.Texts[0], &k.Texts[rollup.IssueType-rollup.Partner]
	return s.each(&q, func(scan func(...any) error) error {
		err := scan(&k.Numbers[rollup.Channel], &k.Numbers[rollup.IssueKind], &k.Numbers[rollup.Stage], &k.Numbers[rollup.Phase],
			partner, issueType, &id, &n)
		if err == nil {
			visit(&k, id, n)
		}
		return err
	})
}
