package gateway

import (
	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/api"
	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Upstreams are the connections to the three services: to another process, or to
// this one.
type Upstreams struct {
	Ticket, Survey, Journey grpc.ClientConnInterface
}

// newViews returns what composes answers.
func newViews(targets *api.Targets, up Upstreams) *api.Views {
	return &api.Views{
		Tickets:        ticketv1.NewTicketServiceClient(up.Ticket),
		ServiceMetrics: ticketv1.NewServiceMetricsServiceClient(rpc.ReadOnly(up.Ticket)),
		Responses:      surveyv1.NewResponseServiceClient(up.Survey),
		Invitations:    surveyv1.NewInvitationServiceClient(up.Survey),
		SurveyMetrics:  surveyv1.NewSurveyMetricsServiceClient(rpc.ReadOnly(up.Survey)),
		Customers:      journeyv1.NewCustomerServiceClient(up.Journey),
		Touchpoints:    journeyv1.NewTouchpointServiceClient(up.Journey),
		Scoring:        journeyv1.NewScoringServiceClient(up.Journey),
		Insight:        journeyv1.NewInsightServiceClient(rpc.ReadOnly(up.Journey)),
		Signals:        journeyv1.NewSignalServiceClient(up.Journey),
		Targets:        targets,
	}
}

// newCollect returns what takes in what apps send.
func newCollect(v *rpc.Validator, up Upstreams) *api.Collect {
	journey, survey, ticket := rpc.Telling(up.Journey), rpc.Telling(up.Survey), rpc.Telling(up.Ticket)
	return &api.Collect{
		Validator:    v,
		Customers:    journeyv1.NewCustomerServiceClient(journey),
		Touchpoints:  journeyv1.NewTouchpointServiceClient(journey),
		Feedback:     surveyv1.NewFeedbackServiceClient(survey),
		Invitations:  surveyv1.NewInvitationServiceClient(survey),
		Responses:    surveyv1.NewResponseServiceClient(survey),
		Tickets:      ticketv1.NewTicketServiceClient(ticket),
		Interactions: ticketv1.NewInteractionServiceClient(ticket),
	}
}

// newAudit returns what shows the logs of all services.
func newAudit(db *sqldb.DB, up Upstreams) *api.Audit {
	return &api.Audit{
		Log:     audit.NewLog(db),
		Ticket:  eventv1.NewAuditLogServiceClient(up.Ticket),
		Survey:  eventv1.NewAuditLogServiceClient(up.Survey),
		Journey: eventv1.NewAuditLogServiceClient(up.Journey),
	}
}
