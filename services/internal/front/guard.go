package front

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// A guard keeps web pages of other sites away: a page reaches the server from the
// server's own origin or from one that the operator listed.
type guard struct {
	local   bool     // the server trusts its neighbors, so it answers under a loopback name only (DNS rebinding)
	origins []string // that may call, beside its own
	next    http.Handler
}

// What pages of other origins may send and see.
const (
	corsMethods = "GET, POST, PATCH, PUT, DELETE"
	corsHeaders = "Authorization, Content-Type, Accept, Accept-Language, Idempotency-Key, If-Match, Last-Event-ID, Traceparent, Tracestate, " +
		"Connect-Protocol-Version, Connect-Timeout-Ms, Connect-Accept-Encoding, Connect-Content-Encoding, " +
		"Grpc-Timeout, X-Grpc-Web, X-User-Agent"
	corsExposed = "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Retry-After, Allow, " +
		"RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Concentric-Revision"
	corsMaxAge = "7200" // seconds; browsers remember no longer
)

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if g.local && !loopback(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, codes.PermissionDenied, "FOREIGN_HOST", "this server answers to localhost only")
		return
	}
	origin := r.Header.Get("Origin")
	switch {
	case origin == "" || origin == ownOrigin(r):
		g.next.ServeHTTP(w, r)
	case !slices.Contains(g.origins, origin):
		refuse(w, http.StatusForbidden, codes.PermissionDenied, "FOREIGN_ORIGIN", "this server answers to pages of its own origin and of listed ones only")
	case r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "":
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		h.Add("Vary", "Origin")
		w.WriteHeader(http.StatusNoContent)
	default:
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", corsExposed)
		h.Add("Vary", "Origin")
		g.next.ServeHTTP(w, r)
	}
}

// ownOrigin returns the origin of the pages that are served where r was sent.
func ownOrigin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// loopback reports whether host, with or without a port, names this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
