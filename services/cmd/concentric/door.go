package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/certs"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// doors are the flags that say how a process is reached, and reaches others.
type doors struct {
	TLSCert     string   `name:"tls-cert" help:"Certificate chain to serve with, PEM, read again when it changes. Needed, with --tls-key and authentication, for any address but loopback." type:"existingfile" placeholder:"FILE"`
	TLSKey      string   `name:"tls-key" help:"Key of --tls-cert, PEM, readable by its owner only, or by its group if it is root's." type:"existingfile" placeholder:"FILE"`
	ClientCA    string   `name:"client-ca" help:"Authorities, PEM, of which callers must have a certificate: for services behind a gateway." type:"existingfile" placeholder:"FILE"`
	UpstreamCA  string   `name:"upstream-ca" help:"Authorities, PEM, of the services behind a gateway. It calls them with TLS then, and shows --tls-cert." type:"existingfile" placeholder:"FILE"`
	BusCA       string   `name:"bus-ca" help:"Authorities, PEM, of the NATS server at --bus. It is called with TLS then, and shown --tls-cert." type:"existingfile" placeholder:"FILE"`
	HealthAddr  string   `name:"health-addr" help:"Address that answers gRPC health checks without TLS, and nothing else, for those who have no certificate to show: live, ready, and the names of services. None if empty." placeholder:"HOST:PORT"`
	Proxies     []string `name:"trusted-proxy" help:"Networks of proxies in front, such as 10.0.0.0/8, whose X-Forwarded-For says where a call comes from. Services behind a gateway believe whoever shows a certificate of --client-ca. None if empty." placeholder:"CIDR"`
	AllowOrigin []string `name:"allow-origin" help:"Origins of web pages that may call, such as https://app.example. None but the server's own if empty." placeholder:"ORIGIN"`
}

// A door is what the flags open: nil configurations are for no TLS.
type door struct {
	server, upstream, bus *tls.Config
	proxies               rpc.Proxies
}

// open reads the certificates.
func (d doors) open(log *slog.Logger) (door, error) {
	for _, origin := range d.AllowOrigin {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Scheme+"://"+u.Host != origin || u.Host == "" || strings.Contains(origin, "*") {
			return door{}, fmt.Errorf("--allow-origin %q is no origin, such as https://app.example", origin)
		}
	}
	var (
		opened door
		pair   *certs.Pair
		err    error
	)
	if d.TLSCert != "" || d.TLSKey != "" {
		if pair, err = certs.Open(d.TLSCert, d.TLSKey, log); err != nil {
			return door{}, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		if err = pair.Measure(); err != nil {
			return door{}, err
		}
		if opened.server, err = pair.Server(d.ClientCA, log); err != nil {
			return door{}, fmt.Errorf("--client-ca: %w", err)
		}
	} else if d.ClientCA != "" {
		return door{}, errors.New("--client-ca needs --tls-cert and --tls-key: certificates are shown with TLS only")
	}
	for _, network := range d.Proxies {
		prefix, err := netip.ParsePrefix(network)
		if err != nil || prefix != prefix.Masked() {
			return door{}, fmt.Errorf("--trusted-proxy %q is no network, such as 10.0.0.0/8", network)
		}
		opened.proxies = append(opened.proxies, prefix)
	}
	if d.UpstreamCA != "" {
		if opened.upstream, err = certs.Client(d.UpstreamCA, pair); err != nil {
			return door{}, fmt.Errorf("--upstream-ca: %w", err)
		}
	}
	if d.BusCA != "" {
		if opened.bus, err = certs.Client(d.BusCA, pair); err != nil {
			return door{}, fmt.Errorf("--bus-ca: %w", err)
		}
	}
	return opened, nil
}
