package front

import (
	"context"
	"errors"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// inward are the only request headers that reach a service, with the names they have
// there. The gateway's own default would let a client forge metadata (grpc-gateway issue
// 7281).
func inward() map[string]string {
	return map[string]string{
		"Authorization":   "authorization",
		"Idempotency-Key": "idempotency-key",
		"Traceparent":     "traceparent",
		"Tracestate":      "tracestate",
		"Accept-Language": "accept-language",
		"If-Match":        "if-match",
	}
}

// outward are the only response headers of a service that reach a client. Whoever limits
// calls sets them with grpc.SetHeader.
func outward() map[string]string {
	return map[string]string{
		"concentric-revision": "Concentric-Revision",
		"ratelimit-limit":     "RateLimit-Limit",
		"ratelimit-remaining": "RateLimit-Remaining",
		"ratelimit-reset":     "RateLimit-Reset",
	}
}

// How messages and JSON become each other. A zero is a value, and a field that nobody
// knows is a mistake.
func jsonOut() protojson.MarshalOptions { return protojson.MarshalOptions{EmitDefaultValues: true} }

func jsonIn() protojson.UnmarshalOptions { return protojson.UnmarshalOptions{DiscardUnknown: false} }

// rest returns the handler of all REST/JSON calls, which go to conn. Those of
// services that are not there are UNIMPLEMENTED.
func rest(ctx context.Context, conn grpc.ClientConnInterface, all routes) (http.Handler, error) {
	beStrict()
	text := &runtime.JSONPb{MarshalOptions: jsonOut(), UnmarshalOptions: jsonIn()}
	in, out := inward(), outward()
	delete(in, "Authorization") // which the gateway takes by itself
	options := []runtime.ServeMuxOption{
		runtime.WithIncomingHeaderMatcher(func(key string) (string, bool) {
			name, ok := in[http.CanonicalHeaderKey(key)]
			return name, ok
		}),
		runtime.WithOutgoingHeaderMatcher(func(name string) (string, bool) {
			key, ok := out[name]
			return key, ok
		}),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, lines{text}),
		runtime.WithMarshalerOption(eventStream, events{text}),
		runtime.WithForwardResponseOption(inTime),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithRoutingErrorHandler(all.refuse),
		runtime.WithErrorHandler(refused),
	}
	whole, services := runtime.NewServeMux(options...), map[string]http.Handler{}
	for _, entry := range entries() {
		own := runtime.NewServeMux(options...)
		for _, mux := range []*runtime.ServeMux{whole, own} {
			if err := entry.register(ctx, mux, prompt{conn}); err != nil {
				return nil, err
			}
		}
		services[entry.service] = own
	}
	return &index{whole, services, all.shapes()}, nil
}

// refused answers a call that failed.
func refused(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	code := 0
	if e, ok := errors.AsType[*runtime.HTTPStatusError](err); ok {
		code, err = e.HTTPStatus, e.Err
	}
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok {
		for name, key := range outward() {
			if values := md.HeaderMD.Get(name); len(values) > 0 {
				w.Header()[key] = values
			}
		}
	}
	st := status.Convert(err)
	if st.Code() == codes.InvalidArgument && len(st.Proto().GetDetails()) == 0 { // no method has seen it
		st = misread(ctx, st.Message()).GRPCStatus()
	}
	writeProblem(w, st, code)
}

// refuse answers paths and methods that no RPC has.
func (all routes) refuse(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", all.allowed(r.URL.Path))
		refuse(w, code, codes.Unimplemented, "METHOD_NOT_ALLOWED", "the path has no such method")
	case http.StatusNotFound:
		noSuchPath(w)
	default:
		refuse(w, code, codes.InvalidArgument, "BAD_PATH", "the path cannot be read")
	}
}
