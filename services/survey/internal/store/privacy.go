package store

import "github.com/concentric-cx/concentric/services/internal/privacy"

// PrivacyTables say what becomes of every table when a customer is erased. What is done
// is the same whether much or little is to stay: the numbers rest on it. An answer in words
// goes on being one, of other words.
func PrivacyTables() []privacy.Table {
	return []privacy.Table{
		{
			Name:  "answer",
			Rows:  `(submit_time, response) IN (SELECT submit_time, id FROM response WHERE brand = {brand} AND customer = {customer})`,
			Erase: `words = CASE WHEN words IS NULL THEN NULL ELSE '(erased)' END, touchpoint = ''`,
			Plain: []string{"response", "survey", "question", "definition", "partner", "team", "agent", "choices", "language"},
		},
		{
			Name:  "exclusion",
			Rows:  `response IN (SELECT id FROM response WHERE brand = {brand} AND customer = {customer})`,
			Erase: `reason = ''`, Plain: []string{"response", "principal"},
		},
		{
			Name: "response", Kind: "responses", Rows: `customer = {customer}`,
			Erase: `customer = {pseudonym}, touchpoint = '', attributes = '{}', draft = CASE draft WHEN '' THEN '' ELSE '[]' END,
				import_digest = ''`,
			Plain: []string{
				"id", "survey", "invitation", "ticket", "interaction", "agent", "team", "partner", "language", "supersedes", "superseded_by",
			},
		},
		{
			Name: "feedback", Kind: "feedback", Rows: `customer = {customer}`,
			Erase: `customer = {pseudonym}, words = CASE words WHEN '' THEN '' ELSE '(erased)' END, touchpoint = '', external_id = NULL,
				url = '', attributes = '{}', override_reason = '', action_assignee = '', action_note = '', digest = ''`,
			Plain: []string{"id", "language", "analyzer", "analyzer_version", "override_by", "emotions", "cluster", "ticket"},
		},
		{
			Name: "invitation", Kind: "invitations", Rows: `substr(customer, 11) = substr(CAST({customer} AS TEXT), 11)`,
			Erase: `customer = {pseudonym}, occasion = 'erased/' || id, touchpoint = '', token_hash = NULL`,
			Plain: []string{
				"id", "survey", "interaction", "duplicate_of", "trigger_rule", "ticket", "agent", "team", "partner", "language", "response",
			},
		},
		{
			Name: "wave", Rows: `customer = {customer}`,
			Erase: `customer = COALESCE((SELECT MAX(c.customer) FROM contact c WHERE c.brand = wave.brand AND c.customer < wave.customer), '')`,
			Plain: []string{"rule"},
		},
		{Name: "contact", Kind: "contacts", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{Name: "reached_stage", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{Name: "ended_interaction", Rows: `customer = {customer}`, Erase: privacy.Delete},

		// What the brand asks, and whom.
		{Name: "survey", Plain: []string{"*"}},
		{Name: "survey_revision", Plain: []string{"*"}},
		{Name: "trigger_rule", Plain: []string{"*"}},

		// What follows from answers and decisions and names nobody.
		{Name: "rollup_day", Plain: []string{"*"}},
		{Name: "rollup_head", Plain: []string{"*"}},
		{Name: "rollup_month", Plain: []string{"*"}},
		{Name: "rollup_stale", Plain: []string{"*"}},
	}
}

// PrivacyNames are queries for the names of what stays of a customer.
func PrivacyNames() []string {
	return []string{
		`SELECT 'responses/' || id FROM response WHERE brand = {brand} AND customer = {pseudonym}`,
		`SELECT 'feedback/' || id FROM feedback WHERE brand = {brand} AND customer = {pseudonym}`,
		`SELECT 'surveys/' || survey || '/invitations/' || id FROM invitation
		 WHERE brand = {brand} AND substr(customer, 11) = substr(CAST({pseudonym} AS TEXT), 11)`,
	}
}

// PrivacyRules say how words go that have become old, and interactions like the touchpoints
// that they are.
func PrivacyRules() []privacy.Rule {
	return []privacy.Rule{
		{
			Of: privacy.OfRecords, Keys: 1,
			Find:  `SELECT interaction FROM ended_interaction WHERE brand = {brand} AND end_time < {before} LIMIT {limit}`,
			Apply: []string{`DELETE FROM ended_interaction WHERE brand = {brand} AND interaction = {1}`},
		},
		{
			Of: privacy.OfWords, Keys: 3,
			Find: `SELECT CAST(submit_time AS TEXT), response, CAST(position AS TEXT) FROM answer
			  WHERE brand = {brand} AND submit_time < {before} AND words IS NOT NULL AND words <> '(erased)' LIMIT {limit}`,
			Apply: []string{`UPDATE answer SET words = '(erased)' WHERE brand = {brand} AND submit_time = CAST({1} AS BIGINT)
			  AND response = {2} AND position = CAST({3} AS INTEGER)`},
		},
		{
			Of: privacy.OfWords, Keys: 1,
			Find: `SELECT id FROM response
			  WHERE brand = {brand} AND submit_time < {before} AND draft NOT IN ('', '[]') LIMIT {limit}`,
			Apply: []string{`UPDATE response SET draft = '[]', import_digest = '' WHERE brand = {brand} AND id = {1}`},
		},
		{
			Of: privacy.OfWords, Keys: 1,
			Find: `SELECT id FROM feedback WHERE brand = {brand} AND event_time < {before}
			  AND (words NOT IN ('', '(erased)') OR override_reason <> '' OR action_note <> '') LIMIT {limit}`,
			Apply: []string{`UPDATE feedback SET words = CASE words WHEN '' THEN '' ELSE '(erased)' END, override_reason = '', action_note = '',
			  digest = '' WHERE brand = {brand} AND id = {1}`},
		},
	}
}
