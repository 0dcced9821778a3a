package e2e

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"google.golang.org/grpc"

	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A suite is the four services, in one process, in four, or in two each.
type suite struct {
	life  testing.TB       // the test whose end is the suite's
	data  string           // the folder of the single process
	bus   *natsBus         // between the four; nil in a single process
	parts map[string]*part // by service; the same one for all in a single process; see [second]

	key     string
	current atomic.Pointer[clients]
	conns   []*grpc.ClientConn
}

// A part is one of the processes.
type part struct {
	program string // the path of its binary; empty: the one of this tree
	args    []string
	listen  string
	db      string // the address of its database, where it has its own
	*process
}

var all = []string{"ticket", "survey", "journey", "gateway"}

// second names the part that is the second replica of a service, if it has two.
func second(service string) string { return service + " 2" }

// each runs test on a suite in one process and on one in four.
func each(t *testing.T, test func(t *testing.T, s *suite), flags ...string) {
	t.Helper()
	eachOf(t, "", test, flags...)
}

// eachOf runs test on suites of the binary at program, this tree's if that is empty.
func eachOf(t *testing.T, program string, test func(t *testing.T, s *suite), flags ...string) {
	t.Helper()
	t.Run("single", func(t *testing.T) { test(t, singleOf(t, program, flags...)) })
	t.Run("split", func(t *testing.T) { test(t, splitOf(t, program, flags...)) })
}

// single starts the suite in one process, on SQLite and the embedded bus.
func single(t testing.TB, flags ...string) *suite { return singleOf(t, "", flags...) }

// singleOf starts the suite with the binary at program, this tree's if that is empty.
func singleOf(t testing.TB, program string, flags ...string) *suite {
	t.Helper()
	s := &suite{life: t, data: t.TempDir()}
	whole := &part{program: program, args: append([]string{"--data", s.data}, flags...), listen: "127.0.0.1:0"}
	s.parts = map[string]*part{"ticket": whole, "survey": whole, "journey": whole, "gateway": whole}
	s.start(t, "gateway")
	return s
}

// split starts each service in a process of its own, on a PostgreSQL database of
// its own, with a NATS server between them.
func split(t testing.TB, flags ...string) *suite { return splitOf(t, "", flags...) }

// splitOf starts the suite with the binary at program, this tree's if that is empty.
func splitOf(t testing.TB, program string, flags ...string) *suite {
	t.Helper()
	return splitOn(t, program, func(string) string { return sqldbtest.Postgres(t) }, flags...)
}

// splitOn starts it on the databases that there are for its services.
func splitOn(t testing.TB, program string, database func(service string) string, flags ...string) *suite {
	t.Helper()
	s := &suite{life: t, parts: map[string]*part{}, bus: &natsBus{dir: t.TempDir(), port: -1}}
	s.bus.start(t)
	t.Cleanup(s.bus.stop)
	for _, name := range all {
		db := database(name)
		args := append([]string{name, "--db", db, "--data", t.TempDir(), "--bus", s.bus.server.ClientURL()}, flags...)
		s.parts[name] = &part{program: program, args: args, listen: "127.0.0.1:0", db: db}
	}
	services := all[:3]
	s.start(t, services...)
	for _, name := range services {
		p := s.parts[name]
		p.listen = p.addr // so that the gateway finds it again
		s.parts["gateway"].args = append(s.parts["gateway"].args, "--"+name+"-addr", p.addr)
	}
	s.start(t, "gateway")
	return s
}

// A natsBus is a NATS server that can come back where it was.
type natsBus struct {
	dir    string
	port   int // -1 before the first start
	server *server.Server
}

func (b *natsBus) start(t testing.TB) {
	t.Helper()
	var err error
	b.server, err = server.NewServer(&server.Options{
		ServerName: "e2e", Host: "127.0.0.1", Port: b.port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: b.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.server.Start()
	if !b.server.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	b.port = b.server.Addr().(*net.TCPAddr).Port
}

func (b *natsBus) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// start starts the processes of the named services, waits until they are ready and
// connects to the suite anew. They end with the suite, not with the test.
func (s *suite) start(t testing.TB, names ...string) {
	t.Helper()
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = s.parts[name].start(s.life) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if s.parts["gateway"].process != nil {
		s.connect(t)
	}
}

// start runs the part. A client on its way may hold the port that it had before.
func (p *part) start(t testing.TB) (err error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		args := append([]string{"--addr", p.listen}, p.args...)
		if p.program == "" {
			p.process, err = serve(t, args...)
		} else {
			p.process, err = serveProgram(t, p.program, args...)
		}
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		<-tick.C
	}
	return err
}

// connect makes clients of the processes as they run now, and closes those before.
func (s *suite) connect(t testing.TB) {
	t.Helper()
	next, conns := s.dial(t, s.key)
	s.current.Store(next)
	for _, conn := range s.conns {
		conn.Close()
	}
	s.conns = conns
	s.life.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
}

// dial returns clients over gRPC that hold key. The caller closes the connections.
func (s *suite) dial(t testing.TB, key string) (*clients, []*grpc.ClientConn) {
	t.Helper()
	var conns []*grpc.ClientConn
	to := map[string]grpc.ClientConnInterface{}
	for _, name := range all {
		conn, err := rpc.Dial(s.addresses(name), rpc.ClientConfig{Bearer: key})
		if err != nil {
			t.Fatal(err)
		}
		to[name], conns = conn, append(conns, conn)
	}
	return newClients(to["ticket"], to["survey"], to["journey"], to["gateway"]), conns
}

// addresses returns where the replicas of a service are.
func (s *suite) addresses(service string) string {
	if other, two := s.parts[second(service)]; two {
		return s.parts[service].addr + "," + other.addr
	}
	return s.parts[service].addr
}

// grpc returns the clients of the suite as it runs now.
func (s *suite) grpc() *clients { return s.current.Load() }

// door returns clients that make all their calls to the gateway.
func (s *suite) door() *clients {
	gateway := s.conns[len(s.conns)-1]
	return newClients(gateway, gateway, gateway, gateway)
}

// rest returns clients that hold key and make their calls in JSON, to the gateway.
func (s *suite) rest(key string) *clients {
	conn := jsonConn{base: s.web(), key: key}
	return newClients(conn, conn, conn, conn)
}

// web returns the address of the gateway for browsers.
func (s *suite) web() string { return "http://" + s.parts["gateway"].addr }

// freeze stops the service's process in its tracks until the function it returns
// is called.
func (s *suite) freeze(t testing.TB, name string) (thaw func()) {
	t.Helper()
	p := s.parts[name].process
	p.signal(t, syscall.SIGSTOP)
	p.stopped(t)
	return func() { p.signal(t, syscall.SIGCONT) }
}
