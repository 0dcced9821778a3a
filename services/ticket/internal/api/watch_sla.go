package api

import (
	"slices"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/watch"
)

// WatchSlaEvents implements SlaService. Without a token the first heartbeat comes at
// once, so that there is one.
func (s *Server) WatchSlaEvents(req *ticketv1.WatchSlaEventsRequest, stream grpc.ServerStreamingServer[ticketv1.WatchSlaEventsResponse]) error {
	ctx, brand := stream.Context(), name.Brand(req.GetParent())
	tokens, err := watch.NewTokens(req)
	if err != nil {
		return err
	}
	token := req.GetResumeToken()
	var from watch.Position
	if token != "" {
		if from, err = tokens.Decode(token); err != nil {
			return err
		}
	}
	bound := ref(brand, "partners", partnerOf(ctx))
	return s.Hub.Watch(ctx, watch.Request{
		Brand: brand, From: from,
		Match: func(e *eventv1.Event) bool {
			kind, c := clockOf(e)
			return kind != ticketv1.SlaEvent_KIND_UNSPECIFIED && (bound == "" || c.GetPartner() == bound) &&
				among(req.GetKinds(), kind) && among(req.GetTeams(), c.GetTeam()) && among(req.GetPartners(), c.GetPartner())
		},
		Send: func(b watch.Batch) (bool, error) {
			for i, e := range b.Events {
				if i == len(b.Events)-1 {
					token = tokens.Encode(b.At) // the others are not the last of the batch
				}
				if err := stream.Send(&ticketv1.WatchSlaEventsResponse{Event: slaEvent(e), ResumeToken: token}); err != nil {
					return true, err
				}
			}
			if len(b.Events) > 0 {
				return true, nil
			}
			token = tokens.Encode(b.At)
			return false, stream.Send(&ticketv1.WatchSlaEventsResponse{ResumeToken: token})
		},
	})
}

// among reports whether v is one of those asked for; none asks for all.
func among[T comparable](asked []T, v T) bool { return len(asked) == 0 || slices.Contains(asked, v) }

// clockOf returns what happened to which clock, if that is what e says.
func clockOf(e *eventv1.Event) (ticketv1.SlaEvent_Kind, *eventv1.SlaClockRef) {
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_SlaWarning:
		return ticketv1.SlaEvent_KIND_WARNING, p.SlaWarning.GetClock()
	case *eventv1.Event_SlaBreached:
		return ticketv1.SlaEvent_KIND_BREACHED, p.SlaBreached.GetClock()
	case *eventv1.Event_SlaMet:
		return ticketv1.SlaEvent_KIND_MET, p.SlaMet.GetClock()
	}
	return ticketv1.SlaEvent_KIND_UNSPECIFIED, nil
}

func slaEvent(e *eventv1.Event) *ticketv1.SlaEvent {
	kind, c := clockOf(e)
	return &ticketv1.SlaEvent{Kind: kind, Ticket: c.GetTicket().GetTicket(), Instance: c.GetInstance(), EventTime: e.GetEventTime()}
}
