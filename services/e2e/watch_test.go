package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// TestAWatchGoesOn: who watches tickets through the gateway sees them change, is told
// when the service is gone, and goes on where it was when that is back.
func TestAWatchGoesOn(t *testing.T) {
	t.Parallel()
	s := split(t)
	brand := s.grpc().brand(t)
	old := s.grpc().open(t, brand+"/customers/ann", typev1.Channel_CHANNEL_EMAIL, noon)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream := must(s.door().tickets.WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: brand}))(t)
	if m := must(stream.Recv())(t); m.GetChange() != ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT || m.GetTicket().GetName() != old.GetName() {
		t.Errorf("the watch begins with %v, want what is there", m)
	}
	if m := must(stream.Recv())(t); m.GetChange() != ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT_COMPLETE || m.GetResumeToken() == "" {
		t.Errorf("after all that is there comes %v", m)
	}
	s.grpc().resolve(t, old, noon.Add(time.Hour))
	token := must(changed(stream, old.GetName(), ticketv1.Ticket_STATE_RESOLVED))(t)

	s.parts["ticket"].kill(t)
	for {
		if _, err := stream.Recv(); err != nil {
			refused(t, err, codes.Unavailable, "")
			break
		}
	}
	s.start(t, "ticket")
	next := s.grpc().open(t, brand+"/customers/ann", typev1.Channel_CHANNEL_EMAIL, noon.Add(2*time.Hour))
	eventually(t, func() (err error) { // once the gateway has found it again
		stream = must(s.door().tickets.WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: brand, ResumeToken: token}))(t)
		_, err = changed(stream, next.GetName(), ticketv1.Ticket_STATE_NEW)
		return err
	})
}

// changed reads a watch until a ticket is in a state, and returns the token to go on
// with. Nothing but changes may come, some of them again.
func changed(stream grpc.ServerStreamingClient[ticketv1.WatchTicketsResponse], ticket string, state ticketv1.Ticket_State) (token string, err error) {
	for {
		m, err := stream.Recv()
		if err != nil {
			return "", err
		}
		switch m.GetChange() {
		case ticketv1.WatchTicketsResponse_CHANGE_HEARTBEAT:
		case ticketv1.WatchTicketsResponse_CHANGE_CHANGED:
			if m.GetTicket().GetName() == ticket && m.GetTicket().GetState() == state {
				return m.GetResumeToken(), nil
			}
		default:
			return "", fmt.Errorf("the watch says %v", m)
		}
	}
}
