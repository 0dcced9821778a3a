package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
)

// A strange is a way to start the suite that it does not take.
type strange struct {
	id, name string
	args     []string
	env      map[string]string
	file     string // with --config
	want     string
}

// here is the address that the starts below would serve.
var here = []string{"up", "--addr", "127.0.0.1:0"}

// strangeStarts are the rows of the start matrix that end with 2.
func strangeStarts(t *testing.T) []strange {
	dir := t.TempDir()
	ca := certstest.New(t)
	cert, key := ca.Issue(t, dir, 24*time.Hour)
	old, oldKey := ca.Issue(t, t.TempDir(), time.Minute)
	put := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	body, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	with := func(args ...string) []string { return append(here[:3:3], args...) }
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	lan := "is not on this machine's loopback"
	digits := strings.Repeat("ab", 32)
	return []strange{
		{id: "C01", name: "an unknown key", file: "grace: 5s\nadr: 127.0.0.1:1\n", want: ".yaml:2: there is no flag --adr"},
		{id: "C02", name: "a key twice", file: "grace: 5s\ngrace: 6s\n", want: ".yaml"},
		{id: "C03", name: "a value of the wrong type", file: "\nopen-webhooks: maybe\n", want: ".yaml:2: "},
		{id: "C03", name: "a tree for a value", file: "grace: {seconds: 5}\n", want: ".yaml:1: "},
		{id: "C03", name: "a list for a file", file: "- grace\n", want: ".yaml:1: "},
		{id: "C04", name: "a duration without a unit", file: "grace: 30\n", want: ".yaml:1: "},
		{id: "C04", name: "a flag without a unit", args: with("--grace", "30"), want: "missing unit"},
		{id: "C05", name: "a negative time", args: with("--grace=-1s"), want: "grace is -1s"},
		{id: "C07", name: "every address", args: []string{"up", "--addr", ":8080"}, want: lan},
		{id: "C08", name: "every address, with keys", args: []string{"up", "--addr", "0.0.0.0:8080", "--keys", rooted(t)}, want: "--tls-cert"},
		{id: "C09", name: "every address of IPv6", args: []string{"up", "--addr", "[::]:8080"}, want: lan},
		{id: "C10", name: "an address of a network", args: []string{"up", "--addr", "192.0.2.1:8080"}, want: lan},
		{id: "C10", name: "a name of nobody", args: []string{"up", "--addr", "nowhere.invalid:8080"}, want: lan},
		{id: "C11", name: "a port that is taken", args: []string{"up", "--addr", taken.Addr().String()}, want: "--addr: listen tcp " + taken.Addr().String()},
		{id: "C11", name: "a port that is none", args: []string{"up", "--addr", "127.0.0.1:99999"}, want: "address is 127.0.0.1:99999"},
		{id: "C13", name: "two services on one port", args: []string{"up", "gateway", "--addr", "127.0.0.1:8080", "--ticket-addr", "127.0.0.1:8080"}, want: "a port of its own"},
		{id: "C15", name: "a folder that others may write to", args: with("--data", open), want: "chmod 700"},
		{id: "C16", name: "a folder that is a file", args: with("--data", put("file", "", 0o600)), want: "no folder"},
		{id: "C16", name: "a folder in a file", args: with("--data", put("file", "", 0o600)+"/below"), want: "not a directory"},
		{id: "C24", name: "a server that is not there", args: with("--db", "postgres://127.0.0.1:1/{service}"), want: "refused"},
		{id: "C39", name: "a certificate without its key", args: with("--tls-cert", cert), want: "needs its key"},
		{id: "C39", name: "a key without its certificate", args: with("--tls-key", key), want: "needs its key"},
		{id: "C40", name: "a key that others may read", args: with("--tls-cert", cert, "--tls-key", put("loose", string(body), 0o644)), want: "chmod 600"},
		{id: "C41", name: "an expired certificate", args: with("--tls-cert", old, "--tls-key", oldKey), want: "expired"},
		{id: "C44", name: "an old version of TLS", args: with("--tls-min-version", "1.0"), want: "unknown flag"},
		{id: "C45", name: "an issuer that others can listen to", args: with("--oidc-issuer", "http://login.example", "--oidc-audience", "us"), want: "https"},
		{id: "C47", name: "an issuer without an audience", args: with("--oidc-issuer", "https://login.example"), want: "audience"},
		{id: "C49", name: "a password for all to see", args: with("--db", "postgres://me:hunter2@127.0.0.1/{service}"), want: "CONCENTRIC_DB"},
		{id: "C49", name: "a password of the bus", args: with("--bus", "nats://me:hunter2@127.0.0.1"), want: "CONCENTRIC_BUS"},
		{id: "C51", name: "an empty key", args: with("--token-key", put("empty", "\n", 0o600)), want: "is not 64 hex digits"},
		{id: "C51", name: "a key that others may read", args: with("--token-key", put("seen", digits, 0o644)), want: "chmod 600"},
		{id: "C51", name: "a list of keys that others may write", args: with("--keys", put("list", "", 0o666)), want: "let anybody in"},
		{id: "C53", name: "a key that is not there", args: with("--secret-key", filepath.Join(dir, "none")), want: "none"},
		{id: "C25", name: "roles where there are none", args: with("--data", t.TempDir(), "--require-unprivileged"), want: "SQLite has no roles"},
		{id: "C55", name: "a quota of nothing", args: with("--quota", "read=0"), want: "-1 for no limit"},
		{id: "C55", name: "a quota of what there is not", args: with("--quota", "acme/reed=1"), want: "CLASS=N"},
		{id: "C55", name: "a quota of nothing", args: with("--quota", "read=0"), want: "read=0"},
		{name: "a proxy that is no network", args: with("--trusted-proxy", "10.0.0.1"), want: "--trusted-proxy \"10.0.0.1\" is no network"},
		{name: "a network with the bits of a host", args: with("--trusted-proxy", "10.0.0.1/8"), want: "is no network"},
		{id: "C58", name: "a share of more than all", env: map[string]string{"OTEL_TRACES_SAMPLER_ARG": "1.5"}, want: "from 0 to 1"},
		{id: "C61", name: "a level that there is not", args: with("--log-level", "verbose"), want: "unknown flag"},
		{id: "C67", name: "a misspelt variable", env: map[string]string{"CONCENTRIC_GRACES": "5s"}, want: "CONCENTRIC_GRACES"},
		{id: "C67", name: "a variable of no use", env: map[string]string{"CONCENTRIC_GRACE": "soon"}, want: "soon"},
		{id: "C53", name: "a key that is not there, by the environment", env: map[string]string{"CONCENTRIC_KEYS": filepath.Join(dir, "none")}, want: "none"},
		{id: "C53", name: "a key that is not there, by a file", file: "keys: " + filepath.Join(dir, "none") + "\n", want: ".yaml:1: --keys"},
		{name: "profiles for a network", args: with("--admin-addr", "0.0.0.0:0"), want: "profiles tell"},
		{name: "metrics without a port", args: with("--metrics-addr", "127.0.0.1"), want: "HOST:PORT"},
		{name: "one database for all", args: with("--db", "sqlite:"+dir+"/all.db"), want: "{service}"},
	}
}

// covered says where the other rows of the start matrix are tested, or why there is nothing
// to test.
var covered = map[string]string{
	"C06": "no time-out is a setting", "C12": "TestAGoodStart", "C14": "TestAGoodStart",
	"C17": "services/e2e/abuse, A54: writes are refused and reads go on", "C18": "TestAFolderInUse",
	"C19": "a schema of the next release works with this binary, so that replicas can be replaced one by one", "C20": "services/internal/sqldb and services/e2e, kill",
	"C21": "services/e2e, kill", "C22": "TestADamagedFileStopsTheStart", "C23": "weak: no such file system in tests",
	"C26": "services/internal/sqldb: with --require-unprivileged", "C27": "services/internal/sqldb", "C28": "services/internal/sqldb",
	"C29": "services/internal/sqldb", "C30": "services/internal/sqldb", "C31": "services/internal/sqldb", "C32": "it refuses our session settings by itself",
	"C33": "weak: services/internal/bus", "C34": "services/internal/bus: what a stream loses, the outboxes send again", "C35": "services/internal/bus",
	"C36": "TestAGoodStart", "C37": "weak: the doctor's account of the server", "C38": "services/internal/bus", "C42": "services/e2e, TLS",
	"C43": "services/internal/certs", "C46": "services/internal/rpc", "C48": "services/internal/rpc", "C50": "TestAGoodStart", "C52": "TestTheDoctorTellsNoSecrets",
	"C54": "services/journey", "C56": "no quota is of all brands together", "C57": "the limit is no setting",
	"C59": "services/internal/telemetry", "C60": "TestTheDoctorTellsNoSecrets", "C62": "profiles are not files", "C63": "time/tzdata is in the binary",
	"C64": "TestAGoodStart", "C65": "Go does so", "C66": "there is no reloading; certificates: services/internal/certs", "C68": "TestAGoodStart",
}

func TestStartsThatAreRefused(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range strangeStarts(t) {
		seen[tt.id] = true
		t.Run(strings.TrimSpace(tt.id+" "+tt.name), func(t *testing.T) {
			args := tt.args
			if args == nil {
				args = here
			}
			t.Setenv("CONCENTRIC_DATA", filepath.Join(t.TempDir(), "data"))
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args[:3:3], "--config", path)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := run(ctx, args)
			if err == nil || code(err) != 2 || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it ends with %d: %v; want 2 and %q", code(err), err, tt.want)
			}
			if _, err := os.Stat(os.Getenv("CONCENTRIC_DATA")); err == nil && tt.id != "C24" {
				t.Error("it wrote something")
			}
		})
	}
	for n := 1; n <= 68; n++ {
		id := fmt.Sprintf("C%02d", n)
		if _, other := covered[id]; other == seen[id] {
			t.Errorf("%s is tested %v and explained %v", id, seen[id], other)
		}
	}
}

// good starts the suite as args say until the test ends, and returns its address.
func good(t *testing.T, args ...string) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	lis.Close()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, append([]string{"up", "--addr", addr}, args...)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		res, err := http.Get("http://" + addr + "/readyz") //nolint:noctx // it ends by itself
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return addr
			}
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("the suite does not become ready")
	return ""
}

func TestAGoodStart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("ab", 32)+" \r\n\n"), 0o600); err != nil { // C50
		t.Fatal(err)
	}
	t.Setenv("TZ", "America/Sao_Paulo") // C64
	t.Setenv("LANG", "tr_TR.UTF-8")     // C68
	t.Setenv("CONCENTRIC_GATEWAY_SERVICE_HOST", "10.0.0.7")
	t.Setenv("CONCENTRIC_GATEWAY_PORT_8080_TCP", "tcp://10.0.0.7:8080")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "# ours\ndata: %s\ntoken-key: %q\nbus: nats://127.0.0.1:1\ngrace: 90s\nallow-origin: [https://a.example, https://b.example]\n", data, key), 0o600); err != nil {
		t.Fatal(err)
	}
	good(t, "--config", file, "--grace", "1s") // C36: the bus is not there
	info, err := os.Stat(data)
	if err != nil || info.Mode().Perm() != 0o700 { // C14
		t.Errorf("the data folder is %v, %v, want it for its owner alone", info, err)
	}
	if _, err := os.Stat(filepath.Join(data, "token.key")); err == nil {
		t.Error("a key is made although there is one")
	}
}

func TestAFolderInUse(t *testing.T) { // C18
	data := t.TempDir()
	good(t, "--data", data)
	err := run(t.Context(), append(here[:3:3], "--data", data))
	if want := fmt.Sprintf("another process uses %s (process %d)", data, os.Getpid()); code(err) != 2 || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a second suite ends with %d: %v, want 2 and %q", code(err), err, want)
	}
	out, err := prints(t, "doctor", "--data", data)
	if code(err) != 1 || !strings.Contains(out, fmt.Sprintf("held by process %d", os.Getpid())) || !strings.Contains(spaced(out), "ok ticket: journal_mode wal") {
		t.Errorf("the doctor ends with %d and says\n%s", code(err), out)
	}
}

func TestADamagedFileStopsTheStart(t *testing.T) { // C22
	data := t.TempDir()
	t.Run("the first", func(t *testing.T) { good(t, "--data", data) })
	path := filepath.Join(data, "journey.db")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body[4096] ^= 1
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), append(here[:3:3], "--data", data)); code(err) != 2 || !strings.Contains(fmt.Sprint(err), "put back a backup") {
		t.Errorf("it ends with %d: %v", code(err), err)
	}
	if out, err := prints(t, "doctor", "--data", data); code(err) != 2 || !strings.Contains(out, "put back a backup") {
		t.Errorf("the doctor ends with %d and says\n%s", code(err), out)
	}
}
