package abuse

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// somewhere is a public address, which needs no name server.
const somewhere = "https://93.184.215.14/hooks"

// hook is a request for an endpoint, changed.
func hook(parent string, change func(*gatewayv1.CreateWebhookEndpointRequest)) *gatewayv1.CreateWebhookEndpointRequest {
	r := &gatewayv1.CreateWebhookEndpointRequest{Parent: parent, WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: somewhere}}
	if change != nil {
		change(r)
	}
	return r
}

// webhookRows are about where events are sent.
func webhookRows() []row {
	var rows []row
	for _, refused := range []struct {
		id   string
		urls []string
	}{
		{"W01", []string{"", "/hooks", "javascript:alert(1)"}},
		{"W02", []string{"ftp://example.com/x", "file:///etc/passwd", "gopher://example.com"}},
		{"W03", []string{"http://93.184.215.14/"}},
		{"W04", []string{"https://user:pass@93.184.215.14/"}},
		{"W05", []string{somewhere + strings.Repeat("x", 2049-len(somewhere))}},
		{"W06", []string{"https://localhost/"}},
		{"W07", []string{"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/"}},
		{"W08", []string{"https://0.0.0.0/", "https://[::]/", "https://[::1]/"}},
		{"W09", []string{"https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:0.0.0.0]/"}},
		{"W10", []string{
			"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://169.254.0.1/", "https://100.64.0.1/",
			"https://198.18.0.1/", "https://192.0.0.1/", "https://240.0.0.1/", "https://224.0.0.1/",
		}},
		{"W11", []string{"https://[fc00::1]/", "https://[fe80::1]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/"}},
		{"W12", []string{"https://169.254.169.254/", "https://metadata.google.internal/"}},
		{"W20", []string{"https://93.184.215.14:22/", "https://93.184.215.14:25/", "https://93.184.215.14:6379/"}},
	} {
		for _, url := range refused.urls {
			rows = append(rows, both(refused.id, fmt.Sprintf("a URL of %.40q", url), ask{
				req:  hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) { r.WebhookEndpoint.Url = url }),
				code: invalid, field: "webhook_endpoint.url",
			}))
		}
	}
	return append(
		rows,
		both("W19", "a port and letters written otherwise", ask{
			req: hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) {
				r.WebhookEndpoint.Url, r.ValidateOnly = "HTTPS://93.184.215.14:8443/Hooks", true
			}),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if got := m.(*gatewayv1.WebhookEndpoint).GetUrl(); got != "https://93.184.215.14:8443/Hooks" {
					t.Errorf("the URL is kept as %s", got)
				}
			},
		}),
		both("W41", "a secret of 5 bytes", ask{
			req:  hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) { r.WebhookEndpoint.Secret = "whsec_c2hvcnQ=" }),
			code: invalid, field: "webhook_endpoint.secret",
		}),
		each("W42", "the secret once more", hiddenSecret),
		both("W43", "another brand's endpoint", ask{req: &gatewayv1.GetWebhookEndpointRequest{Name: "brands/other/webhookEndpoints/crm"}, code: notFound}),
		each("W44", "the 51st endpoint", fullOfEndpoints),
		both("W45", "a type of event that nobody knows", ask{
			req: hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) {
				r.WebhookEndpoint.EventTypes = []string{"ticket.exploded"}
			}),
			code: invalid, field: "webhook_endpoint.event_types[0]",
		}),
		both("W46", "every type of event by a star", ask{
			req:  hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) { r.WebhookEndpoint.EventTypes = []string{"*"} }),
			code: invalid, field: "webhook_endpoint.event_types[0]",
		}),
	)
}

// hiddenSecret: a secret is told where it is made, and by no other answer.
func hiddenSecret(t *testing.T, s *suite, way surface) {
	made := must[*gatewayv1.WebhookEndpoint](t, s, hook(acme, func(r *gatewayv1.CreateWebhookEndpointRequest) { r.WebhookEndpointId = "hidden" + way.digit() }))
	if !strings.HasPrefix(made.GetSecret(), "whsec_") {
		t.Errorf("the secret is %q", made.GetSecret())
	}
	for _, req := range []proto.Message{
		&gatewayv1.GetWebhookEndpointRequest{Name: made.GetName()}, &gatewayv1.ListWebhookEndpointsRequest{Parent: acme},
	} {
		if got := s.create(t, way, "", req); strings.Contains(fmt.Sprint(got.msg), strings.TrimPrefix(made.GetSecret(), "whsec_")) {
			t.Errorf("%T tells the secret", req)
		}
	}
}

// fullOfEndpoints: a brand has no more than 50, and the next one leaves nothing.
func fullOfEndpoints(t *testing.T, s *suite, way surface) {
	brand := "brands/full" + way.digit()
	for range 50 {
		must[*gatewayv1.WebhookEndpoint](t, s, hook(brand, nil))
	}
	ask{req: hook(brand, nil), code: codes.ResourceExhausted, reason: "TOO_MANY"}.on(way)(t, s)
}
