// Package survey is the survey service: what the brand asks its customers, whom
// it asks and when it leaves them alone, and what they answered. It owns the
// survey tables and nobody else reads them; other services call its RPCs or
// listen to its events. Answers about service and answers about the whole
// experience are measured apart, on the scale of their question, each with its
// interval.
//
// It listens to the ticket and the journey service, whose interactions, resolutions
// and touchpoints are the occasions on which rules have customers asked, and it tells
// of invitations and responses. It promises that no customer is asked twice within a
// quiet period, in whatever order occasions are heard of.
package survey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/survey/internal/api"
	"github.com/concentric-cx/concentric/services/survey/internal/sentiment"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// TokenKeySize is the length of a token key.
const TokenKeySize = 32

// Config holds what the process chooses. The zero value works.
type Config struct {
	// TokenKey is what the tokens of invitations are made with, the same in every
	// replica: TokenKeySize random bytes. Tokens stay good without it, but cannot be
	// told again. Nil is a key that nobody knows, good for this process.
	TokenKey []byte

	DeadLetters *bus.DeadLetters // where operators see events that could not be applied; nil hides them
}

// A Service answers the survey contract. It is safe for concurrent use.
type Service struct {
	api     *api.Server
	privacy *api.Privacy
	cfg     Config
}

// New brings db up to date and returns the service on it. The caller keeps db and
// closes it after the server has stopped and Run and Work have returned.
func New(ctx context.Context, db *sqldb.DB, cfg Config) (*Service, error) {
	key := cfg.TokenKey
	if key == nil {
		key = make([]byte, TokenKeySize)
		rand.Read(key) //nolint:errcheck // it never fails
	}
	if len(key) != TokenKeySize {
		return nil, fmt.Errorf("the token key has %d bytes, want %d", len(key), TokenKeySize)
	}
	s, tombstones, err := open(ctx, db)
	if err != nil {
		return nil, err
	}
	outbox := bus.NewOutbox(db)
	server := &api.Server{
		DB: db, Store: s, Outbox: outbox, Hub: watch.NewHub(db, outbox), Validator: rpc.NewValidator(), TokenKey: key, Now: time.Now,
		Sentiment: sentiment.Reader{sentiment.Vader{}}, Tombstones: tombstones,
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

// Register adds the services of the contract to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	s.api.Register(r)
	surveyv1.RegisterPrivacyServiceServer(r, s.privacy)
}

// Run passes the service's events on to b, and takes the decisions that rules want after
// those of others, until ctx ends.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	relayed := make(chan error, 1)
	go func() {
		defer cancel()
		relayed <- b.Relay(ctx, "survey", s.api.Outbox)
	}()
	err := b.Consume(ctx, bus.Consumer{
		Service: "survey", From: []string{"ticket", "journey"}, DB: s.api.DB,
		Kinds:       api.Kinds(),
		DeadLetters: s.cfg.DeadLetters, Handle: s.api.Apply,
		Together: []string{"journey"}, HandleAll: s.api.ApplyAll,
	})
	cancel()
	return errors.Join(err, <-relayed)
}

// Work asks everyone whom the schedules of rules want asked, adds answers and invitations
// up for metrics, and forgets what the brand wants kept no longer and what nobody is asked about any more, until ctx ends.
// It needs no bus. Replicas may work at the same time.
func (s *Service) Work(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.api.RunWaves(ctx) })
	wg.Go(func() { s.api.RunRollups(ctx) })
	wg.Go(func() { s.api.RunForget(ctx) })
	wg.Go(func() { s.privacy.Run(ctx) })
}
