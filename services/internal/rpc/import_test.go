package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

type importer = grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]

// counting takes rows and answers how many of them keep their contract.
func counting(ss importer) error {
	answer, rules := &ticketv1.ImportTicketsResponse{}, NewValidator()
	for {
		row, err := ss.Recv()
		switch {
		case errors.Is(err, io.EOF):
			ss.SetTrailer(metadata.Pairs("x-seen", "1"))
			return ss.SendAndClose(answer)
		case err != nil:
			return err
		case rules.Message(row) != nil:
			answer.RefusedCount++
		default:
			answer.ImportedCount++
		}
	}
}

// row is a row for the brand that nobody has anything against.
func row(brand string) *ticketv1.ImportTicketsRequest {
	ticket := create().GetTicket()
	ticket.Customer = brand + "/customers/ann"
	return &ticketv1.ImportTicketsRequest{Parent: brand, TicketId: "7", Ticket: ticket}
}

// send imports rows and returns the answer.
func send(ctx context.Context, conn grpc.ClientConnInterface, rows ...*ticketv1.ImportTicketsRequest) (*ticketv1.ImportTicketsResponse, error) {
	stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := stream.Send(row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

// importing runs test on a server, on one that forwards to it inside the process, and
// on one that forwards to it by gRPC.
func importing(t *testing.T, take func(importer) error, test func(*testing.T, grpc.ClientConnInterface)) {
	t.Helper()
	behind := newTickets(Config{Auth: keys(t)}, tickets{take: take})
	fronts := map[string]grpc.ClientConnInterface{"forwarded in process": behind.Local(), "forwarded by gRPC": dial(t, listen(t, behind), ClientConfig{})}
	t.Run("direct", func(t *testing.T) { both(t, newTickets(Config{Auth: keys(t)}, tickets{take: take}), test) })
	for name, conn := range fronts {
		t.Run(name, func(t *testing.T) {
			front := NewServer(Config{Auth: keys(t)})
			front.Forward(&ticketv1.TicketService_ServiceDesc, conn)
			if err := front.Check(); err != nil {
				t.Fatal(err)
			}
			both(t, front, test)
		})
	}
}

func TestRowsThatBreakTheContractAreLeftToTheHandler(t *testing.T) {
	importing(t, counting, func(t *testing.T, conn grpc.ClientConnInterface) {
		own := as(t.Context(), acmeKey)
		broken := row("brands/acme")
		broken.Ticket.Subject = "\x00"
		foreign := row("brands/acme")
		foreign.Ticket.Customer = "brands/other/customers/ann"
		got, err := send(own, conn, row("brands/acme"), broken, foreign, row(""), row("brands/"), row("junk"), row("brands/-"), row("brands/Acme"), row("brands/acme"))
		if err != nil {
			t.Fatal(err)
		}
		if got.GetImportedCount() != 2 || got.GetRefusedCount() != 7 {
			t.Errorf("answer = %v, want 2 imported and 7 refused", got)
		}
		if got, err := send(own, conn); err != nil || got.GetImportedCount() != 0 {
			t.Errorf("no rows = %v, %v, want an empty answer", got, err)
		}
		if got, err := send(as(t.Context(), rootKey), conn, row("brands/acme"), row("brands/other")); err != nil || got.GetImportedCount() != 2 {
			t.Errorf("for any brand = %v, %v, want 2 imported", got, err)
		}
	})
}

func TestStreamsOfRowsPassTheOtherChecks(t *testing.T) {
	importing(t, counting, func(t *testing.T, conn grpc.ClientConnInterface) {
		_, err := send(t.Context(), conn, row("brands/acme"))
		refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
		_, err = send(as(t.Context(), readerKey), conn, row("brands/acme"))
		refused(t, err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = send(as(t.Context(), partnerKey), conn, row("brands/acme"))
		refused(t, err, codes.PermissionDenied, "PARTNER_BOUND")
		for _, rows := range [][]*ticketv1.ImportTicketsRequest{
			{row("brands/other")}, {row("brands/acme"), row("brands/other")}, {row("brands/acme"), row("brands/other\x00/junk"), row("brands/other/junk")},
		} {
			_, err = send(as(t.Context(), acmeKey), conn, rows...)
			if s := refused(t, err, codes.NotFound, "NOT_FOUND"); s.Message() != "brands/other does not exist" {
				t.Errorf("message = %q, want one about brands/other", s.Message())
			}
		}
		if strings.HasSuffix(t.Name(), "socket") {
			large := row("brands/acme")
			large.Ticket.Subject = strings.Repeat("x", maxMessage)
			_, err = send(as(t.Context(), acmeKey), conn, row("brands/acme"), large)
			refused(t, err, codes.InvalidArgument, "MESSAGE_TOO_LARGE")
		}
	})
}

func TestTrailersAndManyRowsComeThrough(t *testing.T) {
	importing(t, counting, func(t *testing.T, conn grpc.ClientConnInterface) {
		stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(as(t.Context(), acmeKey))
		if err != nil {
			t.Fatal(err)
		}
		const n = 500
		for i := range n {
			r := row("brands/acme")
			r.TicketId = fmt.Sprint("t", i)
			if err := stream.Send(r); err != nil {
				t.Fatal(err)
			}
		}
		got, err := stream.CloseAndRecv()
		if err != nil || got.GetImportedCount() != n {
			t.Errorf("answer = %v, %v, want %d imported", got, err, n)
		}
		if seen := stream.Trailer().Get("x-seen"); len(seen) != 1 {
			t.Errorf("trailer = %v, want x-seen", stream.Trailer())
		}
	})
}

func TestARefusalReachesAClientThatIsSilent(t *testing.T) {
	refuse := func(ss importer) error {
		if _, err := ss.Recv(); err != nil {
			return err
		}
		return fault.Stale("x")
	}
	importing(t, refuse, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithTimeout(as(t.Context(), acmeKey), 20*time.Second)
		defer cancel()
		stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(row("brands/acme")); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		refused(t, stream.RecvMsg(&ticketv1.ImportTicketsResponse{}), codes.Aborted, "STALE")
	})
}

func TestAnImportWhoseClientGoesAwayIsCancelled(t *testing.T) {
	entered, left := make(chan struct{}), make(chan error)
	importing(t, func(ss importer) error {
		if _, err := ss.Recv(); err != nil {
			return err
		}
		entered <- struct{}{}
		err := counting(ss)
		left <- err
		return err
	}, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, cancel := context.WithCancel(as(t.Context(), acmeKey))
		stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(row("brands/acme")); err != nil {
			t.Fatal(err)
		}
		<-entered
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) && status.Code(err) != codes.Canceled {
			t.Errorf("the handler saw %v, want Canceled", err)
		}
	})
}

func TestAClientThatStopsSendingIsCutOff(t *testing.T) { // A52
	synctest.Test(t, func(t *testing.T) {
		conn := newTickets(Config{}, tickets{take: counting}).Local()
		stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 3 {
			time.Sleep(maxIdle - time.Second)
			if err := stream.Send(row("brands/acme")); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, stream.RecvMsg(&ticketv1.ImportTicketsResponse{}), codes.DeadlineExceeded, "IDLE")
		if took, want := time.Since(began), 4*maxIdle-3*time.Second; took != want {
			t.Errorf("cut off after %v, want %v", took, want)
		}
	})
}

func TestAnImportEndsAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := newTickets(Config{}, tickets{take: counting}).Local()
		stream, err := ticketv1.NewTicketServiceClient(conn).ImportTickets(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for stream.Send(row("brands/acme")) == nil {
			time.Sleep(30 * time.Second)
		}
		refused(t, stream.RecvMsg(&ticketv1.ImportTicketsResponse{}), codes.DeadlineExceeded, "DEADLINE_EXCEEDED")
		if took := time.Since(began); took < maxStream || took > maxStream+time.Minute {
			t.Errorf("it took %v, want %v", took, maxStream)
		}
	})
}

func TestImportsUnderWayAreWaitedForWhenTheServerStops(t *testing.T) {
	began := make(chan struct{})
	srv := newTickets(Config{}, tickets{take: func(ss importer) error {
		if _, err := ss.Recv(); err != nil {
			return err
		}
		close(began)
		return counting(ss)
	}})
	stream, err := ticketv1.NewTicketServiceClient(connect(t, listen(t, srv))).ImportTickets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(row("brands/acme")); err != nil {
		t.Fatal(err)
	}
	soon(t, "the import", began)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.GracefulStop(t.Context())
	}()
	<-srv.stopping.Done()
	if err := stream.Send(row("brands/acme")); err != nil {
		t.Fatal(err)
	}
	if got, err := stream.CloseAndRecv(); err != nil || got.GetImportedCount() != 1 {
		t.Errorf("answer = %v, %v, want the import finished", got, err)
	}
	soon(t, "GracefulStop", stopped)
}
