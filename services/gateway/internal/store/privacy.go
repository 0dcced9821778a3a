package store

import "github.com/concentric-cx/concentric/services/internal/privacy"

// PrivacyTables say what becomes of every table when a customer is erased.
func PrivacyTables() []privacy.Table {
	return []privacy.Table{
		{Name: "api_key", Kind: "api_keys", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{Name: "legal_hold", Kind: "legal_holds", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{
			Name: "export_part", Rows: `export IN (SELECT e.id FROM export e WHERE e.brand = {brand} AND e.customer = {customer})`,
			Erase: privacy.Delete,
		},
		{Name: "export", Rows: `customer = {customer}`, Erase: privacy.Delete},

		// What the brand says of itself.
		{Name: "brand", Plain: []string{"*"}},
		{Name: "retention_policy", Plain: []string{"*"}},
		{Name: "target", Plain: []string{"*"}},
		{Name: "webhook_endpoint", Plain: []string{"*"}},
		{Name: "key_check", Plain: []string{"*"}},

		// Looked through as a trace.
		{Name: "webhook_delivery", Plain: []string{"*"}},

		// What is under way about the customer goes when it is done, and tells nothing then.
		{Name: "erasure", Plain: []string{"*"}},
		{Name: "erasure_lock", Plain: []string{"*"}},
		{Name: "erasure_receipt", Plain: []string{"*"}},
		{Name: "erasure_subject", Plain: []string{"*"}},
	}
}

// Deliveries are what webhooks were told and are to be told.
func Deliveries() privacy.Trace {
	return privacy.Trace{
		Page: `SELECT endpoint || ' ' || id, CAST(body AS TEXT), about FROM webhook_delivery
		  WHERE brand = {brand} AND endpoint || ' ' || id > {after} ORDER BY endpoint || ' ' || id LIMIT 500`,
		Bytes:  2,
		Remove: []string{`DELETE FROM webhook_delivery WHERE brand = {brand} AND endpoint || ' ' || id = {row}`},
	}
}

// PrivacyRules say how deliveries go that have become old.
func PrivacyRules() []privacy.Rule {
	return []privacy.Rule{{
		Of: privacy.OfRecords, Keys: 2,
		Find: `SELECT endpoint, id FROM webhook_delivery
		  WHERE brand = {brand} AND create_time < {before} AND next_time IS NULL LIMIT {limit}`,
		Apply: []string{`DELETE FROM webhook_delivery WHERE brand = {brand} AND endpoint = {1} AND id = {2}`},
	}}
}
