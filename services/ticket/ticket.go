// Package ticket is the ticket service: customer service in the narrow sense, one
// request for help at a time. It owns the ticket tables and nobody else reads
// them; other services call its RPCs or listen to its events: a ticket was
// created, resolved or reopened, an interaction was recorded.
package ticket

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/ticket/internal/api"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A Service is the ticket service on one database. Make it with [New].
type Service struct {
	server  *api.Server
	privacy *api.Privacy
	cfg     Config
}

// Config holds what the process chooses. The zero value works.
type Config struct {
	DeadLetters *bus.DeadLetters // where operators see events that could not be applied; nil hides them
}

// New brings db up to date and returns the service on it. The caller keeps db and
// closes it after the server has stopped and Run and Work have returned.
func New(ctx context.Context, db *sqldb.DB, cfg Config) (*Service, error) {
	s, tombstones, err := open(ctx, db)
	if err != nil {
		return nil, err
	}
	outbox := bus.NewOutbox(db)
	server := &api.Server{
		DB: db, Store: s, Outbox: outbox, Queue: bus.NewQueue("ticket"), Hub: watch.NewHub(db, outbox), Validator: rpc.NewValidator(), Tombstones: tombstones,
	}
	return &Service{server, server.Privacy(), cfg}, nil
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

// Register adds the services to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	ticketv1.RegisterTicketServiceServer(r, s.server)
	ticketv1.RegisterInteractionServiceServer(r, s.server)
	ticketv1.RegisterCatalogServiceServer(r, s.server)
	ticketv1.RegisterDirectoryServiceServer(r, s.server)
	ticketv1.RegisterSlaServiceServer(r, s.server)
	ticketv1.RegisterSelfServiceServiceServer(r, s.server)
	ticketv1.RegisterServiceMetricsServiceServer(r, s.server)
	ticketv1.RegisterOperationServiceServer(r, s.server)
	ticketv1.RegisterPrivacyServiceServer(r, s.privacy)
}

// Run hands the service's events to b, hears who consents to something, and shares operations
// with other replicas, until ctx ends.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	relayed := make(chan error, 1)
	go func() {
		defer cancel()
		relayed <- b.Relay(ctx, "ticket", s.server.Outbox)
	}()
	worked := make(chan error, 1)
	go func() {
		defer cancel()
		worked <- s.server.RunParts(ctx, b)
	}()
	err := b.Consume(ctx, bus.Consumer{
		Service: "ticket", From: []string{"journey"}, DB: s.server.DB, Kinds: []string{"consent_changed"},
		DeadLetters: s.cfg.DeadLetters, Handle: s.server.Apply,
	})
	cancel()
	return errors.Join(err, <-relayed, <-worked)
}

// Work closes tickets whose time has come, removes deleted ones for good, minds the
// SLA clocks, works on operations, adds tickets up for metrics and forgets what the brand
// wants kept no longer, until ctx ends. It needs no bus. Replicas may work at the same time.
func (s *Service) Work(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.sweep(ctx) })
	wg.Go(func() { s.server.RunTimers(ctx) })
	wg.Go(func() { s.server.RunRollups(ctx) })
	wg.Go(func() { s.server.RunOperations(ctx) })
	wg.Go(func() { s.privacy.Run(ctx) })
}

// sweep sweeps now and every minute until ctx ends.
func (s *Service) sweep(ctx context.Context) {
	worker.Every(ctx, time.Minute, func() {
		if err := s.server.Sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "sweep tickets", "err", err)
		}
	})
}
