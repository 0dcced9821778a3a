// Package journey is the journey-scoring service: customer experience in the wide
// sense, every touchpoint from the first advert to the recommendation, service
// ones included. It owns the touchpoints, the plan they follow and the scores they
// add up to, and nobody else reads its tables; other services call its RPCs.
//
// It listens to the ticket service, whose customer-facing interactions and
// resolutions become service touchpoints, and to the survey service, whose
// responses measure touchpoints for as long as they count. It emits
// touchpoints_recorded. It promises that a score depends on the set of touchpoints
// alone: order, repeats and batches have no say.
package journey

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/api"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// Config holds what the process chooses. The zero value works.
type Config struct {
	DeadLetters *bus.DeadLetters // where operators see events that could not be applied; nil hides them
}

// A Service is the journey-scoring service on one database. Make it with [New].
type Service struct {
	db     *sqldb.DB
	outbox *bus.Outbox
	server *api.Server
	cfg    Config
}

// New brings db up to date and returns the service on it. The caller keeps db and
// closes it after the server has stopped and Run has returned.
func New(ctx context.Context, db *sqldb.DB, cfg Config) (*Service, error) {
	for _, migrate := range []func(context.Context, *sqldb.DB) error{once.Migrate, bus.Migrate} {
		if err := migrate(ctx, db); err != nil {
			return nil, err
		}
	}
	s, err := store.Open(ctx, db, score.Default())
	if err != nil {
		return nil, err
	}
	outbox := bus.NewOutbox(db)
	return &Service{db, outbox, api.NewServer(db, outbox, s), cfg}, nil
}

// Register adds JourneyMapService, TouchpointService, ScoringService and
// InsightService to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	journeyv1.RegisterJourneyMapServiceServer(r, s.server)
	journeyv1.RegisterTouchpointServiceServer(r, s.server)
	journeyv1.RegisterScoringServiceServer(r, s.server)
	journeyv1.RegisterInsightServiceServer(r, s.server)
}

// Run applies the events of the ticket and survey services and hands the service's
// own events to b until ctx ends.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	relayed := make(chan error, 1)
	go func() {
		defer cancel()
		relayed <- b.Relay(ctx, "journey", s.outbox)
	}()
	err := b.Consume(ctx, bus.Consumer{
		Service: "journey", From: []string{"ticket", "survey"}, DB: s.db,
		Kinds:       []string{"interaction_created", "ticket_resolved", "response_submitted", "response_excluded"},
		DeadLetters: s.cfg.DeadLetters, Handle: s.server.Apply,
	})
	cancel()
	return errors.Join(err, <-relayed)
}
