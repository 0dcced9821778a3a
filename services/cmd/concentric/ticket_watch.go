package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// A watchTicketsCmd shows tickets as they change.
type watchTicketsCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'team = \"brands/acme/teams/night\"'." placeholder:"FILTER"`
}

// Run implements the command. It ends with ctx, which is no error.
func (c *watchTicketsCmd) Run(ctx context.Context) error {
	req := &ticketv1.WatchTicketsRequest{Parent: "brands/" + c.Brand, Filter: c.Filter}
	return c.call(func(conn grpc.ClientConnInterface) error {
		return again(ctx, func() (token string, err error) {
			err = c.follow(ctx, conn, req)
			return req.GetResumeToken(), err
		})
	})
}

// again follows a stream until ctx ends, which is no error: after a break, or where the
// terminal was too slow, it goes on where it was. What never began does not.
func again(ctx context.Context, follow func() (token string, err error)) error {
	for {
		token, err := follow()
		if ctx.Err() != nil {
			return nil
		}
		if code := status.Code(err); token == "" || code != codes.Unavailable && code != codes.Aborted {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// follow shows what one stream brings and remembers in req how far it came.
func (c *watchTicketsCmd) follow(ctx context.Context, conn grpc.ClientConnInterface, req *ticketv1.WatchTicketsRequest) error {
	stream, err := ticketv1.NewTicketServiceClient(conn).WatchTickets(ctx, req)
	if err != nil {
		return err
	}
	for {
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		if res.GetResumeToken() != "" {
			req.ResumeToken = res.GetResumeToken()
		}
		if err := c.show(res); err != nil {
			return err
		}
	}
}

func (c *watchTicketsCmd) show(res *ticketv1.WatchTicketsResponse) error {
	if c.Output == "json" {
		line, err := protojson.Marshal(res)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(os.Stdout, string(line))
		return err
	}
	if res.GetTicket() != nil {
		fmt.Printf("%s  %s\n", pad(shown(res.GetChange().String(), "CHANGE_"), 8), ticketLine(res.GetTicket()))
	}
	if res.GetChange() == ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT_COMPLETE {
		fmt.Println("── that is all there is; changes follow")
	}
	return nil
}
