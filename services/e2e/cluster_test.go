package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// soak reports whether there is time for the long form of a test.
func soak() bool { return os.Getenv("CONCENTRIC_SOAK") != "" }

// doubled starts two replicas of each service, each a process of its own, on a PostgreSQL
// database a service, under a role that owns nothing, and a NATS cluster of three.
func doubled(t testing.TB) (*suite, nodes) {
	t.Helper()
	bus, role := cluster(t), newRole()
	s := &suite{life: t, parts: map[string]*part{}}
	var keys []string
	for _, name := range []string{"token", "identity", "secret", "pass"} {
		keys = append(keys, "--"+name+"-key", secretFile(t))
	}
	for _, name := range all {
		db := role.database(t, name)
		for _, replica := range []string{name, second(name)} {
			args := append([]string{name, "--db", db, "--data", t.TempDir(), "--bus", bus.address(), "--require-unprivileged"}, keys...)
			s.parts[replica] = &part{args: args, listen: fmt.Sprint("127.0.0.1:", freePort(t)), db: db}
		}
	}
	for _, name := range all[:3] {
		for _, gateway := range []string{"gateway", second("gateway")} {
			p := s.parts[gateway]
			p.args = append(p.args, "--"+name+"-addr", s.parts[name].listen+","+s.parts[second(name)].listen)
		}
	}
	s.start(t, slices.Collect(maps.Keys(s.parts))...)
	t.Cleanup(func() { // all at once, which is faster
		var wg sync.WaitGroup
		defer wg.Wait()
		for _, p := range s.parts {
			wg.Go(func() { p.stop(t) })
		}
	})
	return s, bus
}

// secretFile makes a file with a key that replicas share.
func secretFile(t testing.TB) string {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck,gosec // it never fails
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCluster holds two replicas of each service to what one promises. The stories are told to
// such a suite by [TestStories].
func TestCluster(t *testing.T) {
	if !soak() {
		t.Skip("it takes minutes and a machine of its own: CONCENTRIC_SOAK=1, or make soak")
	}
	s, bus := doubled(t)
	t.Run("kills lose nothing", func(t *testing.T) { clusterKills(t, s, bus) })
	t.Run("rolling restarts fail no call", func(t *testing.T) { rollingRestarts(t, s) })
}

// clusterKills kills each process of the suite in turn while writers write by the gateways,
// then a node of the bus, and then has the bus lose all it has. Whatever was acknowledged is
// there, once, and has reached the journey, once. The suite has no other brand yet.
func clusterKills(t *testing.T, s *suite, bus nodes) {
	direct := s.grpc()
	defer s.current.Store(direct)
	s.current.Store(s.door())
	w := write(t, s)
	kills := 0
	goesOn := func() {
		t.Helper()
		before := len(w.acked())
		eventually(t, func() error {
			if n := len(w.acked()) - before; n < writers {
				return fmt.Errorf("%d turns since, want %d", n, writers)
			}
			return nil
		})
	}
	rounds := 1
	if soak() {
		rounds = 5
	}
	goesOn()
	for round := range rounds {
		for i, name := range all {
			for _, victim := range []string{name, second(name)} {
				if !soak() && (victim == name) != (i%2 == 0) {
					continue // one of each will do
				}
				s.parts[victim].kill(t)
				kills++
				goesOn() // with the other replica
				s.again(t, victim)
			}
		}
		n := bus[round%len(bus)]
		n.process.kill(t)
		kills++
		goesOn()
		n.start(s.life)
		bus.lose(s.life)
		kills += len(bus)
		goesOn()
	}
	turns := w.end()
	sum := w.recount(t, turns)
	dbs := map[string]string{}
	for _, name := range all {
		dbs[name] = s.parts[name].db
		if name != "gateway" {
			s.told(t, name)
		}
	}
	sum.doubled += w.audit(t, dbs, len(turns))
	fmt.Printf("trust cluster: kills=%d acked=%d lost=%d doubled=%d\n", kills, perTurn*len(turns), sum.lost, sum.doubled)
	if sum != (tally{}) || len(turns) == 0 {
		t.Errorf("of %d turns %+v", len(turns), sum)
	}
}

// told waits until the bus has every event of a service.
func (s *suite) told(t testing.TB, service string) {
	t.Helper()
	db := sqldbtest.Open(t, s.parts[service].db)
	eventually(t, func() error {
		if n := rows(t, db, "outbox WHERE stream = 0"); n > 0 {
			return fmt.Errorf("%s has %d events that the bus does not have", service, n)
		}
		return nil
	})
}

// rollingRestarts restarts one process after the other while 200 calls a second, reads and
// writes, are made with the shipped service config. None of them fails.
func rollingRestarts(t *testing.T, s *suite) {
	brand := s.grpc().brand(t)
	ticket := s.grpc().open(t, brand+"/customers/ann", typev1.Channel_CHANNEL_PHONE, noon)
	conn, err := rpc.Dial(s.addresses("gateway"), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := &load{clients: newClients(conn, conn, conn, conn), brand: brand, ticket: ticket.GetName()}
	if err := l.visit(t.Context(), "ann", 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	begin := time.Now()
	wg.Go(func() { l.run(ctx, t) })
	l.goesOn(t)
	restarts := 0
	for _, service := range all {
		for _, replica := range []string{service, second(service)} {
			s.parts[replica].stop(t)
			l.goesOn(t)
			s.again(t, replica)
			l.goesOn(t)
			restarts++
		}
	}
	cancel()
	wg.Wait()
	fmt.Printf("trust restarts: restarts=%d calls=%d rate=%.0f/s failed=%d\n",
		restarts, l.done.Load(), float64(l.done.Load())/time.Since(begin).Seconds(), l.failed.Load())
	if l.failed.Load() > 0 || l.done.Load() == 0 {
		t.Errorf("%d of %d calls failed", l.failed.Load(), l.done.Load())
	}
	if got, want := int64(rows(t, sqldbtest.Open(t, s.parts["ticket"].db), "ticket WHERE brand = '"+name.Brand(brand)+"'")), l.opened.Load()+1; got != want {
		t.Errorf("%d tickets, want the %d that were opened", got, want)
	}
}

// again starts a part that has ended, and leaves the clients of the suite alone.
func (s *suite) again(t testing.TB, part string) {
	t.Helper()
	if err := s.parts[part].start(s.life); err != nil {
		t.Fatal(err)
	}
}

const (
	perSecond = 200 // calls a load makes, where the machine bears it
	underway  = 50  // of them at most at the same time
)

// A load is calls at a steady rate.
type load struct {
	*clients
	brand, ticket        string
	done, failed, opened atomic.Int64
}

// run makes the calls until ctx ends, and waits for the last of them.
func (l *load) run(ctx context.Context, t testing.TB) {
	var wg sync.WaitGroup
	defer wg.Wait()
	begin := time.Now()
	places := make(chan struct{}, underway)
	for n := 0; ; n++ {
		select {
		case <-time.After(time.Until(begin.Add(time.Duration(n) * time.Second / perSecond))): // at once if that is late
		case <-ctx.Done():
			return
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := l.call(t.Context(), n); err != nil {
				if l.failed.Add(1) <= 10 { // they tell what is wrong
					t.Errorf("call %d: %v", n, err)
				}
			}
			l.done.Add(1)
		})
	}
}

// call makes one call: of four, one opens a ticket and one records a touchpoint.
func (l *load) call(ctx context.Context, n int) (err error) {
	switch n % 4 {
	case 0:
		_, err = l.tickets.CreateTicket(ctx, &ticketv1.CreateTicketRequest{
			Parent: l.brand, Ticket: &ticketv1.Ticket{Customer: fmt.Sprint(l.brand, "/customers/b", n%1000), Subject: "Again", Channel: typev1.Channel_CHANNEL_CHAT},
		})
		if err == nil {
			l.opened.Add(1)
		}
	case 1:
		err = l.visit(ctx, fmt.Sprint("c", n%1000), n)
	case 2:
		_, err = l.tickets.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: l.ticket})
	default:
		_, err = l.scores.GetScore(ctx, &journeyv1.GetScoreRequest{Name: l.brand + "/customers/ann/score"})
	}
	return err
}

// visit records a touchpoint of a customer.
func (l *load) visit(ctx context.Context, customer string, n int) error {
	_, err := l.touchpoints.RecordTouchpoint(ctx, &journeyv1.RecordTouchpointRequest{
		Parent: l.brand + "/customers/" + customer,
		Touchpoint: &journeyv1.Touchpoint{
			Definition: l.brand + "/touchpointDefinitions/product-use", EventTime: timestamppb.New(noon),
			Source: "app", EventId: fmt.Sprint(n), Expectation: typev1.Expectation_EXPECTATION_MET,
		},
	})
	return err
}

// goesOn waits until calls of two seconds more have been made.
func (l *load) goesOn(t testing.TB) {
	t.Helper()
	enough := int64(2 * perSecond) // replicas are ready for longer than that in Kubernetes
	if soak() {
		enough = 1000
	}
	before := l.done.Load()
	eventually(t, func() error {
		if n := l.done.Load() - before; n < enough {
			return fmt.Errorf("%d calls since, want %d", n, enough)
		}
		return nil
	})
}
