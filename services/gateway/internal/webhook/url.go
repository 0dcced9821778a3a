// Package webhook knows how events are told to other systems: what an address may be,
// how a message is written and signed, and when it is tried again. The form is that of
// the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com).
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// maxURL is the length of the longest address.
const maxURL = 2048

// ErrAddress says that a host has an address that nothing is sent to.
var ErrAddress = errors.New("the host has an address that is not public")

// A Guard decides where messages may go. The zero value lets them go to public
// addresses only, over TLS, on ports 443 and 8443.
type Guard struct {
	// Open lets them go anywhere, over plain HTTP as well: for development and for
	// receivers in a closed network.
	Open bool

	Resolver *net.Resolver // nil is net.DefaultResolver
}

// Parse returns the address in its normal form: the host in lower case and ASCII,
// without the dot behind. Its errors are for the caller. It asks no name server.
func (g Guard) Parse(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("must be at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("must be an absolute URL with a host")
	case u.Scheme != "https" && (u.Scheme != "http" || !g.Open):
		return nil, errors.New("must begin with https://")
	case u.User != nil:
		return nil, errors.New("must not carry a user or password")
	case u.Fragment != "":
		return nil, errors.New("must not have a fragment")
	}
	host, err := hostOf(u.Hostname())
	if err != nil {
		return nil, err
	}
	port := u.Port()
	switch port {
	case "", "443", "8443":
	default:
		if !g.Open {
			return nil, errors.New("must use port 443 or 8443")
		}
	}
	if err := g.literal(host); err != nil {
		return nil, err
	}
	u.Host = host
	if strings.Contains(host, ":") {
		u.Host = "[" + host + "]"
	}
	if port != "" {
		u.Host += ":" + port
	}
	return u, nil
}

// hostOf returns a host in its normal form.
func hostOf(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", errors.New("must not name a network interface")
		}
		return addr.String(), nil
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || ascii == "" || len(ascii) > 253 || strings.HasPrefix(ascii, ".") || strings.Contains(ascii, "..") {
		return "", errors.New("must have a well-formed host")
	}
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii { // what looks like punycode and is none
		return "", errors.New("must have a well-formed host")
	}
	return ascii, nil
}

// literal refuses hosts of which the name alone says too much: addresses that are not
// public, however they are written, and names that only mean something at home.
func (g Guard) literal(host string) error {
	if g.Open {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if !public(addr) {
			return ErrAddress
		}
		return nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case !strings.Contains(host, "."), last == "localhost", last == "local", last == "internal", last == "lan", last == "home", last == "arpa":
		return errors.New("must have a public host name")
	case strings.Trim(last, "0123456789") == "", strings.HasPrefix(last, "0x"):
		return errors.New("must not write an address in an unusual way") // 127.1, 0177.0.0.1, 0x7f.1
	}
	return nil
}

// Check looks the host up and returns [ErrAddress] if any of its addresses is not
// public. A host that is not known now is let pass: it is looked up at each connection.
func (g Guard) Check(ctx context.Context, u *url.URL) error {
	_, err := g.resolve(ctx, u.Hostname())
	if errors.Is(err, ErrAddress) {
		return err
	}
	return nil
}

// resolve returns the addresses of a host, or [ErrAddress] if one of them is not public.
func (g Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	resolver := g.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	all, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if !g.Open && slices.ContainsFunc(all, func(a netip.Addr) bool { return !public(a) || own(a) }) {
		return nil, ErrAddress
	}
	return all, nil
}

// reserved are the blocks of the IANA special-purpose registries that
// [netip.Addr] has no method for, those that stand for addresses of the other family,
// and what IPv6 has not given out.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var unicast = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

// public reports whether an address is reachable from everywhere and belongs to one
// machine there.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" || a.Is6() && !unicast.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// own reports whether an address is of this machine: the suite does not call itself.
func own(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(x net.Addr) bool {
		p, err := netip.ParsePrefix(x.String())
		return err == nil && p.Addr().Unmap() == a.Unmap()
	})
}
