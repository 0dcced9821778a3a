package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// gauges are what an operator wants to see of the service's work beside the calls.
var gauges = []sqldb.Gauge{
	{
		Name: "concentric.rollup.stale", Unit: "{observation}", Description: "Observations that the roll-ups do not hold yet, up to 100,000.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM rollup_stale LIMIT 100000) AS part`,
	},
	{
		Name: "concentric.rollup.age", Unit: "s", Description: "Since when the oldest of some of them waits.",
		Query: `SELECT MIN(id) FROM (SELECT id FROM rollup_stale LIMIT 20000) AS part`, Since: true,
	},
}
