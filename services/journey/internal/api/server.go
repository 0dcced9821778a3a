// Package api answers the calls of the journey services and applies the events of
// the ticket and survey services.
package api

import (
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// source is how answers name this service as what they were made from.
const source = "journey"

// A Server implements the four journey services. Make one with [NewServer]. Its
// methods may be called concurrently.
type Server struct {
	journeyv1.UnimplementedJourneyMapServiceServer
	journeyv1.UnimplementedTouchpointServiceServer
	journeyv1.UnimplementedScoringServiceServer
	journeyv1.UnimplementedInsightServiceServer

	db        *sqldb.DB
	outbox    *bus.Outbox
	store     *store.Store
	catalog   *catalog
	validator *rpc.Validator
	now       func() time.Time
}

// NewServer returns a Server on the store in db, whose events go to outbox.
func NewServer(db *sqldb.DB, outbox *bus.Outbox, s *store.Store) *Server {
	return &Server{db: db, outbox: outbox, store: s, catalog: newCatalog(s), validator: rpc.NewValidator(), now: time.Now}
}
