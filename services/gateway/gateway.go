// Package gateway is the one door for clients. It composes the service-level and
// the experience-level view from the ticket, survey and journey services, which
// it reaches through their generated clients only, and keeps the brands.
package gateway

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/api"
	"github.com/concentric-cx/concentric/services/gateway/internal/page"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Upstreams are the connections to the three services: to another process, or to
// this one.
type Upstreams struct {
	Ticket, Survey, Journey grpc.ClientConnInterface
}

// A Service is the gateway, ready to be registered.
type Service struct {
	views *api.Views
	admin *api.Admin
	pages *page.Server
}

// New brings db up to date and returns the gateway on it. The caller keeps db and
// up, and closes them after the server has stopped.
func New(ctx context.Context, db *sqldb.DB, up Upstreams) (*Service, error) {
	s, err := store.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := once.Migrate(ctx, db); err != nil {
		return nil, err
	}
	responses := surveyv1.NewResponseServiceClient(up.Survey)
	return &Service{
		pages: page.New(responses),
		views: &api.Views{
			Tickets:        ticketv1.NewTicketServiceClient(up.Ticket),
			ServiceMetrics: ticketv1.NewServiceMetricsServiceClient(up.Ticket),
			Responses:      responses,
			SurveyMetrics:  surveyv1.NewSurveyMetricsServiceClient(up.Survey),
			Touchpoints:    journeyv1.NewTouchpointServiceClient(up.Journey),
			Scoring:        journeyv1.NewScoringServiceClient(up.Journey),
			Insight:        journeyv1.NewInsightServiceClient(up.Journey),
		},
		admin: &api.Admin{DB: db, Store: s},
	}, nil
}

// Register adds ViewService and AdminService to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	gatewayv1.RegisterViewServiceServer(r, s.views)
	gatewayv1.RegisterAdminServiceServer(r, s.admin)
}

// Pages returns the pages on which customers answer surveys, and the path below which
// they are.
func (s *Service) Pages() (path string, pages http.Handler) { return page.Path, s.pages }
