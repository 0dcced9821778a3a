package e2e

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// catalog is the list of metrics that dashboards and rules may name.
const catalog = "../../deploy/observability/metrics.txt"

var rewrite = flag.Bool("rewrite", false, "write the list of metrics anew")

// mostSeries is how many series a process may have: those of methods grow with the methods
// that are called, and nothing grows with brands or customers.
const mostSeries = 6000

// A series is one line of /metrics.
type series struct {
	metric string // its name, without what histograms append
	labels map[string]string
}

var (
	lookedInto = regexp.MustCompile(`(?m)^concentric can be looked into on (http://\S+)/metrics`)
	measuredOn = regexp.MustCompile(`(?m)^concentric is measured on (http://\S+)/metrics`)
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)`)
	sampleLine = regexp.MustCompile(`(?m)^([a-z_0-9]+)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`([a-z_0-9]+)="([^"]*)"`)
)

// scrape reads /metrics: the kind of each metric, and all series.
func scrape(t *testing.T, url string) (kinds map[string]string, all []series, text string) {
	t.Helper()
	code, body, err := fetch(t.Context(), http.MethodGet, url, "", nil)
	if err != nil || code != http.StatusOK {
		t.Fatalf("%s answers %d %v", url, code, err)
	}
	kinds = map[string]string{}
	for _, m := range typeLine.FindAllSubmatch(body, -1) {
		kinds[string(m[1])] = string(m[2])
	}
	for _, m := range sampleLine.FindAllSubmatch(body, -1) {
		s := series{string(m[1]), map[string]string{}}
		for _, end := range []string{"_bucket", "_count", "_sum"} {
			if base, ok := strings.CutSuffix(s.metric, end); ok && kinds[base] == "histogram" {
				s.metric = base
			}
		}
		for _, pair := range labelPair.FindAllSubmatch(m[2], -1) {
			s.labels[string(pair[1])] = string(pair[2])
		}
		all = append(all, s)
	}
	return kinds, all, string(body)
}

// listed returns the lines of the catalog for what was scraped: name, kind and labels.
func listed(kinds map[string]string, all []series) []string {
	labels := map[string]map[string]bool{}
	for _, s := range all {
		if labels[s.metric] == nil {
			labels[s.metric] = map[string]bool{}
		}
		for l := range s.labels {
			if l != "le" {
				labels[s.metric][l] = true
			}
		}
	}
	var lines []string
	for metric, ls := range labels {
		if strings.HasPrefix(metric, "process_network_") { // not on every system
			continue
		}
		lines = append(lines, strings.TrimSpace(metric+" "+kinds[metric]+" "+strings.Join(slices.Sorted(maps.Keys(ls)), " ")))
	}
	slices.Sort(lines)
	return lines
}

// drive does a little of everything that is counted, for a brand.
func drive(t *testing.T, s *suite, receiver string) (customer string) {
	t.Helper()
	g := s.grpc()
	brand := g.brand(t)
	customer = brand + "/customers/canary" + name.NewID()
	ticket := g.open(t, customer, typev1.Channel_CHANNEL_PHONE, noon)
	call := g.call(t, ticket, noon)
	g.resolve(t, ticket, noon)
	survey := g.survey(t, brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	answer := &surveyv1.SubmitResponseRequest{
		Parent: brand, RequestId: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
		Response: &surveyv1.Response{
			Survey: survey.GetName(), Customer: customer,
			Answers:     []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 6}}},
			Attribution: &surveyv1.Attribution{Interaction: call.GetName(), Channel: typev1.Channel_CHANNEL_PHONE},
		},
	}
	for range 2 { // the second is a replay
		must(g.responses.SubmitResponse(t.Context(), answer))(t)
	}
	g.lived(t, customer, 2)
	endpoints := gatewayv1.NewWebhookServiceClient(s.conns[len(s.conns)-1])
	endpoint := must(endpoints.CreateWebhookEndpoint(t.Context(), &gatewayv1.CreateWebhookEndpointRequest{
		Parent: brand, WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: receiver},
	}))(t)
	must(endpoints.PingWebhookEndpoint(t.Context(), &gatewayv1.PingWebhookEndpointRequest{Name: endpoint.GetName()}))(t)
	g.open(t, customer, typev1.Channel_CHANNEL_PHONE, noon)
	g.done(t, must(g.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: customer}))(t), &gatewayv1.ErasureReceipt{})
	return customer
}

func TestMetricsAreThoseOfTheCatalog(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	s := single(t, "--admin-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--open-webhooks")
	log := s.parts["gateway"].log.String()
	admin, open := lookedInto.FindStringSubmatch(log), measuredOn.FindStringSubmatch(log)
	if admin == nil || open == nil {
		t.Fatalf("the log names no addresses: %s", log)
	}
	var customers []string
	for range 2 {
		customers = append(customers, drive(t, s, receiver.URL))
	}
	want, err := os.ReadFile(catalog)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	var (
		got  []string
		all  []series
		text string
	)
	fromOutside, calls := elsewhere(t, s)
	ofTLS, end := certified(t)
	maps.Copy(fromOutside, ofTLS)
	calls = append(calls, end...)
	eventually(t, func() error { // deliveries take their time
		var kinds map[string]string
		kinds, all, text = scrape(t, admin[1]+"/metrics")
		maps.Copy(kinds, fromOutside)
		got = listed(kinds, append(calls, all...))
		for _, name := range []string{"concentric_webhooks_attempts_total", "concentric_operations_ended_total"} {
			if kinds[name] == "" {
				return fmt.Errorf("there is no %s", name)
			}
		}
		return nil
	})
	if *rewrite {
		if err := os.WriteFile(catalog, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if strings.Join(got, "\n")+"\n" != string(want) {
		t.Errorf("metrics are not those of the catalog; go test -run Catalog ./services/e2e -rewrite writes it anew. Now:\n%s", strings.Join(got, "\n"))
	}
	bounded(t, append(calls, all...))
	for _, customer := range customers {
		if brand := name.Brand(customer); strings.Contains(text, brand) || strings.Contains(text, name.ID(customer)) {
			t.Errorf("a label says %s, or whom of it", brand)
		}
	}
	if len(all) > mostSeries {
		t.Errorf("there are %d series, want at most %d", len(all), mostSeries)
	}
	settled(t, s, receiver.URL, open[1]+"/metrics")
	closedTo(t, admin[1], open[1])
}

// settled fails if each further brand makes more series. The first may: some things happen
// late.
func settled(t *testing.T, s *suite, receiver, url string) {
	t.Helper()
	_, all, _ := scrape(t, url)
	for range 5 {
		before := len(all)
		drive(t, s, receiver)
		if _, all, _ = scrape(t, url); len(all) <= before {
			return
		}
	}
	t.Errorf("each brand makes more series, by now %d", len(all))
}

// elsewhere returns what a gateway says that calls the services of the suite over the wire.
func elsewhere(t *testing.T, s *suite) (kinds map[string]string, all []series) {
	t.Helper()
	addr := s.parts["gateway"].addr
	p, err := serve(t, "gateway", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--metrics-addr", "127.0.0.1:0",
		"--ticket-addr", addr, "--survey-addr", addr, "--journey-addr", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetch(t.Context(), http.MethodGet, "http://"+p.addr+"/v1/brands/acme/tickets/none", "", nil); err != nil {
		t.Fatal(err)
	}
	kinds, all, _ = scrape(t, measuredOn.FindStringSubmatch(p.log.String())[1]+"/metrics")
	maps.DeleteFunc(kinds, func(name, _ string) bool { return !strings.HasPrefix(name, "rpc_client_") })
	return kinds, slices.DeleteFunc(all, func(s series) bool { return kinds[s.metric] == "" })
}

// certified returns what a process says of its certificate, which ends in two hours.
func certified(t *testing.T) (kinds map[string]string, all []series) {
	t.Helper()
	cert, key := certstest.New(t).Issue(t, t.TempDir(), 3*time.Hour)
	p, err := spawn(t, "up", "ticket", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--metrics-addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if err == nil {
		err = p.listens(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	kinds, all, text := scrape(t, measuredOn.FindStringSubmatch(p.log.String())[1]+"/metrics")
	maps.DeleteFunc(kinds, func(name, _ string) bool { return !strings.HasPrefix(name, "concentric_certificate_") })
	_, value, _ := strings.Cut(text, "\nconcentric_certificate_end_seconds ")
	value, _, _ = strings.Cut(value, "\n")
	if end, err := strconv.ParseFloat(value, 64); err != nil || time.Until(time.Unix(int64(end), 0)).Round(time.Hour) != 2*time.Hour {
		t.Errorf("the certificate ends at %q (%v), want in two hours", value, err)
	}
	return kinds, slices.DeleteFunc(all, func(s series) bool { return kinds[s.metric] == "" })
}

// bounded fails unless the values of labels come from fixed sets.
func bounded(t *testing.T, all []series) {
	t.Helper()
	sets := map[string][]string{
		"concentric_service": {"ticket", "survey", "journey", "gateway"}, "concentric_source": {"ticket", "survey", "journey"},
		"concentric_pool": {"read", "write"}, "concentric_kind": {"call", "watch"}, "concentric_outcome": {"done", "failed", "cancelled", "delivered", "gone"},
		"concentric_class": {"read", "write", "batch", "collect", "watch"}, "go_memory_type": {"stack", "other"},
	}
	for c := codes.OK; c <= codes.Unauthenticated; c++ {
		words := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(c.String(), "${1}_$2")
		sets["rpc_response_status_code"] = append(sets["rpc_response_status_code"], strings.ToUpper(words), "CANCELLED")
	}
	fields := (&eventv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("payload").Fields()
	for i := range fields.Len() {
		sets["concentric_event"] = append(sets["concentric_event"], string(fields.Get(i).Name()))
	}
	for _, s := range all {
		if s.metric == "target_info" || s.metric == "concentric_build_info" { // one series each
			continue
		}
		for label, value := range s.labels {
			switch label {
			case "le":
			case "rpc_method":
				service, method, _ := strings.Cut(value, "/")
				d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
				if _, ok := d.(protoreflect.MethodDescriptor); err != nil || !ok {
					t.Errorf("%s has a method that no contract has: %s", s.metric, value)
				}
			default:
				if !slices.Contains(sets[label], value) {
					t.Errorf("%s has the label %s=%q, which is of no fixed set", s.metric, label, value)
				}
			}
		}
	}
}

// closedTo fails if the open address shows more than figures, or the one on loopback answers
// to another name or to a page.
func closedTo(t *testing.T, admin, open string) {
	t.Helper()
	for _, tt := range []struct {
		url, host, origin string
		want              int
	}{
		{open + "/debug/pprof/heap", "", "", http.StatusNotFound},
		{admin + "/debug/pprof/heap", "", "", http.StatusOK},
		{admin + "/debug/pprof/heap", "evil.example", "", http.StatusMisdirectedRequest},
		{admin + "/metrics", "", "https://evil.example", http.StatusMisdirectedRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.host != "" {
			req.Host = tt.host
		}
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s as %q for %q answers %d, want %d", tt.url, tt.host, tt.origin, res.StatusCode, tt.want)
		}
	}
}
