package front

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// headers are the only request headers that reach a service. The gateway's own
// default would let a client forge metadata (grpc-gateway issue 7281).
var headers = map[string]string{
	"Idempotency-Key": "idempotency-key",
	"Traceparent":     "traceparent",
	"Tracestate":      "tracestate",
	"Accept-Language": "accept-language",
}

// rest returns the handler of all REST/JSON calls, which go to conn. Those of
// services that are not there are UNIMPLEMENTED.
func rest(ctx context.Context, conn grpc.ClientConnInterface) (http.Handler, error) {
	beStrict()
	mux := runtime.NewServeMux(
		runtime.WithIncomingHeaderMatcher(func(key string) (string, bool) {
			name, ok := headers[http.CanonicalHeaderKey(key)]
			return name, ok
		}),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, lines{&runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true}, // a zero is a value
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}}),
		runtime.WithForwardResponseOption(inTime),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithRoutingErrorHandler(contractRoutes().refuse),
	)
	for _, register := range []func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error{
		via(ticketv1.RegisterTicketServiceHandlerClient, ticketv1.NewTicketServiceClient),
		via(ticketv1.RegisterInteractionServiceHandlerClient, ticketv1.NewInteractionServiceClient),
		via(ticketv1.RegisterServiceMetricsServiceHandlerClient, ticketv1.NewServiceMetricsServiceClient),
		via(ticketv1.RegisterCatalogServiceHandlerClient, ticketv1.NewCatalogServiceClient),
		via(ticketv1.RegisterDirectoryServiceHandlerClient, ticketv1.NewDirectoryServiceClient),
		via(ticketv1.RegisterSlaServiceHandlerClient, ticketv1.NewSlaServiceClient),
		via(ticketv1.RegisterSelfServiceServiceHandlerClient, ticketv1.NewSelfServiceServiceClient),
		via(ticketv1.RegisterOperationServiceHandlerClient, ticketv1.NewOperationServiceClient),
		via(surveyv1.RegisterSurveyServiceHandlerClient, surveyv1.NewSurveyServiceClient),
		via(surveyv1.RegisterInvitationServiceHandlerClient, surveyv1.NewInvitationServiceClient),
		via(surveyv1.RegisterResponseServiceHandlerClient, surveyv1.NewResponseServiceClient),
		via(surveyv1.RegisterFeedbackServiceHandlerClient, surveyv1.NewFeedbackServiceClient),
		via(surveyv1.RegisterSurveyMetricsServiceHandlerClient, surveyv1.NewSurveyMetricsServiceClient),
		via(journeyv1.RegisterCustomerServiceHandlerClient, journeyv1.NewCustomerServiceClient),
		via(journeyv1.RegisterOperationServiceHandlerClient, journeyv1.NewOperationServiceClient),
		via(journeyv1.RegisterJourneyMapServiceHandlerClient, journeyv1.NewJourneyMapServiceClient),
		via(journeyv1.RegisterTouchpointServiceHandlerClient, journeyv1.NewTouchpointServiceClient),
		via(journeyv1.RegisterScoringServiceHandlerClient, journeyv1.NewScoringServiceClient),
		via(journeyv1.RegisterInsightServiceHandlerClient, journeyv1.NewInsightServiceClient),
		via(journeyv1.RegisterSignalServiceHandlerClient, journeyv1.NewSignalServiceClient),
		via(gatewayv1.RegisterViewServiceHandlerClient, gatewayv1.NewViewServiceClient),
		via(gatewayv1.RegisterAdminServiceHandlerClient, gatewayv1.NewAdminServiceClient),
		via(eventv1.RegisterDeadLetterServiceHandlerClient, eventv1.NewDeadLetterServiceClient),
	} {
		if err := register(ctx, mux, conn); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// via joins a generated registration with the generated client it wants.
func via[C any](register func(context.Context, *runtime.ServeMux, C) error, client func(grpc.ClientConnInterface) C) func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error {
	return func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
		return register(ctx, mux, client(conn))
	}
}

// refuse answers paths and methods that no RPC has.
func (all routes) refuse(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", all.allowed(r.URL.Path))
		refuse(w, code, codes.Unimplemented, "METHOD_NOT_ALLOWED", "the path has no such method")
	case http.StatusNotFound:
		refuse(w, code, codes.NotFound, "NO_SUCH_PATH", "no method is at this path")
	default:
		refuse(w, code, codes.InvalidArgument, "BAD_PATH", "the path cannot be read")
	}
}

// refuse answers with the JSON form of a google.rpc.Status, as every other error.
func refuse(w http.ResponseWriter, code int, c codes.Code, reason, message string) {
	st := status.Convert(&fault.Error{Code: c, Reason: reason, Message: message})
	body, err := protojson.Marshal(st.Proto())
	if err != nil {
		body, _ = json.Marshal(map[string]any{"code": int(c), "message": message}) //nolint:errcheck,errchkjson // a map of plain values marshals
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(body) //nolint:errcheck // the client went away
}

// tooLarge reports whether err is about a body over the limit.
func tooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}
