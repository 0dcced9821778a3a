// Package api answers the calls of the journey services and applies the events of
// the ticket and survey services.
package api

import (
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// source is how answers name this service as what they were made from.
const source = "journey"

// A Server implements the services of package journey. Make one with [NewServer]. Its
// methods may be called concurrently.
type Server struct {
	journeyv1.UnimplementedCustomerServiceServer
	journeyv1.UnimplementedJourneyMapServiceServer
	journeyv1.UnimplementedTouchpointServiceServer
	journeyv1.UnimplementedScoringServiceServer
	journeyv1.UnimplementedOperationServiceServer
	journeyv1.UnimplementedInsightServiceServer
	journeyv1.UnimplementedSignalServiceServer

	db         *sqldb.DB
	outbox     *bus.Outbox
	hub        *watch.Hub // of outbox
	lookups    watch.Lookups[touchpointLookup, []*journeyv1.Touchpoint]
	store      *store.Store
	models     *models
	due        worker.Alarm // rings for new operations
	queue      *bus.Queue   // of the parts of operations
	catalog    *catalog
	validator  *rpc.Validator
	tombstones *privacy.Tombstones // of db
	keys       *person.Keys        // of identities and what few may read
	unread     time.Duration       // for which the answer to a stream may wait
	now        func() time.Time
}

// NewServer returns a Server on the store in db, whose events go to outbox. Keys are those
// that the store was first used with; buried is who was erased.
func NewServer(db *sqldb.DB, outbox *bus.Outbox, s *store.Store, keys *person.Keys, buried *privacy.Tombstones) *Server {
	return &Server{
		db: db, outbox: outbox, hub: watch.NewHub(db, outbox), store: s, models: newModels(s), catalog: newCatalog(s), queue: bus.NewQueue("journey"),
		validator: rpc.NewValidator(), keys: keys, tombstones: buried, unread: unreadFor, now: time.Now,
	}
}
