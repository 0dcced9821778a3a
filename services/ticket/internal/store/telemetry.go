package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// gauges are what an operator wants to see of the service's work beside the calls.
var gauges = []sqldb.Gauge{
	{
		Name: "concentric.timers.due", Unit: "{ticket}", Description: "Tickets whose SLA clocks should have been looked at, up to 10,000.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM sla_timer WHERE wake_time <= $1 LIMIT 10000) AS due`, At: true,
	},
	{
		Name: "concentric.timers.late", Unit: "s", Description: "Since when the first of them is due.",
		Query: `SELECT MIN(wake_time) FROM sla_timer WHERE wake_time IS NOT NULL`, Since: true,
	},
	{
		Name: "concentric.rollup.stale", Unit: "{observation}", Description: "Observations that the roll-ups do not hold yet, up to 100,000.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM rollup_stale LIMIT 100000) AS part`,
	},
	{
		Name: "concentric.rollup.age", Unit: "s", Description: "Since when the oldest of some of them waits.",
		Query: `SELECT MIN(mark_time) FROM (SELECT mark_time FROM rollup_stale LIMIT 20000) AS part`, Since: true,
	},
}
