// Package survey is the survey service: what the brand asks its customers, whom
// it asks and when it leaves them alone, and what they answered. It owns the
// survey tables and nobody else reads them; other services call its RPCs or
// listen to its events. Answers about service and answers about the whole
// experience are measured apart, on the scale of their question, each with its
// interval.
//
// It emits response_submitted.
package survey

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/survey/internal/api"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A Service answers the survey contract. It is safe for concurrent use.
type Service struct {
	api *api.Server
}

// New brings db up to date and returns the service on it. The caller keeps db and
// closes it after the server and Run have ended.
func New(ctx context.Context, db *sqldb.DB) (*Service, error) {
	for _, migrate := range []func(context.Context, *sqldb.DB) error{once.Migrate, bus.Migrate} {
		if err := migrate(ctx, db); err != nil {
			return nil, err
		}
	}
	s, err := store.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	outbox := bus.NewOutbox(db)
	return &Service{&api.Server{DB: db, Store: s, Outbox: outbox, Hub: watch.NewHub(db, outbox), Validator: rpc.NewValidator(), Now: time.Now}}, nil
}

// Register adds the services of the contract to r.
func (s *Service) Register(r grpc.ServiceRegistrar) { s.api.Register(r) }

// Run passes the service's events on to b until ctx ends.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	return b.Relay(ctx, "survey", s.api.Outbox)
}
