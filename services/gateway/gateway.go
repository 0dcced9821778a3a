// Package gateway is the one door for clients. It composes the service-level and
// the experience-level view from the ticket, survey and journey services, which
// it reaches through their generated clients only, and keeps the brands.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"google.golang.org/grpc"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/api"
	"github.com/concentric-cx/concentric/services/gateway/internal/page"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/seal"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// SecretKeySize is the length of a secret key.
const SecretKeySize = 32

// Config holds what the process chooses. The zero value works.
type Config struct {
	// SecretKey is what secrets are sealed with, such as those of webhook endpoints, the same
	// in every replica and at every start: SecretKeySize random bytes. Nil is a key that nobody
	// knows, good for this process.
	SecretKey []byte

	// OpenWebhooks lets webhooks go to addresses that are not public, and over plain HTTP.
	OpenWebhooks bool

	DeadLetters *bus.DeadLetters // where operators see events that could not be applied; nil hides them
}

// A Service is the gateway, ready to be registered.
type Service struct {
	db       *sqldb.DB
	cfg      Config
	views    *api.Views
	admin    *api.Admin
	keys     *api.APIKeys
	webhooks *api.Webhooks
	privacy  *api.Privacy
	collect  *api.Collect
	audit    *api.Audit
	targets  *api.Targets
	pages    *page.Server
}

// New brings db up to date and returns the gateway on it. The caller keeps db and
// up, and closes them after the server has stopped and Run and Work have returned.
func New(ctx context.Context, db *sqldb.DB, up Upstreams, cfg Config) (*Service, error) {
	s, tombstones, err := open(ctx, db)
	if err != nil {
		return nil, err
	}
	if cfg.SecretKey == nil {
		cfg.SecretKey = make([]byte, SecretKeySize)
		rand.Read(cfg.SecretKey) //nolint:errcheck // it never fails
	} else if err := checkKey(ctx, s, cfg.SecretKey); err != nil {
		return nil, err
	}
	forget, err := newPrivacy(db, s, tombstones, up, cfg.SecretKey)
	if err != nil {
		return nil, err
	}
	webhooks, err := newWebhooks(db, s, cfg, forget.Own.Tombstones)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(cfg.SecretKey, "concentric API keys")
	if err != nil {
		return nil, err
	}
	keys := &api.APIKeys{DB: db, Store: s, Validator: rpc.NewValidator(), Box: box, Tombstones: forget.Own.Tombstones}
	targets := &api.Targets{DB: db, Store: s, Validator: keys.Validator}
	return &Service{
		db: db, cfg: cfg, keys: keys, webhooks: webhooks, privacy: forget, targets: targets,
		audit:   newAudit(db, up),
		collect: newCollect(keys.Validator, up),
		pages:   page.New(surveyv1.NewResponseServiceClient(up.Survey)),
		views:   newViews(targets, up),
		admin:   &api.Admin{DB: db, Store: s, Validator: keys.Validator, Keys: keys},
	}, nil
}

// open brings db up to date and returns what the gateway remembers there.
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

// checkKey returns an error if what is kept was sealed with another key.
func checkKey(ctx context.Context, s *store.Store, key []byte) error {
	const what = "the secret key"
	box, err := seal.New(key, "concentric key check")
	if err != nil {
		return err
	}
	kept, err := s.KeyCheck(ctx, box.Seal(what, []byte(what)))
	if err != nil {
		return fmt.Errorf("check the secret key: %w", err)
	}
	if _, err := box.Open(what, kept); err != nil {
		return errors.New("the secret key is another than the one that webhook secrets in this database are sealed with; put that one back " +
			"or, if it is lost, delete the row of the table key_check and give each endpoint a new secret")
	}
	return nil
}

// Migrate brings db up to date, as New does, and no more. The release before this one goes
// on working on it.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	_, _, err := open(ctx, db)
	return err
}

// Register adds the services of the contract to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	gatewayv1.RegisterViewServiceServer(r, s.views)
	gatewayv1.RegisterAdminServiceServer(r, s.admin)
	gatewayv1.RegisterApiKeyServiceServer(r, s.keys)
	gatewayv1.RegisterWebhookServiceServer(r, s.webhooks)
	gatewayv1.RegisterPrivacyServiceServer(r, s.privacy)
	gatewayv1.RegisterOperationServiceServer(r, s.privacy)
	gatewayv1.RegisterCollectServiceServer(r, s.collect)
	gatewayv1.RegisterAuditServiceServer(r, s.audit)
	gatewayv1.RegisterTargetServiceServer(r, s.targets)
}

// Run hears of what happens in the other services, for webhooks, until ctx ends. As long as
// there is no endpoint it hears of consent alone, by which customers come back who were
// erased. It begins once Work has found out which endpoints there are. And it shares operations
// with other replicas.
func (s *Service) Run(ctx context.Context, b *bus.Bus) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	go func() {
		defer cancel()
		worked <- s.privacy.RunParts(ctx, b)
	}()
	err := s.hear(ctx, b)
	cancel()
	return errors.Join(err, <-worked)
}

// hear hears of what happens in the other services until ctx ends.
func (s *Service) hear(ctx context.Context, b *bus.Bus) error {
	s.webhooks.AwaitLook(ctx)
	all := bus.Consumer{
		Service: "gateway", From: []string{"ticket", "survey", "journey"}, DB: s.db,
		Wants: s.webhooks.Wants, DeadLetters: s.cfg.DeadLetters, Handle: s.webhooks.Hear,
	}
	consent := all
	consent.From, consent.Kinds = []string{"journey"}, []string{"consent_changed"}
	quiet, end := context.WithCancel(ctx)
	defer end()
	go func() { s.webhooks.Await(quiet); end() }()
	if err := b.Consume(quiet, consent); err != nil {
		return err
	}
	return b.Consume(ctx, all)
}

// Work delivers webhooks, notes uses of keys, and sees to erasures, exports and what is kept
// for how long, until ctx ends. It needs no bus. Replicas may work at the same time.
func (s *Service) Work(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.webhooks.Deliver(ctx) })
	wg.Go(func() { s.keys.NoteUses(ctx) })
	wg.Go(func() { s.privacy.Work(ctx) })
	wg.Wait()
}

// Callers returns an Authenticator that knows who holds the keys of the brands, and whom
// next knows, unless their brand is deleted. See [rpc.Server.Authenticate].
func (s *Service) Callers(next rpc.Authenticator) rpc.Authenticator { return s.keys.Callers(next) }

// newWebhooks returns what tells other systems of events.
func newWebhooks(db *sqldb.DB, s *store.Store, cfg Config, buried *privacy.Tombstones) (*api.Webhooks, error) {
	box, err := seal.New(cfg.SecretKey, "concentric webhook secrets")
	if err != nil {
		return nil, err
	}
	guard := webhook.Guard{Open: cfg.OpenWebhooks}
	w := &api.Webhooks{
		DB: db, Store: s, Validator: rpc.NewValidator(), Box: box, Guard: guard, Sender: webhook.NewSender(guard, nil), Tombstones: buried,
	}
	w.Init()
	return w, nil
}

// Pages returns the pages on which customers answer surveys, and the path below which
// they are.
func (s *Service) Pages() (path string, pages http.Handler) { return page.Path, s.pages }
