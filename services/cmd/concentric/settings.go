package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/telemetry"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
)

// settings returns what the promises stand on, as far as it can be told without opening a
// database or the bus, which see for themselves. A start refuses what is unsafe among it.
func (c *upCmd) settings(ctx context.Context) []setting.Setting {
	all := []setting.Setting{
		c.named("addr", reach(ctx, c.Addr, c.TLSCert != "" && c.authenticates())),
		c.certificates(),
		c.proxiesKnown(),
		c.callersKnown(),
		c.quotasKnown(),
		c.grace(),
		c.database(),
		c.events(),
	}
	if c.Keys != "" {
		all = append(all, c.named("keys", inFile("file of API keys", c.Keys, 0o022, "whoever may write it may let anybody in")))
	}
	all = append(all, c.secrets()...)
	all = append(all, c.named("data", folder(c.Data)), disk(c.Data))
	if c.runs("gateway") {
		all = append(all, c.upstreams()...)
		all = append(all, c.webhooks())
	}
	all = append(all, c.looked(ctx)...)
	return append(all, c.telemetrySettings()...)
}

// named returns s with where the value of a flag comes from.
func (c *upCmd) named(flag string, s setting.Setting) setting.Setting {
	s.Source = c.from[flag]
	return s
}

// reach says who can reach an address: what is open to a network has to be closed, with
// TLS and authentication, to strangers.
func reach(ctx context.Context, addr string, closed bool) setting.Setting {
	s := setting.Setting{Name: "address", Value: addr}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		s.State, s.Advice = setting.Unsafe, "want HOST:PORT"
		return s
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		s.State, s.Advice = setting.Unsafe, "the port is a number of at most 65535"
		return s
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if closed {
		s.Value += ", with TLS and authentication"
	} else if host == "" || err != nil || slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !ip.Unmap().IsLoopback() }) {
		s.State = setting.Unsafe
		s.Advice = "it is not on this machine's loopback: only 127.0.0.1 and [::1] are served without TLS and authentication.\n" +
			"Add --tls-cert FILE --tls-key FILE\nand --keys FILE, or --oidc-issuer URL --oidc-audience NAME"
	}
	return s
}

func (c *upCmd) certificates() setting.Setting {
	s := c.named("tls-cert", setting.Setting{Name: "TLS", Value: "none", Advice: "fine on loopback"})
	if c.TLSCert != "" || c.TLSKey != "" {
		s.Value, s.Advice = "1.3 with "+c.TLSCert, ""
	}
	if c.ClientCA != "" {
		s.Value += ", certificates of callers"
	}
	if _, err := c.open(slog.New(slog.DiscardHandler)); err != nil {
		s.State, s.Advice = setting.Unsafe, err.Error()
	}
	return s
}

// proxiesKnown says who is believed when they say where a call comes from.
func (c *upCmd) proxiesKnown() setting.Setting {
	s := c.named("trusted-proxy", setting.Setting{Name: "proxies", Value: "none: calls come from who connects"})
	if len(c.Proxies) > 0 {
		s.Value = "believed are " + strings.Join(c.Proxies, ", ")
	} else if c.ClientCA != "" && !c.runs("gateway") {
		s.Value, s.Source = "believed is who shows a certificate", c.from["client-ca"]
	}
	for _, network := range c.Proxies {
		if prefix, err := netip.ParsePrefix(network); err == nil && prefix.Bits() == 0 {
			s.State, s.Advice = setting.Weak, "with "+network+" everybody may say where their calls come from: name the networks of the proxies"
		}
	}
	return s
}

// callersKnown says who tells the suite who its callers are.
func (c *upCmd) callersKnown() setting.Setting {
	var by, from []string
	for _, source := range []struct{ flag, value, name string }{
		{"keys", c.Keys, "API keys"}, {"oidc-issuer", c.OIDCIssuer, "OIDC of " + c.OIDCIssuer}, {"pass-public-key", c.PassPublicKey, "passes of gateways"},
	} {
		if source.value != "" {
			by, from = append(by, source.name), append(from, c.from[source.flag])
		}
	}
	s := setting.Setting{Name: "callers", Value: strings.Join(by, ", "), Source: strings.Join(slices.Compact(from), ", ")}
	if len(by) == 0 {
		s.Value, s.Source, s.State = "everybody on this machine", "default", setting.Weak
		s.Advice = "add --keys FILE, or --oidc-issuer URL --oidc-audience NAME, unless all who log in here may do everything"
	}
	if _, _, err := c.known(); err != nil {
		s.State, s.Advice = setting.Unsafe, err.Error()
	}
	return s
}

func (c *upCmd) grace() setting.Setting {
	s := c.named("grace", setting.Setting{Name: "grace", Value: c.Grace.String()})
	switch {
	case c.Grace < 0:
		s.State, s.Advice = setting.Unsafe, "--grace is a time from now on"
	case c.Grace == 0:
		s.State, s.Advice = setting.Weak, "calls under way are cut off at the end"
	}
	return s
}

// database looks at the address of the databases, which sqldb looks into.
func (c *upCmd) database() setting.Setting {
	s := c.named("db", setting.Setting{Name: "database", Value: redacted(c.DB)})
	switch {
	case len(c.names()) > 1 && !strings.Contains(c.DB, "{service}"):
		s.State, s.Advice = setting.Unsafe, "--db names one database for several services; put {service} into it"
	case s.Source == "flag" && hasPassword(c.DB):
		s.State, s.Advice = setting.Unsafe, "everybody on this machine sees the password; say it in CONCENTRIC_DB or in a file with --config"
	case c.connections() < sqldb.MinConnections:
		s.State, s.Advice = setting.Unsafe, fmt.Sprintf("--db-connections is at least %d", sqldb.MinConnections)
	}
	return s
}

// events looks at the address of the bus, which looks at the server.
func (c *upCmd) events() setting.Setting {
	s := c.named("bus", setting.Setting{Name: "bus", Value: redacted(c.Bus)})
	switch {
	case s.Source == "flag" && hasPassword(c.Bus):
		s.State, s.Advice = setting.Unsafe, "everybody on this machine sees the password; say it in CONCENTRIC_BUS or in a file with --config"
	case c.Bus == "" && c.whole():
		s.Value, s.Advice = "in this process", "its files may be lost in a power cut: what is missing then, the outboxes send again"
	case c.Bus == "":
		s.Value, s.State, s.Advice = "none", setting.Weak, "name a NATS server with JetStream with --bus; until then events wait where they are"
	}
	return s
}

// secrets looks at the files of the keys that the services here need.
func (c *upCmd) secrets() []setting.Setting {
	var all []setting.Setting
	for _, k := range []struct {
		secret
		flag, service string
	}{
		{secret{"token", c.TokenKey, survey.TokenKeySize}, "token-key", "survey"},
		{secret{"identity", c.IdentityKey, journey.IdentityKeySize}, "identity-key", "journey"},
		{secret{"secret", c.SecretKey, gateway.SecretKeySize}, "secret-key", "gateway"},
		{secret{"pass", c.PassKey, ed25519.SeedSize}, "pass-key", "gateway"},
	} {
		if !c.runs(k.service) || k.name == "pass" && c.whole() { // which passes nobody on
			continue
		}
		made := k.path == ""
		if made {
			k.path = filepath.Join(c.Data, k.name+".key")
		}
		s := c.named(k.flag, inFile(k.name+" key", k.path, 0o027, "chmod 600 it"))
		if _, err := k.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.State, s.Advice = setting.Unsafe, err.Error()
		}
		if made && s.State == setting.OK && !strings.HasPrefix(c.DB, "sqlite:") {
			s.State, s.Advice = setting.Weak, fmt.Sprintf("replicas of the %s service have to share it: name it with --%s, and keep a copy", k.service, k.flag)
		}
		all = append(all, s)
	}
	return all
}

// upstreams looks at the way from a gateway to services elsewhere.
func (c *upCmd) upstreams() []setting.Setting {
	var all []setting.Setting
	for _, u := range []struct{ service, addr string }{{"ticket", c.TicketAddr}, {"survey", c.SurveyAddr}, {"journey", c.JourneyAddr}} {
		if c.runs(u.service) {
			continue
		}
		s := c.named(u.service+"-addr", setting.Setting{Name: u.service + " service", Value: u.addr})
		for addr := range strings.SplitSeq(strings.TrimPrefix(u.addr, "dns:///"), ",") {
			host, port, err := net.SplitHostPort(addr)
			ip, no := netip.ParseAddr(host)
			switch {
			case err != nil:
				s.State, s.Advice = setting.Unsafe, "want HOST:PORT, or several with commas between"
			case addr == c.Addr && port != "0":
				s.State, s.Advice = setting.Unsafe, "that is where the gateway itself serves; give each a port of its own"
			case s.State == setting.Unsafe:
			case c.UpstreamCA == "" && host != "localhost" && (no != nil || !ip.Unmap().IsLoopback()):
				s.State, s.Advice = setting.Weak, "calls go there without TLS: add --upstream-ca FILE, unless the network does it"
			}
		}
		all = append(all, s)
	}
	return all
}

func (c *upCmd) webhooks() setting.Setting {
	s := c.named("open-webhooks", setting.Setting{Name: "webhooks", Value: "to public addresses by HTTPS"})
	if c.OpenWebhooks {
		s.Value, s.State, s.Advice = "to any address", setting.Weak, "--open-webhooks lets brands reach what this machine does; leave it out unless the network is closed"
	}
	return s
}

// telemetrySettings looks at the variables of OpenTelemetry. What they send along may be
// secret and is not shown.
func (c *upCmd) telemetrySettings() []setting.Setting {
	s := setting.Setting{Name: "telemetry", Value: "none but the log", Source: "environment"}
	var on []string
	for _, signal := range []string{"TRACES", "METRICS", "LOGS"} {
		if telemetry.Configured(signal) {
			on = append(on, strings.ToLower(signal))
		}
	}
	if c.scraped() && !slices.Contains(on, "metrics") {
		on = append(on, "metrics")
	}
	if len(on) > 0 {
		s.Value = strings.Join(on, ", ")
	}
	if share := os.Getenv("OTEL_TRACES_SAMPLER_ARG"); share != "" {
		if n, err := strconv.ParseFloat(share, 64); err != nil || !(n >= 0 && n <= 1) {
			s.State, s.Value, s.Advice = setting.Unsafe, "sampling "+share, "OTEL_TRACES_SAMPLER_ARG is a share from 0 to 1"
		}
	}
	return []setting.Setting{s, {Name: "retention", Value: "requests and events seven days, personal data as each brand says"}}
}
