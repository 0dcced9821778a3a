package api

import (
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// RedactInteraction implements InteractionService. One that is redacted already stays
// as it is.
func (s *Server) RedactInteraction(ctx context.Context, req *ticketv1.RedactInteractionRequest) (*ticketv1.Interaction, error) {
	n := req.GetName()
	brand, ticket, now := name.Brand(n), name.ID(name.Parent(n)), resource.Now()
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*ticketv1.Interaction, error) {
		i, err := store.ReadInteraction(tx, brand, ticket, name.ID(n))
		if err != nil {
			return nil, explain(n, err)
		}
		if !i.RedactTime.IsZero() {
			return interactionProto(i), nil
		}
		i.Text, i.Attributes, i.RedactTime = "", nil, now
		return interactionProto(i), store.Redact(tx, i)
	})
}
