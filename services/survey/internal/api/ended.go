package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/concentric-cx/concentric/services/internal/worker"
)

// forgetEvery is how often ended interactions are looked through.
const forgetEvery = time.Hour

// RunForget forgets what interactions were like that nobody is asked about any more, until ctx
// ends. Replicas may run it at the same time.
func (s *Server) RunForget(ctx context.Context) {
	worker.Every(ctx, forgetEvery, func() {
		if err := s.Store.ForgetEnded(ctx, s.now()); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "ended interactions are kept for longer", "err", err)
		}
	})
}
