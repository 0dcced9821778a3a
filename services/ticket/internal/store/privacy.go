package store

import "github.com/concentric-cx/concentric/services/internal/privacy"

// ofCustomer are the rows of the tickets of a customer.
const ofCustomer = `ticket IN (SELECT id FROM ticket WHERE brand = {brand} AND customer = {customer})`

// PrivacyTables say what becomes of every table when a customer is erased. What is done
// is the same whether much or little is to stay: the numbers rest on it. A ticket needs a
// subject.
func PrivacyTables() []privacy.Table {
	return []privacy.Table{
		{
			Name: "interaction", Kind: "interactions", Rows: ofCustomer, Erase: `text = '', attributes = '{}'`,
			Plain: []string{"id", "ticket", "agent", "team", "partner"},
		},
		{
			Name: "ticket_event", Rows: ofCustomer, Erase: `reason = ''`,
			Plain: []string{
				"ticket", "agent", "team", "partner", "agent_before", "team_before", "partner_before", "other_ticket", "sla_policy",
			},
		},
		{
			Name: "ticket", Kind: "tickets", Rows: `customer = {customer}`,
			Erase: `customer = {pseudonym}, subject = '(erased)', attributes = '{}', cause_touchpoint = '', external_id = NULL, import_digest = ''`,
			Plain: []string{
				"id", "partner", "team", "agent", "issue_type", "problem", "campaign", "follow_up_of", "merged_into", "redress_steps",
				"sla_policy", "responder",
			},
		},
		{
			Name: "self_service_session", Kind: "sessions", Rows: `customer = {customer}`, Erase: `customer = {pseudonym}`,
			Plain: []string{"id", "articles"},
		},

		// What the brand and those who work for it say of themselves.
		{Name: "agent", Plain: []string{"*"}},
		{Name: "issue_type", Plain: []string{"*"}},
		{Name: "partner", Plain: []string{"*"}},
		{Name: "problem", Plain: []string{"*"}},
		{Name: "schedule", Plain: []string{"*"}},
		{Name: "schedule_revision", Plain: []string{"*"}},
		{Name: "sla_change", Plain: []string{"*"}},
		{Name: "sla_policy", Plain: []string{"*"}},
		{Name: "sla_policy_revision", Plain: []string{"*"}},
		{Name: "team", Plain: []string{"*"}},

		// What follows from tickets and names them alone.
		{Name: "reopening", Plain: []string{"*"}},
		{Name: "rollup_day", Plain: []string{"*"}},
		{Name: "rollup_flow_day", Plain: []string{"*"}},
		{Name: "rollup_flow_month", Plain: []string{"*"}},
		{Name: "rollup_head", Plain: []string{"*"}},
		{Name: "rollup_month", Plain: []string{"*"}},
		{Name: "rollup_stale", Plain: []string{"*"}},
		{Name: "sla_instance", Plain: []string{"*"}},
		{Name: "sla_timer", Plain: []string{"*"}},
	}
}

// PrivacyNames are queries for the names of what stays of a customer.
func PrivacyNames() []string {
	return []string{
		`SELECT 'tickets/' || id FROM ticket WHERE brand = {brand} AND customer = {pseudonym}`,
		`SELECT 'selfServiceSessions/' || id FROM self_service_session WHERE brand = {brand} AND customer = {pseudonym}`,
	}
}

// PrivacyRules say how words go that have become old: those of a ticket once it is resolved.
func PrivacyRules() []privacy.Rule {
	return []privacy.Rule{
		{
			Of: privacy.OfWords, Keys: 1,
			Find: `SELECT id FROM ticket
			  WHERE brand = {brand} AND open_time < {before} AND resolve_time < {before} AND subject <> '(erased)' LIMIT {limit}`,
			Apply: []string{`UPDATE ticket SET subject = '(erased)', import_digest = '' WHERE brand = {brand} AND id = {1}`},
		},
		{
			Of: privacy.OfWords, Keys: 2,
			Find: `SELECT i.ticket, i.id FROM ticket t JOIN interaction i ON i.brand = t.brand AND i.ticket = t.id
			  WHERE t.brand = {brand} AND t.open_time < {before} AND t.resolve_time < {before} AND i.end_time < {before} AND i.text <> ''
			  LIMIT {limit}`,
			Apply: []string{`UPDATE interaction SET text = '' WHERE brand = {brand} AND ticket = {1} AND id = {2}`},
		},
		{
			Of: privacy.OfWords, Keys: 2,
			Find: `SELECT e.ticket, CAST(e.number AS TEXT) FROM ticket t JOIN ticket_event e ON e.brand = t.brand AND e.ticket = t.id
			  WHERE t.brand = {brand} AND t.open_time < {before} AND t.resolve_time < {before} AND e.event_time < {before} AND e.reason <> ''
			  LIMIT {limit}`,
			Apply: []string{`UPDATE ticket_event SET reason = '' WHERE brand = {brand} AND ticket = {1} AND number = CAST({2} AS BIGINT)`},
		},
	}
}
