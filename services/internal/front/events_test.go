package front

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// listenTo opens a watch of server-sent events.
func listenTo(t *testing.T, addr, query, last string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/v1/brands/acme/tickets:watch"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream, */*;q=0.1")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// nextEvent reads one event as its fields.
func nextEvent(t *testing.T, r *bufio.Reader) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("an event: %v", err)
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return fields
		}
		key, value, _ := strings.Cut(line, ": ")
		fields[key] = value
	}
}

func TestAWatchAsServerSentEvents(t *testing.T) {
	s := newTickets()
	_, addr := serveTickets(t, s, asIs)
	s.news <- nil
	res := listenTo(t, addr, "", "abc")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != eventStream || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answer = %d %v", res.StatusCode, res.Header)
	}
	r := bufio.NewReader(res.Body)
	for range 2 {
		got := nextEvent(t, r)
		var msg struct{ Change, ResumeToken string }
		if err := json.Unmarshal([]byte(got["data"]), &msg); err != nil || msg.Change != "CHANGE_CHANGED" || msg.ResumeToken != "abc" || got["id"] != "abc" {
			t.Fatalf("event = %v, %v, want a change after abc", got, err)
		}
		s.news <- nil
	}
	nextEvent(t, r)
	s.news <- fault.Stale("x")
	got := nextEvent(t, r)
	var p problem
	if err := json.Unmarshal([]byte(got["data"]), &p); err != nil || got["event"] != "problem" || p.Reason != "STALE" {
		t.Errorf("last event = %v, %v, want the problem STALE", got, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("after the problem: %v, want the end", err)
	}

	res = listenTo(t, addr, "?colour=red", "")
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 400 || res.Header.Get("Content-Type") != problemType || !strings.Contains(string(body), "colour") {
		t.Errorf("a refused watch = %d %s, %v", res.StatusCode, body, err)
	}
}

func TestEveryMethodIsAtItsPath(t *testing.T) {
	addr := serveOne(t, func(*rpc.Server) {})
	variable := regexp.MustCompile(`\{[^}]*\}`)
	n, missing := 0, map[protoreflect.FullName]bool{}
	eachMethod(func(md protoreflect.MethodDescriptor) {
		verb, path := binding(ruleOf(md))
		if path == "" {
			return
		}
		n++
		path = variable.ReplaceAllStringFunc(path, func(v string) string {
			if _, pattern, ok := strings.Cut(strings.Trim(v, "{}"), "="); ok {
				return strings.ReplaceAll(pattern, "*", "x")
			}
			return "x"
		})
		body := ""
		if verb != http.MethodGet && verb != http.MethodDelete {
			body = "{}"
		}
		code, answer := call(t, verb, "http://"+addr+path, body, http.Header{"Content-Type": {"application/json"}})
		if service := md.Parent().FullName(); code != http.StatusNotImplemented && !missing[service] {
			missing[service] = true
			t.Errorf("%s %s = %d %s, want 501: is %s registered in rest.go?", verb, path, code, answer, service)
		}
	})
	if n < 100 {
		t.Errorf("%d methods have paths", n)
	}
}
