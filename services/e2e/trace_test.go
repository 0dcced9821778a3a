package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/name"
)

// A collector keeps the spans that processes send it, as they are.
type collector struct {
	mu    sync.Mutex
	raw   [][]byte
	spans []*tracev1.Span
}

// collect starts a collector to which processes send all their spans from now on.
func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", srv.URL+"/v1/traces")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	return c
}

// ServeHTTP takes what a process sends.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := &collectorv1.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(body, req) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body)
	for _, r := range req.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// of returns the spans of a trace.
func (c *collector) of(trace string) []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s *tracev1.Span) bool { return hex.EncodeToString(s.GetTraceId()) != trace })
}

// leads reports whether spans lead from a parent to the last of steps, each of which a span
// on the way is: others may be between.
func leads(spans []*tracev1.Span, parent []byte, steps []string) bool {
	if len(steps) == 0 {
		return true
	}
	return slices.ContainsFunc(spans, func(s *tracev1.Span) bool {
		if !bytes.Equal(s.GetParentSpanId(), parent) {
			return false
		}
		rest := steps
		if said(s) == steps[0] {
			rest = steps[1:]
		}
		return leads(spans, s.GetSpanId(), rest)
	})
}

// said returns the name of a span, or the statements of one of a database.
func said(s *tracev1.Span) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == "db.query.summary" {
			for words := range strings.SplitSeq(a.GetValue().GetStringValue(), "; ") {
				if words == "INSERT touchpoint" || words == "COPY touchpoint" {
					return "touchpoint"
				}
			}
		}
	}
	return s.GetName()
}

func TestOneTraceLeadsFromTheRequestToTheTouchpoint(t *testing.T) {
	c := collect(t)
	each(t, func(t *testing.T, s *suite) {
		g := s.grpc()
		brand := g.brand(t)
		canary := "canary" + name.NewID()
		ticket := post(t, s, "/v1/"+brand+"/tickets", "", fmt.Sprintf(`{"customer": "%[1]s/customers/%[2]s", "subject": "%[2]s", "channel": "CHANNEL_PHONE", "issueKind": "ISSUE_KIND_BILLING"}`, brand, canary))
		id := strings.ReplaceAll(uuid.NewString(), "-", "")
		post(t, s, "/v1/"+ticket+"/interactions", "00-"+id+"-b7ad6b7169203331-01",
			fmt.Sprintf(`{"kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "actor": "ACTOR_AGENT", "agent": "%[1]s/agents/%[2]s", "text": "%[2]s"}`, brand, canary))
		g.lived(t, brand+"/customers/"+canary, 1)
		from, err := hex.DecodeString("b7ad6b7169203331")
		if err != nil {
			t.Fatal(err)
		}
		steps := []string{
			"POST /v1/brands/*/tickets/*/interactions", "concentric.ticket.v1.InteractionService/CreateInteraction", "write",
			"send interaction_created", "apply event", "touchpoint",
		}
		eventually(t, func() error {
			if spans := c.of(id); !leads(spans, from, steps) {
				return fmt.Errorf("no path %v leads through\n%s", steps, drawn(spans))
			}
			return nil
		})
		if spans := c.of(id); !slices.ContainsFunc(spans, func(s *tracev1.Span) bool { return s.GetName() == "commit" }) {
			t.Error("no span is a commit")
		}
		post(t, s, "/v1/"+brand+"/customers/"+canary+"-unknown/score:explain", "00-"+id+"-b7ad6b7169203331-01", "") // which fails, and would say who
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, raw := range c.raw {
			if bytes.Contains(raw, []byte(canary)) {
				t.Error("a span says whom a call is about")
			}
		}
	})
}

// drawn shows the spans.
func drawn(spans []*tracev1.Span) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%x of %x: %s %v\n", s.GetSpanId(), s.GetParentSpanId(), s.GetName(), s.GetAttributes())
	}
	return b.String()
}

// post makes a call by REST, in a trace, and returns the name of what it made. Without a
// body it only reads, and may fail.
func post(t *testing.T, s *suite, path, trace, body string) string {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.web()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if trace != "" {
		req.Header.Set("Traceparent", trace)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || body != "" && res.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d %s %v", path, res.StatusCode, answer, err)
	}
	_, rest, _ := strings.Cut(string(answer), `"name":`)
	made, _, _ := strings.Cut(strings.TrimLeft(rest, ` "`), `"`)
	return made
}
