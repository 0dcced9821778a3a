// Package journey is the journey-scoring service: customer experience in the wide
// sense, every touchpoint from the first advert to the recommendation, service
// ones included. It owns the touchpoints, the plan they follow and the scores they
// add up to, and nobody else reads its tables; other services call its RPCs.
//
// It listens to the ticket service, whose customer-facing interactions and
// resolutions become service touchpoints, and to the survey service, whose
// responses measure touchpoints for as long as they count. It emits
// touchpoints_recorded, touchpoint_retracted, customer_merged, customer_split,
// consent_changed, stage_changed, score_changed and signal_changed. It promises that a
// score depends on the set of touchpoints alone: order, repeats and batches have no say.
package journey

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/api"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// Config holds what the process chooses. The zero value works.
type Config struct {
	// IdentityKey is what identities are hashed with, and names and custom values of
	// customers encrypted: IdentityKeySize random bytes, the same in every replica and as
	// long as the database lives. With nil, the database keeps one itself, which protects
	// nothing from those who can read it.
	IdentityKey []byte

	DeadLetters *bus.DeadLetters // where operators see events that could not be applied; nil hides them
}

// A Service is the journey-scoring service on one database. Make it with [New].
type Service struct {
	db      *sqldb.DB
	outbox  *bus.Outbox
	server  *api.Server
	privacy *api.Privacy
	cfg     Config
}

// New brings db up to date and returns the service on it. The caller keeps db and
// closes it after the server has stopped and Run has returned.
func New(ctx context.Context, db *sqldb.DB, cfg Config) (*Service, error) {
	s, tombstones, err := open(ctx, db)
	if err != nil {
		return nil, err
	}
	keys, err := identityKeys(ctx, s, cfg.IdentityKey)
	if err != nil {
		return nil, err
	}
	outbox := bus.NewOutbox(db)
	server := api.NewServer(db, outbox, s, keys, tombstones)
	return &Service{db, outbox, server, server.Privacy(), cfg}, nil
}

// open brings db up to date and returns what the service remembers there.
func open(ctx context.Context, db *sqldb.DB) (*store.Store, *privacy.Tombstones, error) {
	for _, migrate := range []func(context.Context, *sqldb.DB) error{once.Migrate, bus.Migrate} {
		if err := migrate(ctx, db); err != nil {
			return nil, nil, err
		}
	}
	s, err := store.Open(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	tombstones, err := privacy.OpenTombstones(ctx, db)
	return s, tombstones, err
}

// Migrate brings db up to date, as New does, and no more. The release before this one goes
// on working on it.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	_, _, err := open(ctx, db)
	return err
}

// Register adds CustomerService, JourneyMapService, TouchpointService, ScoringService,
// OperationService, InsightService, SignalService and PrivacyService to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	journeyv1.RegisterCustomerServiceServer(r, s.server)
	journeyv1.RegisterJourneyMapServiceServer(r, s.server)
	journeyv1.RegisterTouchpointServiceServer(r, s.server)
	journeyv1.RegisterScoringServiceServer(r, s.server)
	journeyv1.RegisterOperationServiceServer(r, s.server)
	journeyv1.RegisterInsightServiceServer(r, s.server)
	journeyv1.RegisterSignalServiceServer(r, s.server)
	journeyv1.RegisterPrivacyServiceServer(r, s.privacy)
}

// Run applies the events of the ticket and survey services, hands the service's own events
// to b, and shares operations with other replicas, until ctx ends.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	relayed := make(chan error, 1)
	go func() {
		defer cancel()
		relayed <- b.Relay(ctx, "journey", s.outbox)
	}()
	worked := make(chan error, 1)
	go func() {
		defer cancel()
		worked <- s.server.RunParts(ctx, b)
	}()
	err := b.Consume(ctx, bus.Consumer{
		Service: "journey", From: []string{"ticket", "survey"}, DB: s.db,
		Kinds:       api.Kinds(),
		DeadLetters: s.cfg.DeadLetters, Handle: s.server.Apply,
		Together: []string{"ticket", "survey"}, HandleAll: s.server.ApplyAll,
	})
	cancel()
	return errors.Join(err, <-relayed, <-worked)
}

// Work does what goes on beside the calls, until ctx ends: it brings customers and their
// scores up to date with their touchpoints, works on operations, and opens signals. It
// needs no bus. Replicas may work at the same time.
func (s *Service) Work(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.server.RunFollower(ctx) })
	wg.Go(func() { s.server.RunOperations(ctx) })
	wg.Go(func() { s.server.RunRefresh(ctx) })
	wg.Go(func() { s.server.RunSignals(ctx) })
	wg.Go(func() { s.privacy.Run(ctx) })
}
