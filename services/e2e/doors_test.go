package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// client is where the TypeScript client is.
const client = "../../gen/ts"

// needs skips the test where a program is not installed, unless it has to be there.
func needs(t *testing.T, what string, found bool) {
	t.Helper()
	switch {
	case found:
	case os.Getenv("CONCENTRIC_TEST_REQUIRE_WEB") != "":
		t.Fatalf("there is no %s", what)
	default:
		t.Skipf("SKIPPED: there is no %s", what)
	}
}

// installed returns the first of the programs that is there, or "".
func installed(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// withClient needs what the TypeScript client depends on.
func withClient(t *testing.T) {
	t.Helper()
	_, err := os.Stat(filepath.Join(client, "node_modules"))
	needs(t, "gen/ts/node_modules: npm ci --prefix gen/ts --ignore-scripts", err == nil)
}

// TestEveryClientMakesARoundTrip runs the script of the README against the suite: curl,
// buf curl, the Go example, and grpcurl and Node where they are installed.
func TestEveryClientMakesARoundTrip(t *testing.T) {
	s := single(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "../../examples/client/roundtrips.sh", strings.TrimPrefix(s.web(), "http://")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
	for _, way := range []string{"curl, REST", "curl, Connect", "curl, watch as text/event-stream", "curl, problem", "Go client"} {
		if !strings.Contains(string(out), way+": ") {
			t.Errorf("nothing is said of %s", way)
		}
	}
	if skipped := strings.Contains(string(out), "skipped: "); skipped {
		needs(t, "client of some kind: see above", false)
	}
}

// TestAPageOfAnotherOriginMakesARoundTrip runs the TypeScript client in Chromium, on a page
// that the suite was told of: Connect and gRPC-Web with a watch, REST, server-sent events.
func TestAPageOfAnotherOriginMakesARoundTrip(t *testing.T) {
	browser := installed("chromium", "chromium-browser", "google-chrome")
	needs(t, "Chromium", browser != "")
	withClient(t)
	results := make(chan string, 1)
	pages := httptest.NewServer(site(t, results))
	defer pages.Close()
	s := single(t, "--allow-origin", pages.URL)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-first-run", "--user-data-dir="+profile(t), pages.URL+"/?"+s.web())
	cmd.WaitDelay = 10 * time.Second
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got string
	select {
	case got = <-results:
	case <-ctx.Done():
	}
	cancel()
	_ = cmd.Wait() // it is killed
	if !strings.HasSuffix(got, "\ndone") {
		t.Fatalf("the page says %q; Chromium says %s", got, out)
	}
	t.Logf("%s", got)
	for _, want := range []string{
		"Connect: brands/acme/tickets/", "Connect, binary: ", "gRPC-Web: ", "heard as CHANGED", "rated 9, refused for ticket.subject",
		"refused with 400 application/problem+json INVALID_ARGUMENT", "the last with an id",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page says nothing of %q: %s", want, got)
		}
	}
}

// site serves the example's page and the modules it imports, and takes its result.
func site(t *testing.T, results chan<- string) http.Handler {
	t.Helper()
	modules, err := json.Marshal(map[string]any{"imports": imports(t)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>example</title><script type="importmap">%s</script><script type="module" src="/ts/example/browser.js"></script>`, modules)
	})
	mux.Handle("GET /ts/", http.StripPrefix("/ts/", http.FileServer(http.Dir(client))))
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing shows in the result
		select {
		case results <- string(body):
		default:
		}
	})
	return mux
}

// imports maps what modules import by name to where it is.
func imports(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"} {
		text, err := os.ReadFile(filepath.Join(client, "node_modules", name, "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		var pack struct {
			Exports map[string]struct{ Import string }
		}
		if err := json.Unmarshal(text, &pack); err != nil {
			t.Fatal(err)
		}
		for key, value := range pack.Exports {
			all[path.Join(name, key)] = path.Join("/ts/node_modules", name, value.Import)
		}
	}
	for folder, prefix := range map[string]string{"src/concentric": "", "src/google": "google/"} {
		root := filepath.Join(client, folder)
		if err := fs.WalkDir(os.DirFS(root), ".", func(file string, _ fs.DirEntry, err error) error {
			if module, ok := strings.CutSuffix(file, "_pb.js"); ok {
				all["@concentric-cx/client/"+prefix+module] = path.Join("/ts", folder, file)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
