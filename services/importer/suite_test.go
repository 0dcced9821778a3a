package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

// serve runs the four services on the databases in dir, without a socket, until the
// function it returns is called. Without events nothing passes between them.
func serve(ctx context.Context, dir string, events bool) (srv *rpc.Server, stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var (
		wg      sync.WaitGroup
		closers []func() error
	)
	stop = func() error {
		cancel()
		wg.Wait()
		var first error
		for i := len(closers) - 1; i >= 0; i-- {
			if err := closers[i](); err != nil && first == nil {
				first = err
			}
		}
		return first
	}
	quiet := slog.New(slog.DiscardHandler)
	srv = rpc.NewServer(rpc.Config{Log: quiet})
	b, err := bus.Open(ctx, bus.Config{Dir: filepath.Join(dir, "bus"), Log: quiet})
	if err != nil {
		return srv, stop, err
	}
	closers = append(closers, func() error { b.Close(); return nil })
	dbs := map[string]*sqldb.DB{}
	for _, name := range []string{"ticket", "survey", "journey", "gateway"} {
		if dbs[name], err = sqldb.Open(ctx, "sqlite:"+filepath.Join(dir, name+".db")); err != nil {
			return srv, stop, err
		}
		closers = append(closers, dbs[name].Close)
	}
	conn := srv.Local()
	t, err := ticket.New(ctx, dbs["ticket"], ticket.Config{})
	if err != nil {
		return srv, stop, err
	}
	s, err := survey.New(ctx, dbs["survey"], survey.Config{})
	if err != nil {
		return srv, stop, err
	}
	j, err := journey.New(ctx, dbs["journey"], journey.Config{})
	if err != nil {
		return srv, stop, err
	}
	g, err := gateway.New(ctx, dbs["gateway"], gateway.Upstreams{Ticket: conn, Survey: conn, Journey: conn}, gateway.Config{})
	if err != nil {
		return srv, stop, err
	}
	for _, svc := range []interface{ Register(grpc.ServiceRegistrar) }{t, s, j, g} {
		svc.Register(srv)
	}
	wg.Go(func() { t.Work(ctx) })
	wg.Go(func() { s.Work(ctx) })
	for _, run := range []func(context.Context, *bus.Bus) error{t.Run, s.Run, j.Run} {
		if !events {
			break
		}
		wg.Go(func() { _ = run(ctx, b) }) // ends with ctx
	}
	return srv, stop, srv.Check()
}

// suite is serve for one test.
func suite(t *testing.T, dir string, events bool) *rpc.Server {
	t.Helper()
	srv, stop, err := serve(t.Context(), dir, events)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// start returns a way to new services that stays in the process. They send no events:
// what an import is answered does not depend on them.
func start(t *testing.T) grpc.ClientConnInterface {
	t.Helper()
	return suite(t, t.TempDir(), false).Local()
}

// wire returns a way to new services over a socket, as the command has it.
func wire(t *testing.T) grpc.ClientConnInterface {
	t.Helper()
	srv := suite(t, t.TempDir(), false)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(lis) //nolint:errcheck // ends with Stop
	t.Cleanup(srv.Stop)
	srv.SetReady(true)
	conn, err := rpc.Dial(lis.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// root returns the root of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("there is no go.work above this folder")
	return ""
}

// shared returns the folder of the sample data, which is no part of the repository,
// and skips the test where that folder is absent.
func shared(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root(t), "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "expected.json")); err != nil {
		t.Skipf("SKIPPED: no sample data at %s; it is not published with this repository", dir)
	}
	return dir
}

// expected reads what an independent program found in a set of the sample data.
func expected(t *testing.T, set string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared(t), "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	// Keys of the file have commas in them, which no field tag can name.
	text = bytes.ReplaceAll(text, []byte("[n,mean,csat_4_5]_by_channel"), []byte("by_channel"))
	text = bytes.ReplaceAll(text, []byte("by_airline_[n,negative_rate]"), []byte("by_airline"))
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[set], into); err != nil {
		t.Fatal(err)
	}
}
