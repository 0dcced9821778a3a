package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
)

// What a request may have: as much as on gRPC.
const (
	maxMessage = 1 << 20
	maxBatch   = 4 << 20 // for a method that takes batches
	maxPath    = 8 << 10
)

// sane refuses paths that no name leads to, before anything reads them as names.
func sane(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case len(r.URL.EscapedPath()) > maxPath:
			refuse(w, http.StatusRequestURITooLong, codes.InvalidArgument, "PATH_TOO_LONG", "the path is longer than 8 KiB")
		case strings.Contains(path, "//"), len(path) > 1 && strings.HasPrefix(path, "/v1/") && strings.HasSuffix(path, "/"),
			strings.ContainsRune(path, 0), strings.Contains(strings.ToLower(r.URL.RawPath), "%2f"):
			noSuchPath(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func noSuchPath(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, codes.NotFound, "NO_SUCH_PATH", "no method is at this path")
}

// bounded refuses bodies that are no JSON or too large, before anything reads
// them as a message.
func (all routes) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete && r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		if reason, message := notJSON(r); reason != "" {
			if _, ok := all.find(r.Method, r.URL.Path); !ok {
				next.ServeHTTP(w, r) // which says that there is no such method, whatever it were sent
				return
			}
			w.Header().Set("Accept-Post", "application/json")
			refuse(w, http.StatusUnsupportedMediaType, codes.InvalidArgument, reason, message)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBatch))
		if err == nil && len(body) > maxMessage {
			if route, ok := all.find(r.Method, r.URL.Path); ok && !route.batch {
				err = &http.MaxBytesError{Limit: maxMessage}
			}
		}
		if err != nil {
			unreadable(w, err)
			return
		}
		if len(body) > 0 && !json.Valid(body) {
			refuse(w, http.StatusBadRequest, codes.InvalidArgument, "BAD_JSON", "the body is not one JSON value")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// notJSON says why the body of r is not taken for JSON, or nothing.
func notJSON(r *http.Request) (reason, message string) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "NOT_JSON", "send application/json"
	}
	if r.Header.Get("Content-Encoding") != "" {
		return "ENCODED", "send the body without a content encoding"
	}
	return "", ""
}

// unreadable answers a request whose body has not come.
func unreadable(w http.ResponseWriter, err error) {
	large, ok := errors.AsType[*http.MaxBytesError](err)
	switch {
	case ok && large.Limit == maxMessage:
		refuse(w, http.StatusRequestEntityTooLarge, codes.ResourceExhausted, "TOO_LARGE", "the body is larger than 1 MiB, the most for a method that takes no batches")
	case ok:
		refuse(w, http.StatusRequestEntityTooLarge, codes.ResourceExhausted, "TOO_LARGE", "the body is larger than 4 MiB")
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestTimeout, codes.DeadlineExceeded, "TOO_SLOW", "the body did not come in time")
	default:
		refuse(w, http.StatusBadRequest, codes.InvalidArgument, "BAD_BODY", "the body cannot be read")
	}
}
