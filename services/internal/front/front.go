package front

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/gen/openapi"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// Config holds what an operator may choose. The zero value works: it logs nothing and
// serves, without TLS, what is on this machine.
type Config struct {
	Log     *slog.Logger
	TLS     *tls.Config // nil: none, and only a loopback name reaches the server
	Origins []string    // of web pages that may call from elsewhere, such as https://app.example
	Proxies rpc.Proxies // whose word counts for whose calls they pass on
	Traces  trace.TracerProvider
}

// A Server serves gRPC, Connect, gRPC-Web and REST on one port.
type Server struct {
	rpc   *rpc.Server
	http  *http.Server
	mux   *http.ServeMux
	tls   *tls.Config
	ready atomic.Bool
}

// New returns a server of srv, whose services it puts on HTTP as well. It is not
// ready until [Server.SetReady].
func New(ctx context.Context, srv *rpc.Server, cfg Config) (*Server, error) {
	all := contractRoutes()
	api, err := rest(ctx, srv.Local(), all)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s := &Server{rpc: srv, mux: mux, tls: cfg.TLS}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }) //nolint:errcheck // the client went away
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /openapi.json", describe)
	mux.Handle("/v1/", all.bounded(watched(api)))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { noSuchPath(w) })
	mount(mux, srv.Local())
	handler := sane(mux)
	if cfg.Traces != nil {
		handler = &tracer{cfg.Traces, all, handler}
	}
	log := cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	s.http = &http.Server{
		Handler:           from(cfg.Proxies, &guard{local: cfg.TLS == nil, origins: cfg.Origins, next: handler}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Handle serves h at the paths of pattern, as [http.ServeMux.Handle] does. It is called
// before Serve.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Serve answers connections from lis until Shutdown. It returns the first error
// that is not part of an orderly end.
func (s *Server) Serve(lis net.Listener) error {
	if err := s.rpc.Check(); err != nil {
		lis.Close()
		return err
	}
	g, h := split(rpc.Limit(lis), s.tls)
	done := make(chan error, 2)
	go func() { done <- s.rpc.Serve(g) }()
	go func() { done <- s.http.Serve(h) }()
	var first error
	for range 2 {
		err := <-done
		switch {
		case errors.Is(err, http.ErrServerClosed), errors.Is(err, net.ErrClosed), errors.Is(err, grpc.ErrServerStopped):
			// it was told to end, if before it had begun
		case first == nil:
			first = err
		}
	}
	return first
}

// SetReady says whether /readyz and the gRPC health service answer yes.
func (s *Server) SetReady(ready bool) {
	s.ready.Store(ready)
	s.rpc.SetReady(ready)
}

// Shutdown stops taking calls, ends watches, lets other calls under way finish until
// ctx ends, and cuts the rest off.
func (s *Server) Shutdown(ctx context.Context) {
	s.SetReady(false)
	var wg sync.WaitGroup
	wg.Go(func() { s.rpc.GracefulStop(ctx) }) // which ends the watches that HTTP waits for
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	wg.Wait()
}

// describe answers with the OpenAPI document of the REST API.
func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(openapi.JSON()))
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n") //nolint:errcheck // the client went away
}
