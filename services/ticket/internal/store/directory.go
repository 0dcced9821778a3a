package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// A Partner is a company that answers customers for the brand.
type Partner struct {
	Record
	DisplayName string
	Inactive    bool
}

// A Team is a group of agents. Partner and Head are ids.
type Team struct {
	Record
	DisplayName string
	Partner     string // empty for the brand's own
	Head        string // empty for none
	Inactive    bool
}

// An Agent is a person who answers customers. Team and Partner are ids.
type Agent struct {
	Record
	DisplayName string
	Team        string // empty for none
	Partner     string // empty for the brand's own; the team's, if there is a team
	Inactive    bool
}

// Partners keeps the partners.
var Partners = &Table[Partner]{
	name:    "partner",
	columns: []string{"display_name", "inactive"},
	fields:  func(p *Partner) []any { return []any{&p.DisplayName, flag{&p.Inactive}} },
	record:  func(p *Partner) *Record { return &p.Record },
}

// Teams keeps the teams.
var Teams = &Table[Team]{
	name:    "team",
	columns: []string{"display_name", "partner", "head", "inactive"},
	fields:  func(t *Team) []any { return []any{&t.DisplayName, &t.Partner, &t.Head, flag{&t.Inactive}} },
	record:  func(t *Team) *Record { return &t.Record },
}

// Agents keeps the agents.
var Agents = &Table[Agent]{
	name:    "agent",
	columns: []string{"display_name", "team", "partner", "inactive"},
	fields:  func(a *Agent) []any { return []any{&a.DisplayName, &a.Team, &a.Partner, flag{&a.Inactive}} },
	record:  func(a *Agent) *Record { return &a.Record },
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
