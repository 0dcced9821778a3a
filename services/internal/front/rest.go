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

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
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
	for _, entry := range []entry{
		via(&ticketv1.TicketService_ServiceDesc, ticketv1.RegisterTicketServiceHandlerClient, ticketv1.NewTicketServiceClient),
		via(&ticketv1.InteractionService_ServiceDesc, ticketv1.RegisterInteractionServiceHandlerClient, ticketv1.NewInteractionServiceClient),
		via(&ticketv1.ServiceMetricsService_ServiceDesc, ticketv1.RegisterServiceMetricsServiceHandlerClient, ticketv1.NewServiceMetricsServiceClient),
		via(&ticketv1.CatalogService_ServiceDesc, ticketv1.RegisterCatalogServiceHandlerClient, ticketv1.NewCatalogServiceClient),
		via(&ticketv1.DirectoryService_ServiceDesc, ticketv1.RegisterDirectoryServiceHandlerClient, ticketv1.NewDirectoryServiceClient),
		via(&ticketv1.SlaService_ServiceDesc, ticketv1.RegisterSlaServiceHandlerClient, ticketv1.NewSlaServiceClient),
		via(&ticketv1.SelfServiceService_ServiceDesc, ticketv1.RegisterSelfServiceServiceHandlerClient, ticketv1.NewSelfServiceServiceClient),
		via(&ticketv1.OperationService_ServiceDesc, ticketv1.RegisterOperationServiceHandlerClient, ticketv1.NewOperationServiceClient),
		via(&surveyv1.SurveyService_ServiceDesc, surveyv1.RegisterSurveyServiceHandlerClient, surveyv1.NewSurveyServiceClient),
		via(&surveyv1.InvitationService_ServiceDesc, surveyv1.RegisterInvitationServiceHandlerClient, surveyv1.NewInvitationServiceClient),
		via(&surveyv1.ResponseService_ServiceDesc, surveyv1.RegisterResponseServiceHandlerClient, surveyv1.NewResponseServiceClient),
		via(&surveyv1.FeedbackService_ServiceDesc, surveyv1.RegisterFeedbackServiceHandlerClient, surveyv1.NewFeedbackServiceClient),
		via(&surveyv1.SurveyMetricsService_ServiceDesc, surveyv1.RegisterSurveyMetricsServiceHandlerClient, surveyv1.NewSurveyMetricsServiceClient),
		via(&journeyv1.CustomerService_ServiceDesc, journeyv1.RegisterCustomerServiceHandlerClient, journeyv1.NewCustomerServiceClient),
		via(&journeyv1.OperationService_ServiceDesc, journeyv1.RegisterOperationServiceHandlerClient, journeyv1.NewOperationServiceClient),
		via(&journeyv1.JourneyMapService_ServiceDesc, journeyv1.RegisterJourneyMapServiceHandlerClient, journeyv1.NewJourneyMapServiceClient),
		via(&journeyv1.TouchpointService_ServiceDesc, journeyv1.RegisterTouchpointServiceHandlerClient, journeyv1.NewTouchpointServiceClient),
		via(&journeyv1.ScoringService_ServiceDesc, journeyv1.RegisterScoringServiceHandlerClient, journeyv1.NewScoringServiceClient),
		via(&journeyv1.InsightService_ServiceDesc, journeyv1.RegisterInsightServiceHandlerClient, journeyv1.NewInsightServiceClient),
		via(&journeyv1.SignalService_ServiceDesc, journeyv1.RegisterSignalServiceHandlerClient, journeyv1.NewSignalServiceClient),
		via(&gatewayv1.ViewService_ServiceDesc, gatewayv1.RegisterViewServiceHandlerClient, gatewayv1.NewViewServiceClient),
		via(&gatewayv1.AdminService_ServiceDesc, gatewayv1.RegisterAdminServiceHandlerClient, gatewayv1.NewAdminServiceClient),
		via(&gatewayv1.ApiKeyService_ServiceDesc, gatewayv1.RegisterApiKeyServiceHandlerClient, gatewayv1.NewApiKeyServiceClient),
		via(&gatewayv1.CollectService_ServiceDesc, gatewayv1.RegisterCollectServiceHandlerClient, gatewayv1.NewCollectServiceClient),
		via(&gatewayv1.AuditService_ServiceDesc, gatewayv1.RegisterAuditServiceHandlerClient, gatewayv1.NewAuditServiceClient),
		via(&gatewayv1.OperationService_ServiceDesc, gatewayv1.RegisterOperationServiceHandlerClient, gatewayv1.NewOperationServiceClient),
		via(&gatewayv1.PrivacyService_ServiceDesc, gatewayv1.RegisterPrivacyServiceHandlerClient, gatewayv1.NewPrivacyServiceClient),
		via(&gatewayv1.WebhookService_ServiceDesc, gatewayv1.RegisterWebhookServiceHandlerClient, gatewayv1.NewWebhookServiceClient),
		via(&eventv1.DeadLetterService_ServiceDesc, eventv1.RegisterDeadLetterServiceHandlerClient, eventv1.NewDeadLetterServiceClient),
	} {
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

// An entry is a service on REST.
type entry struct {
	service  string
	register func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error
}

// via joins a generated registration with the generated client it wants.
func via[C any](desc *grpc.ServiceDesc, register func(context.Context, *runtime.ServeMux, C) error, client func(grpc.ClientConnInterface) C) entry {
	return entry{desc.ServiceName, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
		return register(ctx, mux, client(conn))
	}}
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
	writeProblem(w, status.Convert(err), code)
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
