package front

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// maxBody is how large a request may be: what a batch may be on gRPC.
const maxBody = 4 << 20

// A Server serves gRPC and HTTP on one port.
type Server struct {
	rpc   *rpc.Server
	http  *http.Server
	mux   *http.ServeMux
	ready atomic.Bool
}

// New returns a server of srv, whose services it puts on REST as well. It is not
// ready until [Server.SetReady].
func New(ctx context.Context, srv *rpc.Server, log *slog.Logger) (*Server, error) {
	api, err := rest(ctx, srv.Local())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s := &Server{rpc: srv, mux: mux}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }) //nolint:errcheck // the client went away
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("/v1/", bounded(api))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, codes.NotFound, "NO_SUCH_PATH", "no method is at this path")
	})
	s.http = &http.Server{
		Handler:           guarded(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
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
	g, h := split(rpc.Limit(lis))
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

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n") //nolint:errcheck // the client went away
}

// guarded keeps web pages of other sites away from a server that trusts its
// neighbors: a page may only reach it under a loopback name, and only from its
// own origin (DNS rebinding, cross-site requests).
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			refuse(w, http.StatusForbidden, codes.PermissionDenied, "FOREIGN_HOST", "this server answers to localhost only")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			refuse(w, http.StatusForbidden, codes.PermissionDenied, "FOREIGN_ORIGIN", "this server answers to pages of its own origin only")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback reports whether host, with or without a port, names this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// bounded refuses bodies that are no JSON or too large, before anything reads
// them as a message.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete && r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if charset := params["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
			refuse(w, http.StatusUnsupportedMediaType, codes.InvalidArgument, "NOT_JSON", "send application/json")
			return
		}
		if r.Header.Get("Content-Encoding") != "" {
			refuse(w, http.StatusUnsupportedMediaType, codes.InvalidArgument, "ENCODED", "send the body without a content encoding")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		switch {
		case tooLarge(err):
			refuse(w, http.StatusTooManyRequests, codes.ResourceExhausted, "TOO_LARGE", "the body is larger than 4 MiB")
			return
		case err != nil:
			refuse(w, http.StatusBadRequest, codes.InvalidArgument, "BAD_BODY", "the body cannot be read")
			return
		}
		if len(body) > 0 && !json.Valid(body) {
			refuse(w, http.StatusBadRequest, codes.InvalidArgument, "BAD_JSON", "the body is not one JSON value")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
