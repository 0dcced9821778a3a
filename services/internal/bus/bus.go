// Package bus carries events from one service to the others.
//
// A service writes what it has to tell into its outbox, in the transaction of
// the change ([Outbox.Emit]). Its relay ([Bus.Relay]) publishes the rows to the
// service's own JetStream stream, and each consumer ([Bus.Consume]) applies them
// together with a row in its inbox, in one transaction. Every event is
// delivered at least once, in any order, and has its effect once.
//
// The outbox is the record and JetStream only the doorbell: whatever a stream
// loses, up to its whole store, the relay sends again. See [relay.check] for why
// that is safe. The limit is a week: a consumer that stays away for longer, or a
// stream that is lost when its rows are older, misses events.
//
// An event that cannot be applied is put aside as a dead letter, and later
// events of its key wait behind it; events of other keys go on.
package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// keep is how long a stream holds an event, and the outbox one that was sent.
	keep = 7 * 24 * time.Hour
	// remember is how long the inbox knows an event: longer than the outbox may
	// send it again and the stream then holds it.
	remember = 2*keep + 24*time.Hour

	pruneEvery = time.Minute
	pruneBatch = 1000 // rows a transaction

	shortPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
)

// Config says where the bus is.
type Config struct {
	URL string       // of a NATS cluster, nats://host:port; several with commas. Empty: a server in this process
	TLS *tls.Config  // to the cluster; nil: as its servers ask for, by the authorities of the system
	Dir string       // the store of the server in this process
	Log *slog.Logger // nil: slog.Default()
}

// A Bus is the way to the streams. It is safe for concurrent use.
type Bus struct {
	log    *slog.Logger
	url    string
	tls    *tls.Config
	server *server.Server // in this process; nil with a URL
}

// Open starts the server in this process, or does nothing yet with a URL: the
// bus may be out of reach for any time, and Relay and Consume wait for it.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	b := &Bus{log: cfg.Log, url: cfg.URL, tls: cfg.TLS}
	if b.log == nil {
		b.log = slog.Default()
	}
	if cfg.URL != "" {
		return b, nil
	}
	s, err := startServer(ctx, cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	b.server = s
	return b, nil
}

// Close stops the server in this process, if there is one. End what Relay and
// Consume do first.
func (b *Bus) Close() {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}

func startServer(ctx context.Context, dir string) (*server.Server, error) {
	if dir == "" {
		return nil, errors.New("the store of the server needs a folder")
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "concentric", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	for until := time.Now().Add(30 * time.Second); !s.ReadyForConnections(100 * time.Millisecond); {
		if ctx.Err() != nil || time.Now().After(until) || !s.Running() {
			s.Shutdown()
			return nil, errors.Join(errors.New("the server in this process does not start"), ctx.Err())
		}
	}
	return s, nil
}

// sessions runs f on one connection after another until ctx ends. A connection
// never reconnects by itself, so f begins by looking at what has changed.
func (b *Bus) sessions(ctx context.Context, who string, f func(context.Context, jetstream.JetStream) error) {
	pause, said := shortPause, ""
	for ctx.Err() == nil {
		begin := time.Now()
		err := b.session(ctx, f)
		if ctx.Err() != nil {
			return
		}
		if text := fmt.Sprint(err); text != said {
			b.log.WarnContext(ctx, "the bus is out of reach or lost; trying again", "who", who, "err", err)
			said = text
		}
		if time.Since(begin) > longPause {
			pause, said = shortPause, ""
		}
		sleep(ctx, pause)
		pause = min(2*pause, longPause)
	}
}

// session runs f on a new connection and cancels its context when that ends.
func (b *Bus) session(ctx context.Context, f func(context.Context, jetstream.JetStream) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options := []nats.Option{
		nats.Name("concentric"), nats.NoReconnect(), nats.Timeout(2 * time.Second),
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.DebugContext(ctx, "the connection to the bus has trouble", "err", err) // whoever minds hears it too
		}),
		nats.ClosedHandler(func(c *nats.Conn) { cancel(errors.Join(nats.ErrConnectionClosed, c.LastError())) }),
	}
	if b.server != nil {
		options = append(options, nats.InProcessServer(b.server))
	}
	if b.tls != nil {
		options = append(options, nats.Secure(b.tls))
	}
	conn, err := nats.Connect(b.url, options...)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(5*time.Second),
		jetstream.WithPublishAsyncMaxPending(2*relayBatch), jetstream.WithPublishAsyncTimeout(5*time.Second))
	if err != nil {
		return err
	}
	err = f(ctx, js)
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	conn.FlushTimeout(time.Second) //nolint:errcheck,gosec // for the last acknowledgements; they are a courtesy
	return err
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
