package front

import (
	"context"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

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

// entries lists all services that have REST bindings.
func entries() []entry {
	return []entry{
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
		via(&gatewayv1.TargetService_ServiceDesc, gatewayv1.RegisterTargetServiceHandlerClient, gatewayv1.NewTargetServiceClient),
		via(&eventv1.DeadLetterService_ServiceDesc, eventv1.RegisterDeadLetterServiceHandlerClient, eventv1.NewDeadLetterServiceClient),
	}
}
