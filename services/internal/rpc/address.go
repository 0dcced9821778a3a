package rpc

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// forwardedFor is where a peer says whose call it passes on.
const forwardedFor = "x-forwarded-for"

// Proxies are networks whose hosts are believed when they say, in x-forwarded-for, whose call
// they pass on. The zero value believes nobody.
type Proxies []netip.Prefix

// Origin returns the IP address that a call comes from which a peer passes on. Each host
// adds whom it heard the call from at the end of forwarded, the values of x-forwarded-for, so
// they are read from there for as long as those who speak are believed.
func (p Proxies) Origin(host string, forwarded []string) string {
	if !p.trust(host) {
		return host
	}
	for _, said := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		ip, err := hostOf(strings.TrimSpace(said))
		if err != nil {
			break
		}
		if host = ip.Unmap().WithZone("").String(); !p.trust(host) {
			break
		}
	}
	return host
}

// hostOf reads an IP address; some proxies add the port.
func hostOf(said string) (netip.Addr, error) {
	if both, err := netip.ParseAddrPort(said); err == nil {
		return both.Addr(), nil
	}
	return netip.ParseAddr(said)
}

// trust reports whether a host is believed.
func (p Proxies) trust(host string) bool {
	if len(p) == 0 {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// Address returns the IP address that the call being handled comes from, or "" where nobody
// knows.
func Address(ctx context.Context) string {
	if id, ok := ctx.Value(callKey{}).(*identity); ok {
		return id.by.address(ctx)
	}
	return ""
}

// address returns the IP address that a call comes from, or "" where nobody knows. Calls
// within the process come from the front, which says whom it speaks for, or from the handler
// of another call.
func (s *Server) address(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	said := metadata.ValueFromIncomingContext(ctx, forwardedFor)
	if client := clientContext(ctx); client != nil {
		if len(said) == 0 {
			return Address(client)
		}
		last := said[len(said)-1] // the front's own word comes last
		return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return ""
	}
	return s.proxies.Origin(host, said)
}
