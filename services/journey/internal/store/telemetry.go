package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// gauges are what an operator wants to see of the service's work beside the calls.
var gauges = []sqldb.Gauge{
	{
		Name: "concentric.scores.stale", Unit: "{customer}", Description: "Customers who have changed since they were last scored, up to 100,000.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM customer_stale LIMIT 100000) AS part`,
	},
	{
		Name: "concentric.scores.age", Unit: "s", Description: "Since when the first of some of them has last changed.",
		Query: `SELECT MIN(stamp) >> 10 FROM (SELECT stamp FROM customer_stale WHERE stamp > 0 LIMIT 20000) AS part`, Since: true, // as stampShift says
	},
}
