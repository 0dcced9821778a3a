// Package api answers the calls of the survey contract. Requests arrive
// validated and authorized, and refer to nothing of another brand.
package api

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/survey/internal/sentiment"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A Server implements the services of the survey contract. Its fields are set
// once, before serving.
type Server struct {
	surveyv1.UnimplementedSurveyServiceServer
	surveyv1.UnimplementedInvitationServiceServer
	surveyv1.UnimplementedResponseServiceServer
	surveyv1.UnimplementedFeedbackServiceServer
	surveyv1.UnimplementedSurveyMetricsServiceServer

	DB        *sqldb.DB
	Store     *store.Store   // on DB
	Outbox    *bus.Outbox    // of DB
	Hub       *watch.Hub     // of Outbox
	Validator *rpc.Validator // of what is merged, and of the items of batches and imports
	Sentiment sentiment.Reader
	TokenKey  []byte // what the tokens of invitations are made with
	Now       func() time.Time

	Tombstones *privacy.Tombstones // of DB

	public public
	noted  notes

	responsesSeen watch.Lookups[responseLookup, []store.Response]
	feedbackSeen  watch.Lookups[feedbackLookup, []store.Feedback]
}

// Register adds every service of s to r.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	surveyv1.RegisterSurveyServiceServer(r, s)
	surveyv1.RegisterInvitationServiceServer(r, s)
	surveyv1.RegisterResponseServiceServer(r, s)
	surveyv1.RegisterFeedbackServiceServer(r, s)
	surveyv1.RegisterSurveyMetricsServiceServer(r, s)
}

// now is the time as the store keeps it.
func (s *Server) now() time.Time { return stored(s.Now()) }

// moment returns what a request says in the field at path, or now.
func moment(path string, t *timestamppb.Timestamp, now time.Time) (time.Time, error) {
	if t == nil {
		return now, nil
	}
	if t.AsTime().After(now.Add(fault.Lead)) {
		return time.Time{}, fault.Ahead(path)
	}
	return stored(t.AsTime()), nil
}

// stored returns t as it comes back from the store.
func stored(t time.Time) time.Time { return sqldb.Time(sqldb.Micros(t)) }

// active returns the survey if it takes answers.
func (s *Server) active(ctx context.Context, survey string) (store.Survey, error) {
	v, err := s.Store.Survey(ctx, name.Brand(survey), name.ID(survey))
	if err != nil {
		return store.Survey{}, resource.Explain(survey, err)
	}
	if !v.TakesAnswers(s.now()) {
		return store.Survey{}, fault.Precondition("SURVEY_NOT_ACTIVE", survey, "%s takes no answers", survey)
	}
	return v, nil
}

// within returns a reference as the store keeps it, without the brand.
func within(brand, ref string) string { return strings.TrimPrefix(ref, "brands/"+brand+"/") }

// full returns the name that within was made of.
func full(brand, ref string) string {
	if ref == "" {
		return ""
	}
	return name.Join("brands", brand, ref)
}
