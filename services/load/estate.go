package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	natsserver "github.com/nats-io/nats-server/v2/server"
)

// An estate is services apart, each on a PostgreSQL database of its own, with a NATS
// server in this process between them.
type estate struct {
	lab      *lab
	url      string // of the databases, with {service} for the name
	store    cluster
	bus      *natsserver.Server
	keys     string // the folder whose keys all replicas take
	replicas map[string][]*server
	stops    []func() error
}

// newEstate makes empty databases and a bus for the services named.
func (l *lab) newEstate(ctx context.Context, services ...string) (_ *estate, err error) {
	e := &estate{lab: l, replicas: map[string][]*server{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.url, err = l.database(ctx, services...); err != nil {
		return nil, err
	}
	if e.store, err = clusterAt(ctx, l.postgres); err != nil {
		return nil, err
	}
	if e.keys, err = os.MkdirTemp(l.dir, "estate-"); err != nil {
		return nil, err
	}
	e.bus, err = natsserver.NewServer(&natsserver.Options{
		ServerName: "load", Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: filepath.Join(e.keys, "bus"),
	})
	if err != nil {
		return nil, err
	}
	e.bus.Start()
	e.stops = append(e.stops, func() error { e.bus.Shutdown(); e.bus.WaitForShutdown(); return nil })
	if !e.bus.ReadyForConnections(30 * time.Second) {
		return nil, errors.New("the NATS server does not start")
	}
	return e, nil
}

// add starts one more replica of a service.
func (e *estate) add(ctx context.Context, service string) (*server, error) {
	c, err := e.lab.spawn(ctx, e.lab.binary, "up", service, "--addr", "127.0.0.1:0", "--data", e.keys,
		"--db", e.url, "--bus", e.bus.ClientURL())
	if err != nil {
		return nil, err
	}
	e.stops = append(e.stops, c.stop)
	s, err := dial(c)
	if err != nil {
		return nil, err
	}
	e.stops = append(e.stops, s.close)
	e.replicas[service] = append(e.replicas[service], s)
	return s, nil
}

// close stops everything, last first.
func (e *estate) close() error {
	var errs []error
	for i := len(e.stops) - 1; i >= 0; i-- {
		errs = append(errs, e.stops[i]())
	}
	e.stops = nil
	return errors.Join(errs...)
}

// cpu returns the processor time that the replicas of a service have used.
func (e *estate) cpu(service string) (sum time.Duration, err error) {
	for _, s := range e.replicas[service] {
		used, err := s.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// number asks the database of a service for one number.
func (e *estate) number(ctx context.Context, service, query string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, strings.Replace(e.url, "{service}", service, 1))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it is done
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("ask %s: %w", service, err)
	}
	return n, nil
}

// until asks the database of a service ten times a second, until the answer is want.
func (e *estate) until(ctx context.Context, service, query string, want int64) error {
	for {
		n, err := e.number(ctx, service, query)
		if err != nil || n == want {
			return err
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%s has %d of %d: %w", service, n, want, err)
		}
	}
}
