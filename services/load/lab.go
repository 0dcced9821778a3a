package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A path is something whose speed is measured.
type path func(ctx context.Context, length time.Duration) (sample, error)

// A round holds the sample of each path by its name.
type round map[string]sample

// A lab is where paths are measured. What they need is started when the first of
// them is made.
type lab struct {
	options
	dir     string
	counter atomic.Int64
	servers map[string]*server // by what they are
	benches map[string]string  // what Go benchmarks said
	last    map[string]sample  // of each path
	spent   *profile           // nil unless somebody wants one
	closers []func() error

	databases int // how often some were made
}

// newLab builds the suite, unless there is a binary of it.
func newLab(ctx context.Context, o options) (*lab, error) {
	dir, err := os.MkdirTemp("", "concentric-load-")
	if err != nil {
		return nil, err
	}
	l := &lab{options: o, dir: dir, servers: map[string]*server{}, benches: map[string]string{}, last: map[string]sample{}}
	l.closers = append(l.closers, func() error { return os.RemoveAll(dir) })
	if l.profile != "" {
		if l.spent, err = newProfile(dir); err != nil {
			l.close()
			return nil, err
		}
	}
	if l.binary == "" {
		l.binary = filepath.Join(dir, "concentric")
		build := exec.CommandContext(ctx, "go", "build", "-pgo=auto", "-trimpath", "-ldflags", "-s -w", "-o", l.binary,
			"github.com/concentric-cx/concentric/services/cmd/concentric")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			l.close()
			return nil, fmt.Errorf("build the suite: %w: %s", err, out)
		}
	}
	return l, nil
}

// spawn starts a server, whose profile counts if somebody wants one.
func (l *lab) spawn(ctx context.Context, binary string, args ...string) (*child, error) {
	c, err := spawn(ctx, binary, args...)
	if err == nil && l.spent != nil && c.inside() != "" {
		go l.spent.follow(ctx, c)
	}
	return c, err
}

// close stops what was started, last first.
func (l *lab) close() {
	for i := len(l.closers) - 1; i >= 0; i-- {
		if err := l.closers[i](); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
		}
	}
}

// measure runs the paths of the gates, warm, round by round.
func (l *lab) measure(ctx context.Context, gates []gate) ([]round, error) {
	names := paths(gates)
	all := map[string]path{}
	for _, name := range names {
		p, err := l.path(ctx, name)
		if errors.Is(err, errAbsent) {
			fmt.Fprintf(os.Stderr, "load: no %s: %v\n", name, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", name, err)
		}
		all[name] = p
	}
	var rounds []round
	for n := range l.rounds + 1 { // the first only warms
		r := round{}
		for _, name := range names {
			if all[name] == nil {
				continue
			}
			length := l.length
			if n == 0 {
				length /= 4
			}
			s, err := all[name](ctx, length)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", name, err)
			}
			s.Path = name
			l.last[name] = s
			r[name] = s
		}
		if n > 0 {
			rounds = append(rounds, r)
			fmt.Fprintf(os.Stderr, "load: round %d of %d\n", n, l.rounds)
		}
	}
	return rounds, nil
}

// errAbsent is why a path is left out: this machine has not what it needs.
var errAbsent = errors.New("not on this machine")

// path returns the path that a gate names: what is called, by how many callers, and
// on which database if it is not SQLite.
func (l *lab) path(ctx context.Context, name string) (path, error) {
	switch name {
	case "start":
		return l.start, nil
	case "raw rows":
		return l.rawRows(ctx)
	case "pgbench 16":
		return l.pgbench(ctx)
	case "copy 4 postgres":
		return l.copyRows(ctx)
	case "raw answers 16 postgres":
		return l.rawAnswers(ctx)
	}
	if strings.HasPrefix(name, benched) {
		return l.bench(ctx, name)
	}
	if of, ok := strings.CutPrefix(name, "flood "); ok {
		return l.flood(ctx, of)
	}
	if strings.HasPrefix(name, "view ") {
		return l.viewPath(ctx, name)
	}
	what, callers, where := "", 0, ""
	for word := range strings.FieldsSeq(name) {
		if n, err := fmt.Sscan(word, &callers); n == 1 && err == nil {
			continue
		}
		if callers == 0 {
			what = strings.TrimSpace(what + " " + word)
		} else {
			where = word
		}
	}
	of, kind := what, "suite"
	if rest, ok := strings.CutPrefix(what, "echo "); ok {
		switch of, kind = "create", rest; rest {
		case "score":
			of, kind = "score", bare
		case "answers":
			of, kind = "submit", checked
		}
	}
	apart := what == "create" && (where == "blind" || where == "client") // as a flood of them
	if apart {
		kind = suiteApart
	}
	if where == "postgres" || strings.HasPrefix(where, "fresh") || strings.HasPrefix(where, "grown") {
		kind = "suite on " + where
	}
	s, err := l.server(ctx, kind)
	if err != nil {
		return nil, err
	}
	if apart { // over as many connections as a flood comes, or that would be what is compared
		if err := s.reach(maxOpen); err != nil {
			return nil, err
		}
	}
	lp, err := s.loop(ctx, of, where, callers)
	if err != nil {
		return nil, err
	}
	if age, _, _ := strings.Cut(where, "-"); age == "grown" {
		if err := l.grow(ctx, lp); err != nil {
			return nil, err
		}
	}
	p := func(ctx context.Context, length time.Duration) (sample, error) {
		return lp.measure(ctx, length, &l.counter)
	}
	if apart {
		return l.apart(p)
	}
	return p, nil
}

// suiteApart is a suite of its own on one processor; see [cores].
const suiteApart = "suite apart"

// apart returns the path with this process on the other processor.
func (l *lab) apart(p path) (path, error) {
	c, err := halve()
	return c.apart(p), err
}

// server returns the server of a kind, an echo or a suite.
func (l *lab) server(ctx context.Context, kind string) (*server, error) {
	if s := l.servers[kind]; s != nil {
		return s, nil
	}
	binary, args := l.binary, []string(nil)
	switch kind {
	case "suite":
		args = []string{"up", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, "data")}
	case suiteApart:
		c, err := halve()
		if err != nil {
			return nil, err
		}
		binary = "taskset" // and as many goroutines at a time as Go runs in a container of one processor
		args = []string{"-c", c.server, "env", "GOMAXPROCS=2", l.binary, "up", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, "apart")}
	case "suite on fresh", "suite on grown", "suite on fresh-random", "suite on grown-random":
		args = []string{"up", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, kind)}
	case "suite on postgres", "suite on fresh-postgres", "suite on grown-postgres":
		_, where, _ := strings.Cut(kind, "suite on ")
		url, err := l.database(ctx, "ticket", "survey", "journey", "gateway")
		if err != nil {
			return nil, err
		}
		args = []string{"up", "--addr", "127.0.0.1:0", "--data", filepath.Join(l.dir, where), "--db", url}
		if l.fenced {
			if url, err = l.fence(ctx, url); err != nil {
				return nil, err
			}
			args = append(args[:len(args)-1], url, "--require-unprivileged")
		}
	default:
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		binary, args = self, []string{"-echo", kind}
	}
	c, err := l.spawn(ctx, binary, args...)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, c.stop)
	s, err := dial(c)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, s.close)
	if strings.HasSuffix(kind, "postgres") {
		if s.store, err = clusterAt(ctx, l.postgres); err != nil {
			return nil, err
		}
	}
	l.servers[kind] = s
	return s, nil
}

// database makes empty databases on a PostgreSQL server and returns their URL, with
// {service} for the name.
func (l *lab) database(ctx context.Context, names ...string) (string, error) {
	if l.postgres == "" {
		url, stop, err := sqldbtest.Start()
		if err != nil {
			return "", fmt.Errorf("%w: %w", errAbsent, err)
		}
		l.postgres = url
		l.closers = append(l.closers, stop)
	}
	l.databases++
	return makeDatabases(ctx, l.postgres, fmt.Sprintf("load_%d_%d_", os.Getpid(), l.databases), names)
}

// start starts the suite six times on an empty folder and waits for its first
// answer; the last one is left alone until its memory is measured.
func (l *lab) start(ctx context.Context, _ time.Duration) (s sample, err error) {
	l.install(ctx)
	const times = 6
	var took []float64
	for n := range times {
		dir, err := os.MkdirTemp(l.dir, "start-")
		if err != nil {
			return s, err
		}
		ms, mib, err := l.once(ctx, dir, n == times-1)
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return s, err
		}
		took, s.RSS = append(took, ms), mib
	}
	s.P50, s.P99 = median(took), slices.Max(took)
	s.Rate = 1000 / s.P50
	return s, nil
}

// install has the program read from the disk when it runs next, as one that was installed
// a while ago: since 6.18 Linux maps what was just written by up to 2 MiB a page fault.
// Where there is no dd of GNU it does nothing.
func (l *lab) install(ctx context.Context) {
	for _, command := range [][]string{{"sync", l.binary}, {"dd", "if=" + l.binary, "iflag=nocache", "count=0"}} {
		exec.CommandContext(ctx, command[0], command[1:]...).Run() //nolint:errcheck,gosec // it is advice
	}
}

// once starts the suite and stops it.
func (l *lab) once(ctx context.Context, dir string, weigh bool) (ms, mib float64, err error) {
	began := time.Now()
	c, err := spawn(ctx, l.binary, "up", "--addr", "127.0.0.1:0", "--data", dir)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	s, err := dial(c)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.ready(ctx); err != nil {
		return 0, 0, err
	}
	ms = milliseconds(time.Since(began))
	if weigh {
		if err := wait(ctx, 2*time.Second); err != nil {
			return 0, 0, err
		}
		mib, err = c.memory()
	}
	return ms, mib, err
}
