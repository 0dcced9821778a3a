// Package api answers the services of the ticket service. Requests arrive validated
// and authorized.
package api

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A Server implements all services. Its fields are set once, before serving.
type Server struct {
	ticketv1.UnimplementedTicketServiceServer
	ticketv1.UnimplementedInteractionServiceServer
	ticketv1.UnimplementedCatalogServiceServer
	ticketv1.UnimplementedDirectoryServiceServer
	ticketv1.UnimplementedSlaServiceServer
	ticketv1.UnimplementedSelfServiceServiceServer
	ticketv1.UnimplementedServiceMetricsServiceServer
	ticketv1.UnimplementedOperationServiceServer

	DB        *sqldb.DB
	Store     *store.Store   // on DB
	Outbox    *bus.Outbox    // of DB
	Queue     *bus.Queue     // of the parts of operations
	Hub       *watch.Hub     // of Outbox
	Validator *rpc.Validator // of the items of batches and imports

	Tombstones *privacy.Tombstones // of DB

	sla     slaState
	lookups watch.Lookups[lookup, found]
}

// given returns the time in a field of the request, as the store keeps it, or the
// zero time for none.
func given(field string, ts *timestamppb.Timestamp, now time.Time) (time.Time, error) {
	if ts == nil {
		return time.Time{}, nil
	}
	t := sqldb.Time(sqldb.Micros(ts.AsTime()))
	if t.Sub(now) > fault.Lead {
		return time.Time{}, fault.Ahead(field)
	}
	return t, nil
}

// or returns t, or instead for the zero time.
func or(t, instead time.Time) time.Time {
	if t.IsZero() {
		return instead
	}
	return t
}

// explain turns what the store and the rules say about the resource called n into what
// the caller can use.
func explain(n string, err error) error {
	if e, ok := errors.AsType[*lifecycle.Illegal](err); ok {
		return illegal(n, e)
	}
	return resource.Explain(n, err)
}

// illegal says in which state the ticket is and where it may go from there.
func illegal(ticket string, e *lifecycle.Illegal) error {
	state := ticketv1.Ticket_State(e.From).String()
	moves := make([]string, len(e.Allowed))
	for i, s := range e.Allowed {
		moves[i] = ticketv1.Ticket_State(s).String()
	}
	allowed := strings.Join(moves, ", ")
	message := ticket + " is in " + state
	if allowed == "" {
		message += ", which is final; open a new ticket instead"
	} else {
		message += "; it may only go to " + allowed
	}
	return &fault.Error{
		Code: codes.FailedPrecondition, Reason: "ILLEGAL_TRANSITION", Message: message,
		Metadata: map[string]string{"name": ticket, "state": state, "allowed": allowed},
	}
}
