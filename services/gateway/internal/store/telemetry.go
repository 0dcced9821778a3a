package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// gauges are what an operator wants to see of the service's work beside the calls.
var gauges = []sqldb.Gauge{
	{
		Name: "concentric.webhooks.waiting", Unit: "{delivery}", Description: "Deliveries that are to be attempted, up to 100,000.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM webhook_delivery WHERE next_time IS NOT NULL LIMIT 100000) AS waiting`,
	},
	{
		Name: "concentric.webhooks.age", Unit: "s", Description: "How old the oldest delivery to an endpoint is that is not disabled, among some that wait.",
		Query: `SELECT MIN(create_time) FROM (SELECT create_time FROM webhook_delivery WHERE next_time IS NOT NULL AND EXISTS (
			SELECT 1 FROM webhook_endpoint WHERE brand = webhook_delivery.brand AND id = webhook_delivery.endpoint AND disabled = 0) LIMIT 20000) AS part`, Since: true,
	},
	{
		Name: "concentric.webhooks.disabled", Unit: "{endpoint}", Description: "Endpoints that were disabled because they failed or are gone.",
		Query: `SELECT COUNT(*) FROM webhook_endpoint WHERE disabled = 1 AND disabled_reason > 1`,
	},
	{
		Name: "concentric.erasures.open", Unit: "{erasure}", Description: "Erasures of customers under way.",
		Query: `SELECT COUNT(*) FROM erasure`,
	},
	{
		Name: "concentric.erasures.age", Unit: "s", Description: "Since when the oldest of them is under way.",
		Query: `SELECT MIN(create_time) FROM operation WHERE EXISTS (SELECT 1 FROM erasure WHERE brand = operation.brand AND id = operation.id)`, Since: true,
	},
}
