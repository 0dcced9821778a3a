// Command client is an example of a Go client: it opens a ticket, hears of it on a watch,
// and meets an error. Run it against a suite on this machine, or give it an address:
//
//	concentric up &
//	go run . 127.0.0.1:8080 brands/acme
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// serviceConfig tries calls again that a server did not do. Mutations carry a request_id,
// so that none is done twice.
const serviceConfig = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
	"methodConfig": [{
		"name": [{}],
		"retryPolicy": {
			"maxAttempts": 4, "initialBackoff": "0.02s", "maxBackoff": "0.5s", "backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

func main() {
	addr, brand := "127.0.0.1:8080", "brands/acme"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	if len(os.Args) > 2 {
		brand = os.Args[2]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, addr, brand); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1) //nolint:gocritic // the process ends anyway
	}
}

func run(ctx context.Context, addr, brand string) error {
	// A suite that is not on this machine has TLS (credentials.NewTLS) and asks for a
	// credential (oauth.TokenSource, or "authorization" in the outgoing metadata).
	conn, err := grpc.NewClient(addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig))
	if err != nil {
		return err
	}
	defer conn.Close()
	tickets := ticketv1.NewTicketServiceClient(conn)

	watch, err := tickets.WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: brand})
	if err != nil {
		return err
	}
	if _, err := until(watch, func(m *ticketv1.WatchTicketsResponse) bool {
		return m.GetChange() == ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT_COMPLETE
	}); err != nil {
		return fmt.Errorf("watch tickets: %w", err)
	}

	request := &ticketv1.CreateTicketRequest{
		Parent: brand, RequestId: uuid.NewString(),
		Ticket: &ticketv1.Ticket{Customer: brand + "/customers/ann", Subject: "Billed twice", Channel: typev1.Channel_CHANNEL_WEB},
	}
	ticket, err := tickets.CreateTicket(ctx, request)
	if err != nil {
		return fmt.Errorf("create ticket: %w", err)
	}
	if again, err := tickets.CreateTicket(ctx, request); err != nil || again.GetName() != ticket.GetName() {
		return fmt.Errorf("a repeat made %s: %w", again.GetName(), err)
	}
	heard, err := until(watch, func(m *ticketv1.WatchTicketsResponse) bool { return m.GetTicket().GetName() == ticket.GetName() })
	if err != nil {
		return fmt.Errorf("watch tickets: %w", err)
	}

	_, err = tickets.CreateTicket(ctx, &ticketv1.CreateTicketRequest{Parent: brand, Ticket: &ticketv1.Ticket{Customer: brand + "/customers/ann", Channel: typev1.Channel_CHANNEL_WEB}})
	field, err := violated(err)
	if err != nil {
		return err
	}
	fmt.Printf("%s heard as %s, refused for %s\n", ticket.GetName(), heard.GetChange(), field)
	return nil
}

// until reads a watch until a message is wanted. A program that listens for long keeps the
// last resume_token, and begins there again after an error.
func until(watch grpc.ServerStreamingClient[ticketv1.WatchTicketsResponse], wanted func(*ticketv1.WatchTicketsResponse) bool) (*ticketv1.WatchTicketsResponse, error) {
	for {
		m, err := watch.Recv()
		if err != nil || wanted(m) {
			return m, err
		}
	}
}

// violated returns the field that a request was refused for.
func violated(err error) (string, error) {
	if status.Code(err) != codes.InvalidArgument {
		return "", fmt.Errorf("a ticket without a subject: %w", err)
	}
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()[0].GetField(), nil
		}
	}
	return "", errors.New("a refusal names no field")
}
