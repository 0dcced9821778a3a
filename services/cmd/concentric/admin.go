package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/reflection"

	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/setting"
)

// looks are the flags that say how a process is looked into. Both are off unless given.
type looks struct {
	AdminAddr   string `help:"Loopback address of /metrics, /debug/pprof and gRPC's channelz. None if empty." placeholder:"HOST:PORT"`
	MetricsAddr string `help:"Address of /metrics alone, without TLS, for a Prometheus elsewhere: it shows figures of the process, and of no brand. None if empty." placeholder:"HOST:PORT"`
}

// scraped reports whether somebody wants metrics.
func (l looks) scraped() bool { return l.AdminAddr != "" || l.MetricsAddr != "" }

// looked says who can look into the process.
func (c *upCmd) looked(ctx context.Context) []setting.Setting {
	var all []setting.Setting
	if c.AdminAddr != "" {
		s := c.named("admin-addr", reach(ctx, c.AdminAddr, false))
		if s.Name = "admin address"; s.State == setting.Unsafe {
			s.Advice = "profiles tell what the process holds: give it an address on this machine's loopback, and --metrics-addr to a Prometheus elsewhere"
		}
		all = append(all, s)
	}
	if c.MetricsAddr != "" {
		s := c.named("metrics-addr", reach(ctx, c.MetricsAddr, true))
		s.Name, s.Value = "metrics address", c.MetricsAddr
		all = append(all, s)
	}
	return all
}

// show serves what the flags ask for until the function it returns is called. scrape
// answers /metrics.
func (l looks) show(ctx context.Context, scrape http.Handler) (stop func(), err error) {
	var shown []*http.Server
	stop = func() {
		var wg sync.WaitGroup
		for _, srv := range shown {
			wg.Go(func() { srv.Close() }) //nolint:errcheck // there is nobody to tell
		}
		wg.Wait()
	}
	for _, one := range []struct {
		flag, addr, what string
		handler          func() http.Handler
	}{
		{"--admin-addr", l.AdminAddr, "can be looked into", func() http.Handler { return inside(scrape) }},
		{"--metrics-addr", l.MetricsAddr, "is measured", func() http.Handler { return figures(scrape) }},
	} {
		if one.addr == "" {
			continue
		}
		var config net.ListenConfig
		lis, err := config.Listen(ctx, "tcp", one.addr)
		if err != nil {
			stop()
			return nil, fmt.Errorf("%s: %w", one.flag, err)
		}
		srv := &http.Server{Handler: one.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, Protocols: &http.Protocols{}}
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true) // which gRPC speaks
		shown = append(shown, srv)
		go srv.Serve(rpc.Limit(lis)) //nolint:errcheck // it ends when it is closed
		fmt.Fprintf(os.Stderr, "concentric %s on http://%s/metrics\n", one.what, lis.Addr())
	}
	return stop, nil
}

// figures returns the handler of the metrics address.
func figures(scrape http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/metrics", scrape)
	return mux
}

// inside returns the handler of the admin address. Pages of other sites, which may reach it
// by a name of their own, see nothing.
func inside(scrape http.Handler) http.Handler {
	mux := figures(scrape)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	calls := grpc.NewServer()
	channelz.RegisterChannelzServiceToServer(calls)
	reflection.Register(calls)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !onLoopback(r.Host) || r.Header.Get("Origin") != "":
			http.Error(w, "this address answers to localhost only", http.StatusMisdirectedRequest)
		case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			calls.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// onLoopback reports whether a host, with or without a port, is this machine's loopback.
func onLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
