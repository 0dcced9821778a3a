// Package rpc builds the gRPC servers and clients of the suite, so that what
// every call must pass is decided once: see [Server] for the order. A service
// registers its handlers and finds requests that are well-formed, allowed and
// bounded in time; what a handler returns beside a fault stays in the log.
package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // so that clients may compress batches
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"

	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/quota"
)

// Limits of a server. A batch may be four times as large as any other request.
const (
	maxMessage     = 1 << 20
	maxBatch       = 4 << 20
	maxAnswer      = 8 << 20
	maxConnections = 4096

	// DefaultMaxStreams is how many watches a server handles at a time if nobody chose.
	DefaultMaxStreams = 4096
	// perProcessor is how many calls it handles for each processor, which are never fewer than two:
	// with 512 on one of them what is refused waits behind so many goroutines that it takes twice as long.
	perProcessor = 128
)

// Config holds what an operator may choose. The zero value works: it logs
// nothing, records no telemetry and takes every caller for the local one.
type Config struct {
	Log         *slog.Logger
	Auth        Authenticator // nil: every caller may do everything; for loopback only
	MaxInFlight int           // calls handled at a time, and a quarter more of brands that have few; 0: 128 for each processor, at least 256
	MaxStreams  int           // watches served beside them, likewise; 0: DefaultMaxStreams
	Quotas      *quota.Quotas // of callers bound to a brand; nil: none
	Proxies     Proxies       // whose word counts for whose calls they pass on
	Workers     int           // goroutines that live as long as the server, for the first calls at a time; the others get one each
	Traces      trace.TracerProvider
	Metrics     metric.MeterProvider

	// Denied hears of calls of audited methods by callers who are known, but not allowed to.
	// It must not block. Nil if nobody wants to know.
	Denied func(method string, c audit.Call)
}

// A Server answers gRPC on sockets and, through [Server.Local], inside the
// process. Each registered method is wrapped, so both ways pass the same checks,
// in this order:
//
//  1. The outcome is logged once, if it is the server's fault, and errors that
//     are not meant for callers lose their text. It comes first to see what every
//     other step says.
//  2. A panic becomes INTERNAL, whichever step or handler it comes from.
//  3. Calls over the limit are refused before anything is spent on them, the
//     reading of their message included.
//  4. The deadline is bounded, so that the steps below end in time too. Watches
//     have none but their client's; clients that are silent or do not read are cut
//     off all the same.
//  5. The caller is identified and must hold the method's scope, still without
//     reading the message: a stranger cannot make the server decode anything. Brands
//     have quotas, and share the places for calls fairly.
//  6. The message is read, its request_id brought into one form, and everything
//     that the contract says about it is checked. This says nothing about what is
//     stored, so a malformed name is INVALID_ARGUMENT for everyone.
//  7. The brand of the now well-formed request must be the caller's, and every
//     reference in it must be of that brand; others do not exist.
//
// Of messages that a client streams and gets one answer for, the last two steps only
// look for another brand: their handler answers for each with a [Validator].
//
// Health and reflection pass the first two only: probes must be answered under
// load. Register all services before the first call.
type Server struct {
	log   *slog.Logger
	auth  Authenticator
	grpc  *grpc.Server
	local inprocgrpc.Channel     // for streams inside the process
	unary map[string]localMethod // for the other calls there, by full name

	serverStats, callerStats stats.Handler // of those; nil if nobody looks

	guesses   guesses
	health    *health.Server
	limit     places
	shed      shed
	denied    func(string, audit.Call)
	quotas    *quota.Quotas // nil without any
	proxies   Proxies
	charged   charged
	streams   places                                // of watches: they last, and mostly wait
	relayed   map[grpc.ClientConnInterface]*limiter // of streams that go on over a connection
	validator *Validator
	methods   map[string]*method // by full name, infrastructure excluded
	stopping  context.Context    // ends when the server is asked to stop
	stop      context.CancelFunc
	errs      []error // what speaks against serving

	mu       sync.Mutex
	ready    bool
	services []string
}

// NewServer returns a server that is ready as soon as it serves.
func NewServer(cfg Config) *Server {
	s := &Server{
		log:       cfg.Log,
		auth:      cfg.Auth,
		denied:    cfg.Denied,
		quotas:    cfg.Quotas,
		proxies:   cfg.Proxies,
		health:    health.NewServer(),
		validator: NewValidator(),
		methods:   map[string]*method{},
		unary:     map[string]localMethod{},
		relayed:   map[grpc.ClientConnInterface]*limiter{},
		ready:     true,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.auth == nil {
		s.auth = everyone
	}
	s.health.SetServingStatus("live", serving(true))
	s.health.SetServingStatus("ready", serving(true))
	s.limit.size(cmp.Or(cfg.MaxInFlight, perProcessor*max(2, runtime.GOMAXPROCS(0))))
	s.streams.size(cmp.Or(cfg.MaxStreams, DefaultMaxStreams))
	s.stopping, s.stop = context.WithCancel(context.Background())
	opts := append(settings(), grpc.NumStreamWorkers(uint32(max(cfg.Workers, 0))), grpc.InTapHandle(s.tap)) //nolint:gosec // a few
	if cfg.Traces != nil || cfg.Metrics != nil {
		opts = append(opts, grpc.StatsHandler(serverStats(cfg.Traces, cfg.Metrics, s.known)))
		s.serverStats, s.callerStats = serverStats(cfg.Traces, cfg.Metrics, s.known), clientStats(cfg.Traces, nil, s.known) // the server measures
		s.local.WithServerStatsHandler(s.serverStats)
		s.local.WithClientStatsHandler(s.callerStats)
	}
	if cfg.Metrics != nil {
		if err := s.measure(cfg.Metrics); err != nil {
			s.errs = append(s.errs, err)
		}
	}
	s.local.WithCloner(cloner{})
	s.grpc = grpc.NewServer(opts...)
	healthv1.RegisterHealthServer(infrastructure{s}, s.health)
	if cfg.Auth == nil {
		reflection.Register(infrastructure{s})
	}
	return s
}

// settings returns the options of every server.
func settings() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxBatch), // the codec holds all but batches to maxMessage
		grpc.MaxSendMsgSize(maxAnswer),
		grpc.MaxConcurrentStreams(250),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     15 * time.Minute,
			MaxConnectionAge:      10 * time.Minute, // so that clients find new replicas
			MaxConnectionAgeGrace: maxStream,        // so that none is cut off; watches resume
			Time:                  30 * time.Second,
			Timeout:               10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             15 * time.Second,
			PermitWithoutStream: true,
		}),
		grpc.WaitForHandlers(true),
	}
}

// RegisterService adds a service and wraps its methods. [Server.Check] reports
// what is wrong with it. It panics where [grpc.Server.RegisterService] would exit.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	wrapped, err := s.wrap(desc)
	if err != nil {
		s.errs = append(s.errs, err)
	}
	if g, ok := impl.(Glancer); ok {
		for _, md := range desc.Methods {
			s.methods["/"+desc.ServiceName+"/"+md.MethodName].plain = g.Plain
		}
	}
	s.registerLocal(wrapped, impl) // panics on a wrong impl or a second one
	s.grpc.RegisterService(wrapped, impl)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services = append(s.services, desc.ServiceName)
	s.health.SetServingStatus(desc.ServiceName, serving(s.ready))
}

// registerLocal adds a service whose methods are wrapped to those inside the process.
func (s *Server) registerLocal(desc *grpc.ServiceDesc, impl any) {
	s.local.RegisterService(desc, impl)
	for _, md := range desc.Methods {
		s.unary["/"+desc.ServiceName+"/"+md.MethodName] = localMethod{impl, md.Handler}
	}
}

// Authenticate puts what wrap makes of the server's Authenticator in its place, for a
// service that knows callers of its own. Call it before the first call.
func (s *Server) Authenticate(wrap func(Authenticator) Authenticator) { s.auth = wrap(s.auth) }

// Check returns an error that names every registered method whose contract does
// not say which scope it needs.
func (s *Server) Check() error { return errors.Join(s.errs...) }

// Serve answers calls on lis until Stop or GracefulStop, and then returns nil. It
// serves nothing if Check fails. It closes lis.
func (s *Server) Serve(lis net.Listener) error {
	if err := s.Check(); err != nil {
		return errors.Join(fmt.Errorf("serve: %w", err), lis.Close())
	}
	return s.grpc.Serve(Limit(lis))
}

// Stop cuts all calls off and waits for their handlers to return.
func (s *Server) Stop() {
	s.retire()
	s.grpc.Stop()
}

// GracefulStop says it is not ready, takes no new calls, ends watches and streams that
// go both ways and waits for other calls under way, until ctx ends; then it cuts them
// off. Calls from inside the process are for those who make them to wait for, but their
// watches and streams end too.
func (s *Server) GracefulStop(ctx context.Context) {
	s.retire()
	cut := context.AfterFunc(ctx, s.grpc.Stop)
	defer cut()
	s.grpc.GracefulStop()
}

// retire ends for good what would outlast every other call.
func (s *Server) retire() {
	s.health.Shutdown()
	s.stop()
}

// SetReady says on the health service whether calls are welcome, for the server
// as a whole, also called ready, and for each of its services. It refuses no calls.
func (s *Server) SetReady(ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
	s.health.SetServingStatus("", serving(ready))
	s.health.SetServingStatus("ready", serving(ready))
	for _, name := range s.services {
		s.health.SetServingStatus(name, serving(ready))
	}
}

func serving(ready bool) healthv1.HealthCheckResponse_ServingStatus {
	if ready {
		return healthv1.HealthCheckResponse_SERVING
	}
	return healthv1.HealthCheckResponse_NOT_SERVING
}

// infrastructure registers health and reflection, whose methods need no scope.
type infrastructure struct{ *Server }

// RegisterService shadows that of the server.
func (i infrastructure) RegisterService(desc *grpc.ServiceDesc, impl any) {
	wrapped := i.wrapOpen(desc)
	i.registerLocal(wrapped, impl)
	i.grpc.RegisterService(wrapped, impl)
}

// GetServiceInfo lists what reflection may show.
func (i infrastructure) GetServiceInfo() map[string]grpc.ServiceInfo {
	return i.grpc.GetServiceInfo()
}
