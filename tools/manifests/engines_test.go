package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// free returns n addresses of this host that nobody listens at.
func free(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer lis.Close()
		all = append(all, lis.Addr().String())
	}
	return all
}

// startNATS runs the servers of the StatefulSet, each with the configuration of the ConfigMap,
// and returns the addresses of the cluster with those on this host.
func startNATS(t *testing.T, m *machine, w workload) []string {
	t.Helper()
	ports := free(t, 3*int(w.replicas))
	var addresses, routes []string
	for i := range int(w.replicas) {
		addresses = append(addresses, fmt.Sprintf("nats-%d.nats:4222", i), ports[3*i])
		routes = append(routes, fmt.Sprintf("nats-%d.nats:6222", i), ports[3*i+1])
	}
	for i := range int(w.replicas) {
		one := w
		one.name = fmt.Sprintf("nats-%d", i)
		on := *m
		on.hosts = strings.NewReplacer(append([]string{
			"$POD_NAME", one.name, "0.0.0.0:4222", ports[3*i], "0.0.0.0:6222", ports[3*i+1], "0.0.0.0:8222", ports[3*i+2],
		}, routes...)...)
		on.mount(t, one)
		conf := on.here(one, one.container().Args[1])
		opts, err := server.ProcessConfigFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		opts.NoSigs, opts.NoLog = true, true
		s, err := server.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		refused := &refusals{}
		s.SetLogger(refused, false, false)
		s.Start()
		t.Cleanup(func() {
			s.Shutdown()
			s.WaitForShutdown()
			refused.none(t)
		})
	}
	return addresses
}

// A postgres is a PostgreSQL server and who runs it: never root.
type postgres struct {
	bin, dir string
	port     string
	id       int
	as       *syscall.SysProcAttr
}

// run returns one of its programs.
func (p *postgres) run(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...) //nolint:noctx // it ends with the test binary at the latest
	cmd.Dir, cmd.SysProcAttr, cmd.Env = p.dir, p.as, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	return cmd
}

// must runs one of its programs to a good end.
func (p *postgres) must(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := p.run(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// put writes a file of the server.
func (p *postgres) put(t *testing.T, name string, text []byte) {
	t.Helper()
	path := filepath.Join(p.dir, "data", name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, p.id, -1); err != nil {
		t.Fatal(err)
	}
}

// startPostgres runs a server that is set up as the operator does it: with the roles, the
// databases, TLS, and the lines of its access file. It returns its address.
func startPostgres(t *testing.T, m *machine) string {
	t.Helper()
	p := &postgres{bin: binaries(t), dir: filepath.Join(m.root, "postgres"), id: os.Getuid(), as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	if m.asRoot {
		other, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		if p.id, err = strconv.Atoi(other.Uid); err != nil {
			t.Fatal(err)
		}
		p.as.Credential = &syscall.Credential{Uid: uint32(p.id), Gid: uint32(p.id)} //nolint:gosec // it is a user's
	}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(p.dir, p.id, -1); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(p.dir, "data")
	p.must(t, "initdb", "-D", data, "-U", "postgres", "--auth-host=scram-sha-256", "--auth-local=trust", "--no-sync")
	c := of[*cluster](m.all)[0]
	access, err := os.ReadFile(filepath.Join(data, "pg_hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, "pg_hba.conf", []byte(strings.Join(c.Spec.PostgreSQL.PgHBA, "\n")+"\n"+string(access)))
	for name, file := range map[string]string{"server.crt": "tls.crt", "server.key": "tls.key"} {
		text, err := os.ReadFile(filepath.Join(m.secrets, "nats-tls", file)) // it has the address of this host
		if err != nil {
			t.Fatal(err)
		}
		p.put(t, name, text)
	}
	address := free(t, 1)[0]
	if _, p.port, err = net.SplitHostPort(address); err != nil {
		t.Fatal(err)
	}
	p.serve(t, c)
	for _, statement := range databases(t, m, c) {
		p.must(t, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", p.dir, "-p", p.port, "-U", "postgres", "-c", statement)
	}
	return address
}

// serve runs the server until the test ends.
func (p *postgres) serve(t *testing.T, c *cluster) {
	t.Helper()
	server := p.run("postgres", "-D", filepath.Join(p.dir, "data"), "-p", p.port, "-k", p.dir, "-c", "listen_addresses=127.0.0.1", "-c", "ssl=on",
		"-c", "max_connections="+c.Spec.PostgreSQL.Parameters["max_connections"])
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGQUIT) //nolint:errcheck // it may have ended
		server.Wait()                          //nolint:errcheck // likewise
	})
	eventually(t, "PostgreSQL", func() error { return p.run("pg_isready", "-h", p.dir, "-p", p.port).Run() })
}

// binaries returns the folder of PostgreSQL's programs, the server's and psql.
func binaries(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") //nolint:errcheck // the pattern is fine
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, filepath.Dir(path))
	}
	for _, dir := range slices.Backward(found) {
		if _, err := os.Stat(filepath.Join(dir, "psql")); err == nil {
			return dir
		}
	}
	absent(t, "POSTGRESQL SERVER")
	return ""
}

// databases returns the statements that do what the operator is asked for.
func databases(t *testing.T, m *machine, c *cluster) []string {
	t.Helper()
	password := func(secret string) string {
		text, err := os.ReadFile(filepath.Join(m.secrets, secret, "password"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := c.Spec.Bootstrap.InitDB
	all := []string{
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", first.Owner, password(first.Secret.Name)),
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", first.Database, first.Owner),
	}
	for _, r := range c.Spec.Managed.Roles {
		all = append(all, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", r.Name, password(r.PasswordSecret.Name)))
	}
	for _, d := range of[*database](m.all) {
		all = append(all, fmt.Sprintf("CREATE DATABASE %s OWNER %s", d.Spec.Name, d.Spec.Owner))
	}
	return all
}

// eventually waits until f returns no error.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		if err = f(); err == nil {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s: %v", what, err)
}
