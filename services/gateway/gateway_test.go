package gateway_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

var secretKey = []byte("of all replicas, and for no other")[:gateway.SecretKeySize]

// migrated has the schema of the gateway.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := gateway.New(ctx, db, gateway.Upstreams{}, gateway.Config{})
	return err
})

// A door is a gateway as others see it, behind which there is no service.
type door struct {
	grpc.ClientConnInterface

	db  *sqldb.DB
	bus *bus.Bus
}

// each runs f on both databases, over a socket.
func each(t *testing.T, f func(t *testing.T, d door)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		f(t, door{serve(t, db, b), db, b})
	})
}

// serve starts a replica of the gateway on db. Its webhooks go to servers of the test.
func serve(t *testing.T, db *sqldb.DB, b *bus.Bus) grpc.ClientConnInterface {
	t.Helper()
	g, err := gateway.New(t.Context(), db, gateway.Upstreams{}, gateway.Config{SecretKey: secretKey, OpenWebhooks: true})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{})
	g.Register(srv)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	lis, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(lis) //nolint:errcheck // it ends with the test
	t.Cleanup(srv.Stop)
	background(t, func(ctx context.Context) { g.Work(ctx) })
	background(t, func(ctx context.Context) {
		if err := g.Run(ctx, b); err != nil {
			t.Error(err)
		}
	})
	conn, err := rpc.Dial(lis.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// background runs f until the test ends, and waits for it.
func background(t *testing.T, f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// tell returns a function that tells of events as a service does.
func (d door) tell(t *testing.T, service string) func(...*eventv1.Event) {
	t.Helper()
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	if err := bus.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	outbox := bus.NewOutbox(db)
	background(t, func(ctx context.Context) {
		if err := d.bus.Relay(ctx, service, outbox); err != nil {
			t.Error(err)
		}
	})
	return func(events ...*eventv1.Event) {
		t.Helper()
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, e := range events {
				outbox.Emit(tx, e)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until f holds, half a minute at most.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint("not in time: ", what))
		}
		<-time.After(5 * time.Millisecond)
	}
}
