package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nodeConfig is the variable that makes the test binary a node of a NATS cluster: one that
// can be killed as only a process can.
const nodeConfig = "CONCENTRIC_TEST_NODE"

// A node is a server of the cluster.
type node struct {
	Name    string
	Port    int      // for clients
	Peers   int      // the port for other nodes
	Cluster []string // where all nodes await each other
	Dir     string   // its store

	process *process
}

// runNode runs the node that config describes until it is asked to end.
func runNode(config string) int {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	var n node
	err := json.Unmarshal([]byte(config), &n)
	if err == nil {
		err = n.run(end)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (n *node) run(end <-chan os.Signal) error {
	options := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: n.Dir,
		Cluster: server.ClusterOpts{Name: "e2e", Host: "127.0.0.1", Port: n.Peers},
	}
	for _, address := range n.Cluster {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: address})
	}
	s, err := server.NewServer(options)
	if err != nil {
		return err
	}
	s.Start()
	for !s.ReadyForConnections(time.Second) {
		if !s.Running() {
			return fmt.Errorf("%s does not start", n.Name)
		}
	}
	fmt.Fprintf(os.Stderr, "concentric serves %s on http://%s (NATS)\n", n.Name, s.Addr()) // as journals read it
	<-end
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// start runs the node as a process until the test ends.
func (n *node) start(t testing.TB) {
	t.Helper()
	config, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), nodeConfig+"="+string(config))
	if n.process, err = watched(t, cmd); err != nil {
		t.Fatal(err)
	}
	if err := n.process.listens(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// nodes are a cluster of three.
type nodes [3]*node

// cluster starts three nodes that know each other.
func cluster(t testing.TB) nodes {
	t.Helper()
	var all nodes
	var addresses []string
	for i := range all {
		all[i] = &node{Name: fmt.Sprint("node-", i), Port: freePort(t), Peers: freePort(t), Dir: filepath.Join(t.TempDir(), "store")}
		addresses = append(addresses, fmt.Sprint("127.0.0.1:", all[i].Peers))
	}
	for _, n := range all {
		n.Cluster = addresses
	}
	all.start(t)
	return all
}

// start starts the nodes that do not run.
func (all nodes) start(t testing.TB) {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, n := range all {
		wg.Go(func() { n.start(t) })
	}
}

// address returns where clients find the cluster.
func (all nodes) address() string {
	var addresses []string
	for _, n := range all {
		addresses = append(addresses, fmt.Sprint("nats://127.0.0.1:", n.Port))
	}
	return strings.Join(addresses, ",")
}

// lose kills all nodes and deletes everything they have.
func (all nodes) lose(t testing.TB) {
	t.Helper()
	for _, n := range all {
		n.process.kill(t)
	}
	for _, n := range all {
		if err := os.RemoveAll(n.Dir); err != nil {
			t.Fatal(err)
		}
	}
	all.start(t)
}

// freePort returns a port that nobody has just now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
