package front

import (
	"net/http"
	"strings"
)

// An index finds the service of a path without trying the paths of all others, of which
// there are hundreds. Paths of no shape that it knows go to the handler of all services,
// which refuses them or knows better.
type index struct {
	all      http.Handler
	services map[string]http.Handler
	byShape  map[string]string // the service of each method and shape
}

// ServeHTTP implements http.Handler.
func (x *index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var buffer [128]byte
	if h := x.services[x.byShape[string(shape(buffer[:0], r.Method, r.URL.Path))]]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	x.all.ServeHTTP(w, r)
}

// shape appends a method and the path with * for each id. Paths alternate: after /v1 come
// a collection and an id, again and again; the last may have a verb behind a colon.
func shape(to []byte, method, path string) []byte {
	to = append(append(to, method...), ' ')
	for i := 0; path != ""; i++ {
		segment := path[1:]
		if end := strings.IndexByte(segment, '/'); end >= 0 {
			segment = segment[:end]
		}
		path = path[1+len(segment):]
		to = append(to, '/')
		if i < 2 || i%2 == 1 {
			to = append(to, segment...)
			continue
		}
		to = append(to, '*')
		if verb := strings.LastIndexByte(segment, ':'); path == "" && verb >= 0 {
			to = append(to, segment[verb:]...)
		}
	}
	return to
}

// shapes returns the service of each method and shape. A path that does not alternate has
// none.
func (all routes) shapes() map[string]string {
	services := make(map[string]string, len(all))
	for _, r := range all {
		if key := r.method + " " + r.shape; string(shape(nil, r.method, r.shape)) == key {
			services[key] = r.service
		}
	}
	return services
}
