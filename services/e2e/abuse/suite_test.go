package abuse

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/front"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

// The NATS server has one clock a process, which may outlive its last user a while.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// A stream that is made while its server ends.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
	)
}

// A suite is the four services in this process, put together as the binary does.
type suite struct {
	dbs  map[string]*sqldb.DB // by service
	log  *journal
	addr string
	conn grpc.ClientConnInterface // without retries or request ids of its own
	web  *http.Client
	key  string // credential of what must succeed; none if empty

	pages  func() (path string, pages http.Handler) // nil without a gateway
	tokens []string                                 // of invitations, as far as they were told

	issuer *issuer // of tokens; nil where there are none

	made map[string]made // by brand

	counts map[string]string // queries for how many rows there are, by service
	told   map[string]int64  // how much the outboxes had when all of it was applied

	stuck bool // events are not applied, so nothing can be waited for
}

// Made are the names of what a brand has by a name that a service gave it.
type made struct{ operation, recompute, signal, acted, erasure string }

// unmade has names of what does not exist.
func unmade() made {
	return made{acme + "/operations/none", acme + "/scoringOperations/none", acme + "/signals/none", acme + "/signals/none", acme + "/privacyOperations/none"}
}

// A config is what differs between suites. The zero value is the suite as it runs
// by default, on SQLite and the embedded bus.
type config struct {
	dir       string // of the databases; a new one if empty
	ticketDB  string // URL; SQLite in dir if empty
	bus       string // URL; embedded if empty
	auth      rpc.Authenticator
	upstreams func(local grpc.ClientConnInterface) gateway.Upstreams
	local     bool // without bus and sockets
}

// start runs a suite until the test ends.
func start(t *testing.T, c config) *suite {
	t.Helper()
	s := &suite{dbs: map[string]*sqldb.DB{}, log: &journal{}, counts: map[string]string{}}
	log := s.log.logger()
	if c.dir == "" {
		c.dir = t.TempDir()
	}
	srv := rpc.NewServer(rpc.Config{Log: log, Auth: c.auth})
	runs := s.services(t, c, srv)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	s.conn = srv.Local()
	if c.local {
		return s
	}
	b, err := bus.Open(t.Context(), bus.Config{URL: c.bus, Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range runs {
		wg.Go(func() {
			if err := run(ctx, b); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	s.serve(t, srv)
	return s
}

// services opens the four on their databases and registers them. It returns what
// they do beside calls.
func (s *suite) services(t *testing.T, c config, srv *rpc.Server) []func(context.Context, *bus.Bus) error {
	t.Helper()
	url := func(service string) string {
		if service == "ticket" && c.ticketDB != "" {
			return c.ticketDB
		}
		return "sqlite:" + filepath.Join(c.dir, service+".db")
	}
	for _, service := range []string{"ticket", "survey", "journey", "gateway"} {
		s.dbs[service] = sqldbtest.Open(t, url(service))
	}
	up := gateway.Upstreams{Ticket: srv.Local(), Survey: srv.Local(), Journey: srv.Local()}
	if c.upstreams != nil {
		up = c.upstreams(srv.Local())
	}
	tickets, err1 := ticket.New(t.Context(), s.dbs["ticket"], ticket.Config{})
	surveys, err2 := survey.New(t.Context(), s.dbs["survey"], survey.Config{})
	journeys, err3 := journey.New(t.Context(), s.dbs["journey"], journey.Config{})
	views, err4 := gateway.New(t.Context(), s.dbs["gateway"], up, gateway.Config{})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tickets.Register(srv)
	surveys.Register(srv)
	journeys.Register(srv)
	views.Register(srv)
	srv.Authenticate(views.Callers)
	s.pages = views.Pages
	work := func(ctx context.Context, _ *bus.Bus) error {
		var wg sync.WaitGroup
		wg.Go(func() { tickets.Work(ctx) })
		wg.Go(func() { surveys.Work(ctx) })
		wg.Go(func() { journeys.Work(ctx) })
		wg.Go(func() { views.Work(ctx) })
		wg.Wait()
		return nil
	}
	return []func(context.Context, *bus.Bus) error{tickets.Run, surveys.Run, journeys.Run, work}
}

// serve puts srv behind a front on a free port and connects to it.
func (s *suite) serve(t *testing.T, srv *rpc.Server) {
	t.Helper()
	f, err := front.New(t.Context(), srv, front.Config{Log: s.log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	if s.pages != nil {
		f.Handle(s.pages())
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Serve(lis) }()
	f.SetReady(true)
	s.addr = lis.Addr().String()
	s.web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	s.conn = dial(t, s.addr)
	t.Cleanup(func() {
		s.web.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		f.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// dial connects to addr until the test ends, as a stranger's client would.
func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rows counts the rows of every table of every service, as service.table, but for
// what is added up in the background from the others.
func (s *suite) rows(t *testing.T) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for service, db := range s.dbs {
		if db.Postgres() {
			continue // the tests that use it count what they need
		}
		for _, row := range s.strings(t, service, s.counting(t, service)) {
			name, n, _ := strings.Cut(row, "=")
			var count int64
			if _, err := fmt.Sscan(n, &count); err != nil {
				t.Fatal(err)
			}
			all[service+"."+name] = count
		}
	}
	return all
}

// counting returns the query for the tables of a service and the rows they have.
func (s *suite) counting(t *testing.T, service string) string {
	t.Helper()
	if s.counts[service] != "" {
		return s.counts[service]
	}
	var query strings.Builder
	for i, name := range s.strings(t, service, `
		SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'rollup_%'
		AND name NOT IN ('signal_mark', 'signal_scan', 'signal_tally', 'signal_watch') ORDER BY name`) {
		if i > 0 {
			query.WriteString(` UNION ALL `)
		}
		fmt.Fprintf(&query, `SELECT '%s=' || COUNT(*) FROM %s`, name, name)
	}
	s.counts[service] = query.String()
	return query.String()
}

// strings returns the first column of what query finds.
func (s *suite) strings(t *testing.T, service, query string, args ...any) []string {
	t.Helper()
	rows, err := s.dbs[service].Read().QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// settled waits until every event has been applied, every customer followed and every
// operation done, and returns what is stored.
func (s *suite) settled(t *testing.T) map[string]int64 {
	t.Helper()
	if s.stuck {
		t.Fatal("events are not applied: see the first failure")
	}
	if s.told != nil && s.idle(t) {
		if now := s.rows(t); maps.Equal(s.told, outboxes(now)) {
			return now // nothing was told since the last time
		}
	}
	s.stuck = true // unless the wait ends well: once is enough
	until(t, "all events are applied", func() bool {
		return s.applied(t, "journey", `'interaction_created', 'ticket_resolved', 'response_submitted', 'response_excluded', 'score_shard_requested'`, "ticket", "survey", "journey") &&
			s.applied(t, "survey", `'interaction_created', 'ticket_resolved', 'touchpoints_recorded'`, "ticket", "journey") &&
			s.idle(t)
	})
	s.stuck = false
	now := s.rows(t)
	s.told = outboxes(now)
	return now
}

// outboxes picks the outboxes from what is stored.
func outboxes(rows map[string]int64) map[string]int64 {
	picked := map[string]int64{}
	for table, n := range rows {
		if strings.HasSuffix(table, ".outbox") {
			picked[table] = n
		}
	}
	return picked
}

// idle reports whether nothing goes on that somebody has asked for: operations, and the
// customers whose touchpoints have changed.
func (s *suite) idle(t *testing.T) bool {
	t.Helper()
	const running = `SELECT id FROM operation WHERE end_time IS NULL`
	return len(s.strings(t, "journey", `SELECT customer FROM customer_stale`)) == 0 &&
		len(s.strings(t, "journey", running)) == 0 && len(s.strings(t, "ticket", running)) == 0
}

// applied reports whether a service has dealt with the events of those kinds from
// others, and nothing of theirs waits to be sent.
func (s *suite) applied(t *testing.T, service, kinds string, others ...string) bool {
	t.Helper()
	var told []string
	for _, other := range others {
		told = append(told, s.strings(t, other, `SELECT id FROM outbox WHERE stream = 0 OR kind IN (`+kinds+`)`)...)
	}
	if len(told) == 0 {
		return true
	}
	heard := map[string]bool{}
	for _, id := range s.strings(t, service, `SELECT id FROM inbox`) {
		heard[id] = true
	}
	return !slices.ContainsFunc(told, func(id string) bool { return !heard[id] })
}

// unchanged fails the test if other rows are stored than before.
func (s *suite) unchanged(t *testing.T, before map[string]int64) {
	t.Helper()
	after := s.rows(t)
	for _, table := range slices.Sorted(maps.Keys(after)) {
		if after[table] != before[table] {
			t.Errorf("%s has %d rows, had %d", table, after[table], before[table])
		}
	}
}

// until waits for done to be true.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatalf("waited in vain until %s", what)
}

// A journal is a log that tests read back.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
