package front

import (
	"net"
	"net/http"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// from returns a handler for which a request comes from where it comes from, whichever
// proxies have passed it on, and what else the client says of that is gone.
func from(proxies rpc.Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := r.Header.Values("X-Forwarded-For")
		r.Header.Del("X-Forwarded-For")
		if host, port, err := net.SplitHostPort(r.RemoteAddr); err == nil && len(said) > 0 {
			if origin := proxies.Origin(host, said); origin != host {
				r.RemoteAddr = net.JoinHostPort(origin, port)
			}
		}
		next.ServeHTTP(w, r)
	})
}
