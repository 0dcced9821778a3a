package rpc

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestAPreparedMessageReachesAllWatchersAlike(t *testing.T) {
	want := &ticketv1.WatchTicketsResponse{Ticket: create().GetTicket(), ResumeToken: "token"}
	p, err := Prepare(want)
	if err != nil {
		t.Fatal(err)
	}
	both(t, newTickets(Config{}, watched(func(ss watcher) error { return ss.SendMsg(p) })), func(t *testing.T, conn grpc.ClientConnInterface) {
		for range 2 {
			stream, err := watch(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			got, err := stream.Recv()
			if err != nil || !proto.Equal(got, want) {
				t.Fatalf("message = %v, %v, want %v", got, err, want)
			}
			got.GetTicket().Subject = "the client's"
		}
	})
}
