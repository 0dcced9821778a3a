package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/front"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/telemetry"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

// A suite is the services of one process. This file is the only one that knows
// every service.
type suite struct {
	log       *slog.Logger
	telemetry *telemetry.Telemetry
	rpc       *rpc.Server
	front     *front.Server
	bus       *bus.Bus // nil without one
	dead      *bus.DeadLetters
	audit     *audit.Logs
	conns     gateway.Upstreams // to the services of this process and, for a gateway, to those elsewhere
	pages     *gateway.Service  // nil without a gateway
	signer    *rpc.Signer       // of a gateway's passes; nil if no service is elsewhere
	upstream  *tls.Config       // of conns to services elsewhere; nil: without TLS
	closers   []func() error
	run       []func(context.Context) error // what goes on beside the calls
	unready   bool                          // somebody else says when the suite is ready
}

// A service is what all of them look like from here.
type service interface {
	Register(grpc.ServiceRegistrar)
}

// A runner is a service with something to relay or to consume.
type runner interface {
	Run(context.Context, *bus.Bus) error
}

// A worker is a service with something to do beside the calls, with or without a bus.
type worker interface {
	Work(context.Context)
}

// workers is how many goroutines the server keeps for calls. Their stacks have grown to
// what reading a database takes, which costs a new one a sixth of a short read.
const workers = 32

// start opens the databases and the bus and puts the chosen services on a server.
// The caller serves the suite, which closes it, or closes it.
func start(ctx context.Context, c *upCmd, t *telemetry.Telemetry) (_ *suite, err error) {
	ctx = sqldb.ForAll(ctx)
	s := &suite{log: t.Log, telemetry: t, dead: bus.NewDeadLetters(), audit: audit.NewLogs()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := setting.Refuse(c.settings(ctx)); err != nil {
		return nil, err
	}
	cfg := rpc.Config{Log: t.Log, Traces: t.Traces, Metrics: t.Metrics, Workers: workers, Denied: s.audit.Denied}
	var oidc *rpc.OIDC
	if cfg.Auth, oidc, err = c.known(); err != nil {
		return nil, err
	}
	if oidc != nil {
		if err := s.meet(ctx, oidc); err != nil {
			return nil, err
		}
	}
	if cfg.Quotas, err = c.quotas(); err != nil {
		return nil, err
	}
	opened, err := c.open(t.Log)
	if err != nil {
		return nil, err
	}
	s.upstream, cfg.Proxies = opened.upstream, c.believed(opened)
	s.rpc = rpc.NewServer(cfg)
	s.closers = append(s.closers, func() error { s.rpc.Stop(); return nil })
	if c.runs("gateway") && !c.whole() {
		if s.signer, err = signer(c); err != nil {
			return nil, err
		}
	}
	if s.bus, err = s.openBus(ctx, c, opened.bus); err != nil {
		return nil, err
	}
	if err := s.addAll(ctx, c); err != nil {
		return nil, err
	}
	eventv1.RegisterAuditLogServiceServer(s.rpc, s.audit)
	if err := s.rpc.Check(); err != nil {
		return nil, err
	}
	if s.front, err = front.New(ctx, s.rpc, front.Config{Log: t.Log, TLS: opened.server, Origins: c.AllowOrigin, Proxies: cfg.Proxies, Traces: t.Traces}); err != nil {
		return nil, err
	}
	if s.pages != nil {
		s.front.Handle(s.pages.Pages())
	}
	return s, s.probe(ctx, c.HealthAddr)
}

// believed returns who is believed when they say where a call comes from: the proxies, and for
// services behind a gateway whoever has a certificate.
func (c *upCmd) believed(opened door) rpc.Proxies {
	if c.ClientCA == "" || c.runs("gateway") {
		return opened.proxies
	}
	return rpc.Proxies{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

// addAll adds the services of this process and, to a gateway, the doors to the others.
func (s *suite) addAll(ctx context.Context, c *upCmd) (err error) {
	for _, name := range services {
		if c.runs(name) {
			err = s.add(ctx, c, name)
		} else if c.runs("gateway") {
			err = s.forward(c, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add opens one service on its own database.
func (s *suite) add(ctx context.Context, c *upCmd, name string) error {
	db, err := s.open(ctx, c, name)
	if err != nil {
		return err
	}
	var svc service
	switch name {
	case "ticket":
		svc, err = ticket.New(ctx, db, ticket.Config{DeadLetters: s.dead})
		s.conns.Ticket = s.rpc.Local()
	case "survey":
		var key []byte
		if key, err = tokenKey(c); err == nil {
			svc, err = survey.New(ctx, db, survey.Config{TokenKey: key, DeadLetters: s.dead})
		}
		s.conns.Survey = s.rpc.Local()
		if !c.runs("journey") && !c.runs("gateway") { // which bring that one themselves
			eventv1.RegisterDeadLetterServiceServer(s.rpc, s.dead)
		}
	case "journey":
		var key []byte
		if key, err = identityKey(c); err == nil {
			svc, err = journey.New(ctx, db, journey.Config{IdentityKey: key, DeadLetters: s.dead})
		}
		s.conns.Journey = s.rpc.Local()
		eventv1.RegisterDeadLetterServiceServer(s.rpc, s.dead)
	case "gateway": // the last to come, so that it finds the others
		var key []byte
		if key, err = secretKey(c); err == nil {
			s.pages, err = gateway.New(ctx, db, s.conns, gateway.Config{SecretKey: key, OpenWebhooks: c.OpenWebhooks, DeadLetters: s.dead})
			svc = s.pages
		}
		if err == nil {
			s.rpc.Authenticate(s.pages.Callers)
		}
	}
	if err != nil {
		return err
	}
	svc.Register(s.rpc)
	log := audit.NewLog(db)
	s.audit.Add(name, log)
	s.run = append(
		s.run,
		func(ctx context.Context) error { return forget(ctx, db, s.log) },
		func(ctx context.Context) error { log.Work(ctx); return nil },
	)
	if w, ok := svc.(worker); ok {
		s.run = append(s.run, func(ctx context.Context) error { w.Work(ctx); return nil })
	}
	if r, ok := svc.(runner); ok && s.bus != nil {
		s.run = append(s.run, func(ctx context.Context) error { return r.Run(ctx, s.bus) })
	}
	return nil
}

// forward makes a gateway the door to a service that is elsewhere.
func (s *suite) forward(c *upCmd, name string) error {
	var (
		addr string
		to   *grpc.ClientConnInterface
		all  []*grpc.ServiceDesc
	)
	switch name {
	case "ticket":
		addr, to = c.TicketAddr, &s.conns.Ticket
		all = []*grpc.ServiceDesc{
			&ticketv1.TicketService_ServiceDesc, &ticketv1.InteractionService_ServiceDesc, &ticketv1.CatalogService_ServiceDesc,
			&ticketv1.DirectoryService_ServiceDesc, &ticketv1.SlaService_ServiceDesc, &ticketv1.SelfServiceService_ServiceDesc,
			&ticketv1.ServiceMetricsService_ServiceDesc, &ticketv1.OperationService_ServiceDesc,
		}
	case "survey":
		addr, to = c.SurveyAddr, &s.conns.Survey
		all = []*grpc.ServiceDesc{&surveyv1.SurveyService_ServiceDesc, &surveyv1.InvitationService_ServiceDesc, &surveyv1.ResponseService_ServiceDesc, &surveyv1.FeedbackService_ServiceDesc, &surveyv1.SurveyMetricsService_ServiceDesc}
	case "journey":
		addr, to = c.JourneyAddr, &s.conns.Journey
		all = []*grpc.ServiceDesc{
			&journeyv1.CustomerService_ServiceDesc, &journeyv1.TouchpointService_ServiceDesc, &journeyv1.JourneyMapService_ServiceDesc,
			&journeyv1.ScoringService_ServiceDesc, &journeyv1.OperationService_ServiceDesc, &journeyv1.InsightService_ServiceDesc,
			&journeyv1.SignalService_ServiceDesc, &eventv1.DeadLetterService_ServiceDesc,
		}
	}
	conn, err := rpc.Dial(addr, rpc.ClientConfig{Signer: s.signer, TLS: s.upstream, Traces: s.telemetry.Traces, Metrics: s.telemetry.Metrics})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, conn.Close)
	*to = conn
	for _, desc := range all {
		s.rpc.Forward(desc, conn)
	}
	return nil
}

// open opens the database of one service. A SQLite file is locked, so that two
// processes never write it.
func (s *suite) open(ctx context.Context, c *upCmd, service string) (*sqldb.DB, error) {
	url := c.url(service)
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		unlock, err := lock(path + ".lock")
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, unlock)
	}
	db, err := sqldb.OpenWith(ctx, url, c.connections())
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, db.Close)
	if err := c.fenced(ctx, db); err != nil {
		return nil, err
	}
	if err := sqldb.Own(ctx, db, service); err != nil {
		return nil, err
	}
	if c.Bus == "" {
		release, err := db.Exclusive(ctx)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, release)
	}
	return db, nil
}

// openBus opens the embedded bus of a whole suite, or the one at an address. A lone
// service without either keeps its events in its outbox until there is one.
func (s *suite) openBus(ctx context.Context, c *upCmd, by *tls.Config) (*bus.Bus, error) {
	cfg := bus.Config{URL: c.Bus, TLS: by, Log: s.log}
	if c.Bus == "" {
		if !c.whole() {
			s.log.Warn("no bus; events wait where they are", "services", c.names())
			return nil, nil
		}
		cfg.Dir = filepath.Join(c.Data, "bus")
		unlock, err := lock(cfg.Dir + ".lock")
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, unlock)
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	b, err := bus.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { b.Close(); return nil })
	return b, setting.Refuse(b.Inspect(ctx, c.names()))
}

// serve answers calls from lis until ctx ends, then lets those under way finish
// within the grace period, and closes the suite.
func (s *suite) serve(ctx context.Context, lis net.Listener, grace time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	s.front.SetReady(!s.unready)
	wait := s.work(ctx)
	defer func() {
		cancel()
		wait()
		s.close()
	}()
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		s.front.Shutdown(end)
	})
	time.AfterFunc(time.Second, settle)
	err := s.front.Serve(lis)
	if !stop() {
		<-over
	}
	return err
}

// work runs what goes on beside the calls, for all brands, until ctx ends. The function it
// returns waits for the end of it.
func (s *suite) work(ctx context.Context) (wait func()) {
	ctx = sqldb.ForAll(ctx)
	var wg sync.WaitGroup
	for _, run := range s.run {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("background work ended", "err", err)
			}
		})
	}
	return wg.Wait
}

// close releases what the suite holds, last opened first.
func (s *suite) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil {
			s.log.Error("close", "err", err)
		}
	}
	s.closers = nil
}

// forget removes old idempotency rows of db, an hour apart, until ctx ends.
func forget(ctx context.Context, db *sqldb.DB, log *slog.Logger) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		n, err := once.Forget(ctx, db)
		if err != nil && ctx.Err() == nil {
			log.Warn("forget old requests", "err", err)
		}
		if n == 1000 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
