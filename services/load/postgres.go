package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// makeDatabases makes the databases prefix+name on the server at address and
// returns their URL with {service} for the name.
func makeDatabases(ctx context.Context, address, prefix string, names []string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the address of the PostgreSQL server is no URL")
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it is done
	for _, name := range names {
		for _, statement := range []string{"DROP DATABASE IF EXISTS ", "CREATE DATABASE "} {
			if _, err := conn.Exec(ctx, statement+prefix+name); err != nil {
				return "", err
			}
		}
	}
	u.Path = "/" + prefix + "SERVICE"
	return strings.Replace(u.String(), "SERVICE", "{service}", 1), nil
}

// fence has the owner migrate the databases of the suite at address, and returns the address
// under a role that may read and write their rows and no more. The server must let it in
// without a password.
func (l *lab) fence(ctx context.Context, address string) (string, error) {
	const role = "load_app"
	conn, err := pgx.Connect(ctx, l.postgres)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it is done
	if _, err := conn.Exec(ctx, `DO $$ BEGIN CREATE ROLE `+role+` LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, l.binary, "migrate", "--db", address, "--grant", role).CombinedOutput(); err != nil {
		return "", fmt.Errorf("migrate: %w: %s", err, out)
	}
	u, err := url.Parse(strings.Replace(address, "{service}", "SERVICE", 1))
	if err != nil {
		return "", err
	}
	u.User = url.User(role)
	return strings.Replace(u.String(), "SERVICE", "{service}", 1), nil
}

var (
	tps     = regexp.MustCompile(`tps = ([0-9.]+) \(without`)
	average = regexp.MustCompile(`latency average = ([0-9.]+) ms`)
	handled = regexp.MustCompile(`actually processed: ([0-9]+)`)
)

// pgbench is the limit of a create on PostgreSQL: PostgreSQL's own benchmark, of
// transactions that update one row, read it and insert another.
func (l *lab) pgbench(ctx context.Context) (path, error) {
	program, err := exec.LookPath("pgbench")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
		if len(found) == 0 {
			return nil, fmt.Errorf("%w: %w", errAbsent, err)
		}
		program = found[len(found)-1]
	}
	template, err := l.database(ctx, "pgbench")
	if err != nil {
		return nil, err
	}
	address := strings.Replace(template, "{service}", "pgbench", 1)
	if out, err := exec.CommandContext(ctx, program, "-i", "-q", "-s", "10", address).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgbench -i: %w: %s", err, out)
	}
	store, err := clusterAt(ctx, address)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, length time.Duration) (s sample, err error) {
		before, err := store.cpu()
		if err != nil {
			return s, err
		}
		seconds := strconv.Itoa(max(1, int(length.Seconds())))
		bench := exec.CommandContext(ctx, program, "-N", "-c", "16", "-j", "2", "-T", seconds, address)
		out, err := bench.CombinedOutput()
		if err != nil {
			return s, fmt.Errorf("pgbench: %w: %s", err, out)
		}
		if err := wait(ctx, 300*time.Millisecond); err != nil { // until its connections have ended
			return s, err
		}
		after, err := store.cpu()
		if err != nil {
			return s, err
		}
		var n float64
		for what, into := range map[*regexp.Regexp]*float64{tps: &s.Rate, average: &s.P50, handled: &n} {
			m := what.FindSubmatch(out)
			if m == nil {
				return s, fmt.Errorf("pgbench says %s", out)
			}
			if *into, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
				return s, err
			}
		}
		n = max(n, 1)
		s.Store = microseconds(after-before) / n
		s.Caller = microseconds(bench.ProcessState.UserTime()+bench.ProcessState.SystemTime()) / n
		return s, nil
	}, nil
}

// copyRows is the limit of ingest on PostgreSQL: four connections that COPY the same
// rows into the same table, a thousand at a time.
func (l *lab) copyRows(ctx context.Context) (path, error) {
	template, err := l.database(ctx, "copy")
	if err != nil {
		return nil, err
	}
	address := strings.Replace(template, "{service}", "copy", 1)
	if err := migrate(ctx, address); err != nil {
		return nil, err
	}
	const streams = 4
	idle := make(chan *pgx.Conn, streams)
	for range streams {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, func() error { return conn.Close(context.Background()) })
		idle <- conn
	}
	store, err := clusterAt(ctx, address)
	if err != nil {
		return nil, err
	}
	lp := loop{callers: streams, weight: batchSize, store: store, op: func(ctx context.Context, n int64) error {
		conn := <-idle
		defer func() { idle <- conn }()
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"touchpoint"}, columns(rawColumns),
			pgx.CopyFromSlice(batchSize, func(i int) ([]any, error) { return rawRow(n, i), nil }))
		return err
	}}
	return func(ctx context.Context, length time.Duration) (sample, error) {
		return lp.measure(ctx, length, &l.counter)
	}, nil
}

// columns takes a list of columns apart.
func columns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
}
