package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A usage is what the system knows about a process: the processor time that it has
// used itself, and that of children that have ended.
type usage struct {
	name        string
	parent      int
	self, ended time.Duration
}

// usageOf returns the usage of a process.
func usageOf(pid int) (u usage, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	front, rest, _ := strings.Cut(string(b), ") ") // the name before may hold anything else
	_, u.name, _ = strings.Cut(front, "(")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return u, errors.New("read processor time: unknown format")
	}
	if u.parent, err = strconv.Atoi(fields[1]); err != nil {
		return u, fmt.Errorf("read processor time: %w", err)
	}
	for i, to := range []*time.Duration{&u.self, &u.self, &u.ended, &u.ended} {
		ticks, err := strconv.ParseInt(fields[11+i], 10, 64) // of a hundredth of a second
		if err != nil {
			return u, fmt.Errorf("read processor time: %w", err)
		}
		*to += time.Duration(ticks) * 10 * time.Millisecond
	}
	return u, nil
}

// own returns the processor time that this process has used.
func own() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A cluster is a PostgreSQL server by the process that started all others of it, 0 if
// it is not on this machine.
type cluster int

// clusterAt returns the cluster at address.
func clusterAt(ctx context.Context, address string) (cluster, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it is done
	backend := int(conn.PgConn().PID())
	u, err := usageOf(backend)
	if err != nil || u.name != "postgres" {
		return 0, nil //nolint:nilerr // it has another system's process ids
	}
	return cluster(u.parent), nil
}

// cpu returns the processor time that the server has used for its clients. What runs
// in the background is left out: it also works off what earlier paths have left.
func (c cluster) cpu() (time.Duration, error) {
	if c == 0 {
		return 0, nil
	}
	u, err := usageOf(int(c))
	if err != nil {
		return 0, err
	}
	sum := u.self + u.ended
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, stat := range stats {
		dir := filepath.Dir(stat)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		u, err := usageOf(pid)
		if err != nil || u.parent != int(c) {
			continue // another's, or it has just ended
		}
		title, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err == nil && (len(title) == 0 || served.Match(title)) { // without a title it has ended
			sum += u.self
		}
	}
	return sum, nil
}

// served matches what a process of PostgreSQL calls itself that serves a client.
var served = regexp.MustCompile(`\([0-9]+\) |\[local\]`)
