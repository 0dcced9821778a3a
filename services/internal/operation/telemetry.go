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

// outcome is the label that says what became of one.
const outcome = "concentric.outcome"

// Outcomes there are.
const (
	done      = "done"
	failed    = "failed"
	cancelled = "cancelled"
)

// observe shows how many operations there are, and that none has ended yet.
func (d *Desk) observe(ctx context.Context) {
	if err := d.DB.Observe(gauges...); err != nil {
		slog.WarnContext(ctx, "operations are not measured", slog.String("error", err.Error()))
	}
	for _, how := range []string{done, failed, cancelled} {
		ended.Begin(ctx, d.DB.Service(), outcome, how)
	}
}

// count counts an operation that has ended with a code.
func (d *Desk) count(ctx context.Context, code codes.Code) {
	how := failed
	switch code {
	case codes.OK:
		how = done
	case codes.Canceled:
		how = cancelled
	}
	ended.Add(ctx, d.DB.Service(), outcome, how)
}
