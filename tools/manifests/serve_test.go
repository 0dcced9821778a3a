package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// binary returns a copy of the suite that everybody may run: of CONCENTRIC_TEST_BINARY, or
// built here.
func binary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "manifests")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nobody has to get through
		t.Fatal(err)
	}
	path := filepath.Join(dir, "concentric")
	if built := os.Getenv("CONCENTRIC_TEST_BINARY"); built != "" {
		program, err := os.ReadFile(built)
		if err == nil {
			err = os.WriteFile(path, program, 0o755) //nolint:gosec // likewise
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./services/cmd/concentric")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// ready waits until the readiness probe of a pod, and then its liveness probe, succeed.
func ready(t *testing.T, w workload, address string) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, probe := range []string{*w.container().ReadinessProbe.GRPC.Service, *w.container().LivenessProbe.GRPC.Service} {
		eventually(t, w.String(), func() error {
			got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: probe})
			if err == nil && got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				err = errors.New(got.GetStatus().String())
			}
			return err
		})
	}
}

// measured wants metrics where Prometheus is told to look for them.
func measured(t *testing.T, address string) {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics") //nolint:noctx // it ends by itself
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("\n# TYPE ")) {
		t.Errorf("metrics: %s %v\n%s", res.Status, err, text)
	}
}

// profiled wants profiles of a pod for who is let in to its loopback.
func profiled(t *testing.T, address string) {
	t.Helper()
	res, err := http.Get("http://" + address + "/debug/pprof/goroutine?debug=1") //nolint:noctx // it ends by itself
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || !bytes.HasPrefix(text, []byte("goroutine profile: ")) {
		t.Errorf("profiles: %s %v\n%s", res.Status, err, text)
	}
}

// here returns the addresses that a pod listens at and, after each, what it is on this host.
func here(ports []string) []string {
	return []string{`":8443"`, ports[0], `":8081"`, ports[1], `":9090"`, ports[2], "127.0.0.1:6060", ports[3]}
}

// A client calls the REST API with a key.
type client struct {
	http http.Client
	base string
	key  string
}

// newClient returns a client with the key that secrets.sh makes.
func newClient(t *testing.T, secrets, address string) *client {
	t.Helper()
	authority, err := os.ReadFile(filepath.Join(secrets, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(secrets, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	c := &client{base: "https://" + address + "/v1/", key: string(key)}
	c.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// call returns the answer to a call, which must be 200.
func (c *client) call(t *testing.T, method, path, body string) (map[string]any, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text))
	}
	var answer map[string]any
	return answer, json.NewDecoder(bytes.NewReader(text)).Decode(&answer)
}

// must is call where nothing may go wrong.
func (c *client) must(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	answer, err := c.call(t, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// tell has a customer helped, and waits until that is a part of the journey: from the
// gateway to the ticket service, its database, the bus, and the journey service.
func tell(t *testing.T, c *client) {
	t.Helper()
	c.must(t, "POST", "brands/acme/tickets?ticketId=t1", `{"customer": "brands/acme/customers/ann", "subject": "Billed twice", "channel": "CHANNEL_PHONE"}`)
	c.must(t, "POST", "brands/acme/tickets/t1/interactions", `{"kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "actor": "ACTOR_AGENT", "agent": "brands/acme/agents/bo"}`)
	eventually(t, "the touchpoint", func() error {
		answer, err := c.call(t, "GET", "brands/acme/customers/ann/touchpoints", "")
		if all, _ := answer["touchpoints"].([]any); err == nil && len(all) == 0 { //nolint:errcheck // none, then
			err = errors.New("there is none yet")
		}
		return err
	})
	made := c.must(t, "POST", "brands/acme/apiKeys", `{"displayName": "Shop", "scopes": ["tickets:read"]}`)
	secret, ok := made["secret"].(string)
	if !ok {
		t.Fatalf("a new key has no secret: %v", made)
	}
	shop := *c
	shop.key = secret
	if answer := shop.must(t, "GET", "brands/acme/tickets", ""); len(answer) == 0 {
		t.Error("a key of the gateway's sees no tickets, where services know it by passes")
	}
	if _, err := shop.call(t, "GET", "brands/other/tickets", ""); err == nil {
		t.Error("a key of one brand reads another's tickets")
	}
}

// pods returns the workloads by name.
func pods(all []runtime.Object) map[string]workload {
	named := map[string]workload{}
	for _, w := range workloads(all) {
		named[w.name] = w
	}
	return named
}

// TestTheSplitOverlayServes runs what it configures, as it configures it, on this host: NATS
// servers, PostgreSQL, migrations and services, with paths and addresses changed and no more.
func TestTheSplitOverlayServes(t *testing.T) {
	all, dir, program := objects(t, "split"), secrets(t), binary(t)
	named := pods(all)
	m := newMachine(t, all, dir, program)
	addresses := append(startNATS(t, m, named["nats"]), "concentric-db-rw:5432", startPostgres(t, m))
	services := []string{"ticket", "survey", "journey", "gateway"}
	ports := free(t, 4*len(services))
	for i, s := range services {
		addresses = append(addresses, s+":8443", ports[4*i])
	}
	on := func(i int) *machine {
		own := *m
		own.hosts = strings.NewReplacer(append(here(ports[4*i:]), addresses...)...)
		return &own
	}
	job := on(0)
	job.mount(t, named["migrate"])
	if out, err := job.command(t, named["migrate"]).CombinedOutput(); err != nil {
		t.Fatalf("migrations: %v\n%s", err, out)
	}
	for i, s := range services {
		on(i).mount(t, named[s])
		on(i).up(t, named[s])
	}
	for i, s := range services {
		ready(t, named[s], ports[4*i+1])
		measured(t, ports[4*i+2])
		profiled(t, ports[4*i+3])
	}
	tell(t, newClient(t, dir, ports[12]))
	for i, s := range services {
		on(i).examine(t, named[s], "disk")
	}
}

// TestTheSingleOverlayServes does the same with one pod.
func TestTheSingleOverlayServes(t *testing.T) {
	all, dir, program := objects(t, "single"), secrets(t), binary(t)
	suite, ports := pods(all)["suite"], free(t, 4)
	m := newMachine(t, all, dir, program, here(ports)...)
	m.mount(t, suite)
	m.examine(t, suite, "disk") // before the first start, and after
	m.up(t, suite)
	ready(t, suite, ports[1])
	measured(t, ports[2])
	profiled(t, ports[3])
	tell(t, newClient(t, dir, ports[0]))
	m.examine(t, suite, "disk")
	for _, args := range [][]string{{"backup", "/data/backup"}, {"restore", "--data", "/data/restored", "/data/backup"}} { // as kubectl exec does it
		out, err := m.command(t, suite, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), " 4 files ") {
			t.Errorf("%s ends with %v and says %s, want four databases and no keys, which are in secrets", args[0], err, out)
		}
	}
}
