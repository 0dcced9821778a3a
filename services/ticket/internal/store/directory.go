package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Partner is a company that answers customers for the brand.
type Partner struct {
	table.Record
	DisplayName string
	Inactive    bool
}

// A Team is a group of agents. Partner and Head are ids.
type Team struct {
	table.Record
	DisplayName string
	Partner     string // empty for the brand's own
	Head        string // empty for none
	Inactive    bool
}

// An Agent is a person who answers customers. Team and Partner are ids.
type Agent struct {
	table.Record
	DisplayName string
	Team        string // empty for none
	Partner     string // empty for the brand's own; the team's, if there is a team
	Inactive    bool
}

// Partners keeps the partners.
var Partners = &table.Table[Partner]{
	Name:    "partner",
	Columns: []string{"display_name", "inactive"},
	Fields:  func(p *Partner) []any { return []any{&p.DisplayName, table.Flag{Of: &p.Inactive}} },
	Head:    func(p *Partner) *table.Record { return &p.Record },
}

// Teams keeps the teams.
var Teams = &table.Table[Team]{
	Name:    "team",
	Columns: []string{"display_name", "partner", "head", "inactive"},
	Fields:  func(t *Team) []any { return []any{&t.DisplayName, &t.Partner, &t.Head, table.Flag{Of: &t.Inactive}} },
	Head:    func(t *Team) *table.Record { return &t.Record },
}

// Agents keeps the agents.
var Agents = &table.Table[Agent]{
	Name:    "agent",
	Columns: []string{"display_name", "team", "partner", "inactive"},
	Fields:  func(a *Agent) []any { return []any{&a.DisplayName, &a.Team, &a.Partner, table.Flag{Of: &a.Inactive}} },
	Head:    func(a *Agent) *table.Record { return &a.Record },
}

// PartnerInUse reports whether a team or an agent belongs to a partner.
func PartnerInUse(tx *sqldb.Tx, brand, id string) (bool, error) {
	return exists(tx, `
		SELECT EXISTS (SELECT 1 FROM team WHERE brand = $1 AND partner = $2 AND partner <> '')
			OR EXISTS (SELECT 1 FROM agent WHERE brand = $1 AND partner = $2 AND partner <> '')`, brand, id)
}

// TeamInUse reports whether an agent belongs to a team.
func TeamInUse(tx *sqldb.Tx, brand, id string) (bool, error) {
	return exists(tx, `SELECT EXISTS (SELECT 1 FROM agent WHERE brand = $1 AND team = $2 AND team <> '')`, brand, id)
}

func exists(tx *sqldb.Tx, query string, args ...any) (found bool, err error) {
	err = tx.QueryRow(query, args...).Scan(&found)
	return found, err
}
