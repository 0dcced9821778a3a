package operation

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/meter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// gauges are what an operator wants to see of operations.
var gauges = []sqldb.Gauge{
	{
		Name: "concentric.operations.open", Unit: "{operation}", Description: "Long pieces of work that are not finished.",
		Query: `SELECT COUNT(*) FROM operation WHERE end_time IS NULL`,
	},
	{
		Name: "concentric.operations.age", Unit: "s", Description: "Since when the oldest of them is there.",
		Query: `SELECT MIN(create_time) FROM operation WHERE end_time IS NULL`, Since: true,
	},
}

// ended counts what became of operations.
var ended = meter.Counter{Name: "concentric.operations.ended", Unit: "{operation}", Description: "Long pieces of work that have ended, by how."}

// observe shows how many operations there are.
func (d *Desk) observe(ctx context.Context) {
	if err := d.DB.Observe(gauges...); err != nil {
		slog.WarnContext(ctx, "operations are not measured", slog.String("error", err.Error()))
	}
}

// count counts an operation that has ended.
func (d *Desk) count(ctx context.Context, o Operation) {
	outcome := "failed"
	switch codes.Code(o.Code) { //nolint:gosec // one of ours
	case codes.OK:
		outcome = "done"
	case codes.Canceled:
		outcome = "cancelled"
	}
	ended.Add(ctx, d.DB.Service(), "concentric.outcome", outcome)
}
